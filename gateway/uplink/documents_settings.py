"""What an operator says of a place where documents are deposited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gateway.domain.reading import DOCUMENTS, Kind
from gateway.domain.subject import SubjectId
from gateway.uplink.fhir_settings import bearer_token
from gateway.uplink.settings import Seconds, canonical, encrypted

Coding = Annotated[str, StringConstraints(pattern=r"^[^|\s]+\|[^|\s]+$")]
"""A code and its system, as `system|code`."""

_ANS = "https://mos.esante.gouv.fr/NOS"


class DocumentsSettings(BaseModel):
    """A `[[destinations]]` table of type `documents`: a FHIR server, or a folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["documents"] = "documents"
    """Which of the four types of destination this is."""
    name: str = "documents"
    """The destination's name in grants and in the outbox: changing it orphans both."""
    title: str = "Mes documents de santé"
    """What the screens call it."""
    folder: Path | None = None
    """A folder that receives each document and its metadata; it is not made if it is not there."""
    allow_loopback_http: bool = False
    """Admit `http://` to this machine itself, for a simulator. Never to another."""
    base_url: str | None = None
    """The FHIR base of a server that takes documents (IHE MHD, simplified publish)."""
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

    patient_system: str | None = None
    """The system of the identifiers by which patients are known there, such as
    `urn:oid:1.2.250.1.213.1.4.8` for the INS."""
    patients: dict[SubjectId, str] = Field(default_factory=dict)
    """The identifier of each person there. A document is deposited for nobody else."""
    solution_oid: str | None = Field(
        default=None, pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$", examples=["1.2.250.1.999.1"]
    )
    """The OID of this solution, dotted, where it has one: it names the author."""
    profile: str = (
        "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-simplified-publish"
    )
    """The profile that a deposit claims; empty: none."""
    type_code: Coding = "http://loinc.org|107931-8"
    """What the document is: by default the report on continuous glucose of the HL7 guide."""
    class_code: Coding = f"{_ANS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument|10"
    """Its class: by default a report ("compte rendu")."""

    connect_timeout_s: Seconds = 10
    """How long a connection may take to open."""
    answer_timeout_s: Seconds = 30
    """How long an answer may take; after that it is searched for."""

    @field_validator("base_url")
    @classmethod
    def _encrypted(cls, url: str | None, info: ValidationInfo) -> str | None:
        return None if url is None else encrypted(url, info.data.get("allow_loopback_http", False))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.folder is None) == (self.base_url is None):
            raise ValueError("give folder or base_url: one place where documents go.")
        if self.token is not None and self.token_file is not None:
            raise ValueError("give token or token_file, not both.")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: give both, or neither.")
        if self.patients and self.patient_system is None:
            raise ValueError("patients need patient_system: what their identifiers are.")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it is, and where it was before."""
        here = str(self.folder) if self.base_url is None else canonical(self.base_url)
        return (here, *self.formerly)

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds it takes: documents, and never a reading."""
        return DOCUMENTS

    @property
    def max_concurrent(self) -> int:
        """One at a time: there are two a month."""
        return 1

    def read_token(self) -> str | None:
        """Return the bearer token; None if there is none. Raises UplinkUnavailable."""
        return bearer_token(self.name, self.token, self.token_file)
