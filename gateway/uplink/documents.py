"""A place for documents as a destination: each is put there once, and looked for after a doubt.

How it gets there is a transport's business, of which there are two: a FHIR server
(`documents_fhir`) and a folder (`documents_folder`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from gateway.clock import Clock
from gateway.consent.gate import Released
from gateway.domain.document import Document
from gateway.domain.receipt import Receipt
from gateway.errors import UplinkRejected, UplinkUnauthorised
from gateway.uplink.document_reference import (
    Resource,
    document_of,
    identifier_of,
    to_document_reference,
)
from gateway.uplink.documents_settings import DocumentsSettings
from gateway.uplink.mes_mapping import PatientIdentifier


@dataclass(frozen=True, slots=True)
class Filing:
    """A document on its way: its bytes, what is said of it, and what identifies both there."""

    identifier: str
    patient: PatientIdentifier
    document: Document = field(repr=False)
    resource: Resource = field(repr=False)


class Deposit(Protocol):
    """Where documents are put."""

    async def put(self, filing: Filing, /) -> str:
        """Put a document there; returns what it is called there once it is there for good.

        Raises as `Uplink.send`.
        """
        ...

    async def find(self, filing: Filing, /) -> str | None:
        """Look for a document that may be there; None if it certainly is not.

        Raises as `Uplink.find`.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class DocumentsUplink:
    """Brings documents to one place."""

    def __init__(self, settings: DocumentsSettings, deposit: Deposit, clock: Clock) -> None:
        self._settings = settings
        self._deposit = deposit
        self._clock = clock

    @property
    def name(self) -> str:
        """The destination's name in the configuration."""
        return self._settings.name

    async def send(self, released: Released, /) -> Receipt:
        """Put one document there. Raises as `Uplink.send` says."""
        reference = await self._deposit.put(self._filing(released))
        return Receipt(self.name, reference, self._clock.now().utc)

    async def find(self, released: Released, /) -> Receipt | None:
        """Look for one document. Raises as `Uplink.find` says."""
        reference = await self._deposit.find(self._filing(released))
        if reference is None:
            return None
        return Receipt(self.name, reference, self._clock.now().utc, found=True)

    async def close(self) -> None:
        """Let go of connections."""
        await self._deposit.close()

    def _filing(self, released: Released) -> Filing:
        entry, settings = released.delivery.entry, self._settings
        if released.delivery.destination != self.name or entry.reading.kind not in settings.kinds:
            raise UplinkRejected(
                "This was not meant for this destination, which takes documents alone."
            )
        value = settings.patients.get(released.subject)
        if value is None or settings.patient_system is None:
            raise UplinkUnauthorised(
                "This person has no identifier at the destination: add them to its patients in "
                "the configuration."
            )
        patient = PatientIdentifier(settings.patient_system, value)
        return Filing(
            identifier=identifier_of(entry),
            patient=patient,
            document=document_of(entry),
            resource=to_document_reference(entry, patient, settings),
        )
