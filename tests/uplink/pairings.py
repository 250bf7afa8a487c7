"""Pairings with the health space for tests: a store in memory and tokens that say who they are."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.domain.subject import SubjectId
from gateway.uplink.mes_pairing import Pairing
from gateway.uplink.settings import MesSettings
from tests.uplink.samples import ALICE

OID = "1.2.250.1.99999.1"
IDPE = "canary-idPe-4711"


class MemoryStore:
    """A `TokenStore` that remembers the order of what it was given."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], bytes] = {}
        self.kept: list[Pairing] = []
        self.given_for: str | None = None
        """What the pairings that are put there say of where they are good."""

    async def pairing(self, subject: SubjectId, destination: str, /) -> bytes | None:
        return self.secrets.get((subject, destination))

    async def set_pairing(self, subject: SubjectId, destination: str, secret: bytes, /) -> None:
        self.secrets[subject, destination] = secret
        self.kept.append(Pairing.model_validate_json(secret))

    async def delete_pairing(self, subject: SubjectId, destination: str, /) -> None:
        self.secrets.pop((subject, destination), None)

    def pair(
        self,
        subject: SubjectId = ALICE,
        *,
        access: str = "access-1",
        refresh: str | None = "refresh-1",
        expires_at: datetime | None = None,
        **claims: object,
    ) -> Pairing:
        pairing = Pairing(
            access_token=access,
            id_token=id_token(**claims),
            refresh_token=refresh,
            expires_at=expires_at,
            given_for=self.given_for,
        )
        self.secrets[subject, "mes"] = pairing.model_dump_json().encode()
        return pairing


def id_token(**claims: object) -> str:
    return ".".join(_part(part) for part in ({"alg": "RS256"}, {"idPe": IDPE} | claims)) + ".c2ln"


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def settings(url: str = "http://127.0.0.1:9", **change: Any) -> MesSettings:
    given: dict[str, Any] = {
        "allow_loopback_http": True,
        "base_url": f"{url}/fhir",
        "authorize_url": f"{url}/authorize",
        "token_url": f"{url}/token",
        "client_id": "gateway",
        "client_secret": "canary-secret",
        "id_token_header": "X-Id-Token",
        "solution_oid": OID,
        "connect_timeout_s": 5,
        "answer_timeout_s": 5,
    }
    return MesSettings.model_validate(given | change)


def secret_file(folder: Path, content: str) -> Path:
    path = folder / "secret"
    path.write_text(content)
    return path
