"""What an operator says of a generic FHIR server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

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
from gateway.domain.subject import SubjectId
from gateway.errors import UplinkUnavailable
from gateway.uplink.fhir_terms import CODES
from gateway.uplink.mqtt_message import pseudonym
from gateway.uplink.settings import Seconds, canonical, encrypted


class FhirSettings(BaseModel):
    """A `[[destinations]]` table of type `fhir`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["fhir"] = "fhir"
    """Which of the four types of destination this is."""
    name: str = Field(examples=["hospital"])
    """The destination's name in grants and in the outbox: changing it orphans both."""
    title: str | None = None
    """What the screens call it."""
    allow_loopback_http: bool = False
    """Admit `http://` to this machine itself. Never to another."""
    base_url: str = Field(examples=["https://fhir.example.org/r4"])
    """The FHIR base."""
    formerly: tuple[str, ...] = ()
    """Addresses that this same service had before, as receipts show them: who consented while it
    was at one of these need not consent anew."""
    ca_file: Path | None = None
    """PEM certificates to trust instead of the system's."""
    certificate_file: Path | None = None
    """PEM certificate of the gateway, where the server demands one; with `key_file`."""
    key_file: Path | None = None
    """The private key to `certificate_file`."""
    token: SecretStr | None = None
    """A bearer token."""
    token_file: Path | None = None
    """A file that holds it; read anew for every request, so that something else may renew it."""

    gateway: str = Field(min_length=1, examples=["hub-1"])
    """What stands for this gateway; its identifier there is computed from it."""
    patient_system: str = Field(min_length=1, examples=["urn:oid:1.2.250.1.213.1.4.8"])
    """The system of the identifiers by which the server knows patients."""
    patients: dict[SubjectId, str] = Field(default_factory=dict)
    """The identifier of each person there; who is not named gets a pseudonym."""
    kinds: frozenset[Kind] = frozenset(CODES)
    """Which kinds of readings are for this destination."""

    max_entries: int = Field(default=100, ge=5, le=100)
    """How many entries a transaction holds at most; 5 is one reading. The guide allows 100."""

    connect_timeout_s: Seconds = 10
    """How long a connection may take to open."""
    answer_timeout_s: Seconds = 30
    """How long an answer may take; after that it is searched for."""
    max_concurrent: int = Field(default=4, ge=1, le=64)
    """How many requests may be on their way at once."""

    @field_validator("base_url")
    @classmethod
    def _https(cls, url: str, info: ValidationInfo) -> str:
        return encrypted(url, info.data.get("allow_loopback_http", False))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("give token or token_file, not both.")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: give both, or neither.")
        without = self.kinds - CODES.keys()
        if without:
            raise ValueError(
                f"there are no codes for {', '.join(sorted(without))}: take that out of kinds."
            )
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it is, and where it was before."""
        return (canonical(self.base_url), *self.formerly)

    def patient(self, subject: SubjectId) -> str:
        """Return the identifier by which the server knows the person."""
        return self.patients.get(subject) or pseudonym(subject, self.name)

    def read_token(self) -> str | None:
        """Return the bearer token; None if there is none. Raises UplinkUnavailable."""
        return bearer_token(self.name, self.token, self.token_file)


def bearer_token(name: str, token: SecretStr | None, token_file: Path | None) -> str | None:
    """Return the bearer token of a destination; None if there is none.

    Raises UplinkUnavailable if the file holds none: whatever renews it may be at it just now.
    """
    if token is not None:
        return token.get_secret_value()
    if token_file is None:
        return None
    try:
        read = token_file.read_text().strip()
    except OSError as error:
        raise UplinkUnavailable(
            f"{name}: token_file cannot be read ({error.strerror}): check its path and "
            "that the gateway's user may read it."
        ) from error
    except ValueError:  # no text
        read = ""
    if not re.fullmatch(r"[\x21-\x7e]+", read):
        raise UplinkUnavailable(f"{name}: token_file holds no token: put one in it, on one line.")
    return read
