"""What an operator says of a destination.

Of Mon espace santé only the formats are public: addresses and secrets come with the contract, so
there is no default for any of them.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gateway.domain.reading import Kind
from gateway.errors import ConfigError
from gateway.uplink.mes_terms import (
    DEFAULT_KINDS,
    SLOTS,
    DeviceLink,
    Dialect,
    Profiles,
    Terminology,
)


class ClientAuth(StrEnum):
    """How the gateway names itself at the token endpoint (RFC 6749 section 2.3.1)."""

    BASIC = "basic"
    """In the Authorization header."""
    POST = "post"
    """In the form."""


Seconds = Annotated[float, Field(gt=0, le=600)]


class MesSettings(BaseModel):
    """A `[[destinations]]` table of type `mes`, which is what one without a type is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["mes"] = "mes"
    """Which of the four types of destination this is."""
    name: str = "mes"
    """The destination's name in grants and in the outbox: changing it orphans both."""
    title: str = "Mon espace santé"
    """What the screens call it."""

    allow_loopback_http: bool = False
    """Admit `http://` to this machine itself, for a simulator. Never to another."""
    base_url: str = Field(examples=["https://health-space.example/fhir"])
    """The FHIR base, such as the contract gives it; bundles are posted to this very address."""
    formerly: tuple[str, ...] = ()
    """Addresses that this same service had before, as receipts show them: who consented while it
    was at one of these need not consent anew."""
    authorize_url: str | None = None
    """Where a person pairs; unset if people pair elsewhere."""
    redirect_uri: str | None = None
    """Where their browser comes back to, as registered there; unset: the address of the screens."""
    token_url: str = Field(examples=["https://health-space.example/token"])
    """Where codes and refresh tokens are exchanged (RFC 6749 section 3.2)."""
    revoke_url: str | None = None
    """Where a pairing that a person ends is revoked (RFC 7009); unset: it is but forgotten here."""
    ca_file: Path | None = None
    """PEM certificates to trust instead of the system's."""
    certificate_file: Path | None = None
    """PEM certificate of the gateway, where the server demands one; with `key_file`."""
    key_file: Path | None = None
    """The private key to `certificate_file`."""

    client_id: str = Field(min_length=1, examples=["gateway"])
    """What the health space calls this gateway."""
    client_secret: SecretStr | None = None
    """Its secret there, if it has one; better in a file."""
    client_secret_file: Path | None = None
    """A file that holds it; only the gateway's user should be able to read it."""
    client_auth: ClientAuth = ClientAuth.BASIC
    """Where they are told: `basic`, in a header, or `post`, in the form."""
    scope: str | None = None
    """What is asked for; unset: what the health space gives by itself."""
    id_token_header: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["X-Id-Token"])
    """The HTTP header that carries the id_token."""
    patient_claim: str = "idPe"
    """The claim of the id_token that holds the person's identifier."""
    patient_system_claim: str | None = None
    """The claim that holds the OID of that identifier; unset: it is `solution_oid`."""
    solution_oid: str = Field(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$", examples=["1.2.250.1.999.1"])
    """The OID of the sending solution, dotted, as registered with the health space."""

    content_type: str = Field("application/fhir+json", pattern=r"^[a-z]+/[a-z0-9.+-]+$")
    """What the bundles are said to be."""
    profiles: Profiles = Profiles.GUIDE
    """Whose profiles readings claim: those of the published `guide`, or those that a demonstration
    `server` derives from them."""
    terminology: Terminology = Terminology.API_1_5_2
    """The server's codes of glucose: those of `api-1.5.2`, or of the value sets of `smt-2025`."""
    device_link: DeviceLink = DeviceLink.ID
    """How a reading names its device: by `id`, as Mon espace santé demands, or by `full_url`, which
    any other FHIR server resolves."""
    kinds: frozenset[Kind] = DEFAULT_KINDS
    """Naming body temperature or oxygen saturation here is what switches them on."""

    connect_timeout_s: Seconds = 10
    """How long a connection may take to open."""
    answer_timeout_s: Seconds = 30
    """How long an answer may take; after that it is searched for."""
    max_concurrent: int = Field(4, ge=1, le=64)
    """How many requests may be on their way at once."""

    @field_validator("base_url", "authorize_url", "token_url", "revoke_url")
    @classmethod
    def _encrypted(cls, url: str | None, info: ValidationInfo) -> str | None:
        return None if url is None else encrypted(url, info.data.get("allow_loopback_http", False))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("give client_secret or client_secret_file, not both.")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: give both, or neither.")
        without = [k for k in self.kinds if k not in SLOTS or not SLOTS[k].profile(self.profiles)]
        if without:
            raise ValueError(
                f"the health space takes no {', '.join(sorted(without))}: take that out of kinds."
            )
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it is, and where it was before."""
        return (canonical(self.base_url), *self.formerly)

    @property
    def pairs_at(self) -> tuple[str, ...]:
        """What says where tokens are from and where they are good: theirs alone, or as before."""
        return tuple(f"{canonical(self.token_url)} {each}" for each in self.addresses)

    @property
    def dialect(self) -> Dialect:
        """How this server wants its bundles."""
        return Dialect(self.solution_oid, self.profiles, self.terminology, self.device_link)

    def read_client_secret(self) -> str | None:
        """Return the client's secret; None for a client that has none. Raises ConfigError."""
        if self.client_secret is not None:
            return self.client_secret.get_secret_value()
        if self.client_secret_file is None:
            return None
        try:
            secret = self.client_secret_file.read_text().strip()
        except OSError as error:
            raise ConfigError(
                f"{self.name}: client_secret_file cannot be read ({error.strerror}): check its "
                "path and that the gateway's user may read it."
            ) from error
        if not secret:
            raise ConfigError(f"{self.name}: client_secret_file is empty: put the secret in it.")
        return secret


def encrypted(url: str, allow_loopback_http: bool) -> str:
    """Return the address of a server without its last slash. Raises ValueError if it is no https.

    `allow_loopback_http` admits `http://` to this machine itself.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is looked at only now
    except ValueError:
        raise ValueError("is no address: check its brackets and its port.") from None
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a plain URL: no user, no query, no fragment.")
    loopback = allow_loopback_http and is_loopback(parts.hostname)
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ValueError("must begin with https://, since nothing goes unencrypted.")
    return url.rstrip("/")


def canonical(url: str) -> str:
    """Return the address of a server as everyone who means the same one would write it."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Tell whether the name or address can only mean this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
