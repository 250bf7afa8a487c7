"""What a pairing with Mon espace santé begins with, holds, and says of the person. Pure.

Spec: RFC 6749 section 4.1.1; RFC 7636; OpenID Connect Core section 2.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import ConfigError, UplinkUnauthorised
from gateway.uplink.answers import json_object
from gateway.uplink.mes_mapping import PatientIdentifier
from gateway.uplink.settings import MesSettings

Token = Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=16_384)]
"""Printable ASCII without spaces: it goes into a header as it is."""

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
"""In place of an address to go back to: the code is shown, for the person to type."""


class Pairing(BaseModel):
    """The tokens of one person, as stored. Never printed, never logged."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    access_token: Token = Field(repr=False)
    id_token: Token = Field(repr=False)
    refresh_token: Token | None = Field(None, repr=False)
    expires_at: datetime | None = None
    given_for: str | None = None
    """Where they came from and go, as in `MesSettings.pairs_at`; those of before have none."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """Where to send a person's browser. `state` and `verifier` stay here until they come back."""

    url: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def authorization_request(settings: MesSettings, redirect_uri: str | None) -> AuthorizationRequest:
    """Begin a pairing. Raises ConfigError if the configuration names no authorize_url.

    Without an address to send the browser back to, the health space shows the person the code.
    """
    if settings.authorize_url is None:
        raise ConfigError(
            f"{settings.name}: nobody can pair without authorize_url: take it from the contract."
        )
    redirect_uri = redirect_uri or OUT_OF_BAND
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if settings.scope is not None:
        query["scope"] = settings.scope
    url = f"{settings.authorize_url}?{urlencode(query)}"
    return AuthorizationRequest(url, redirect_uri, state, verifier)


def patient_of(id_token: str, settings: MesSettings) -> PatientIdentifier:
    """Read from the id_token who the health space says the person is.

    Its signature is not checked: it comes from the token endpoint itself, over TLS, and is only
    repeated to the same health space, which checks it. Raises UplinkUnauthorised.
    """
    claims = _claims(id_token)
    patient = claims.get(settings.patient_claim)
    if not isinstance(patient, str) or not patient:
        raise UplinkUnauthorised(
            f"The id_token has no claim {settings.patient_claim}: check patient_claim."
        )
    oid: object = settings.solution_oid
    if settings.patient_system_claim is not None:
        oid = claims.get(settings.patient_system_claim)
    if not isinstance(oid, str) or not oid:
        raise UplinkUnauthorised(
            f"The id_token has no claim {settings.patient_system_claim}: check "
            "patient_system_claim."
        )
    return PatientIdentifier(f"urn:oid:{oid.removeprefix('urn:oid:')}", patient)


def is_over(id_token: str, now: datetime) -> bool:
    """Tell whether the id_token says that it is good no more (OpenID Connect Core section 2)."""
    until = _claims(id_token).get("exp")
    return isinstance(until, int | Decimal) and until <= now.timestamp()


def _claims(id_token: str) -> dict[str, Any]:
    segments = id_token.split(".")
    try:
        payload = base64.urlsafe_b64decode(segments[1] + "=" * (-len(segments[1]) % 4))
    except (IndexError, ValueError):
        payload = b""
    claims = json_object(payload)
    if len(segments) != 3 or claims is None:
        raise UplinkUnauthorised("The id_token is no JSON web token: pair this person again.")
    return claims
