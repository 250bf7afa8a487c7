"""What the tests of the generic FHIR destination have in common."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from gateway.clock import Instant
from gateway.consent.correction import ReleasedCorrection
from gateway.domain.correction import Wrong
from gateway.domain.entry import Entry
from gateway.domain.reading import ClockSample, DeviceTime, Kind
from gateway.domain.receipt import Receipt
from gateway.testing.clock import ManualClock
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.fhir_identifiers import Sender
from gateway.uplink.fhir_phd import to_transaction
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.mes_mapping import encode
from gateway.uplink.mqtt_message import pseudonym
from tests.uplink.samples import ALICE, CUFF, MEASURED, entry, released
from tests.uplink.scripted_server import Action, scripted_server

RANDOM = CUFF.model_copy(update={"system_id": None, "address": "C4:00:00:00:00:07", "serial": "7"})
SENDER = Sender("urn:example:patients", "p-1", "hub1")


def settings(base_url: str, **given: Any) -> FhirSettings:
    return FhirSettings(
        **{
            "name": "clinic",
            "allow_loopback_http": True,
            "base_url": base_url,
            "gateway": "hub1",
            "patient_system": "urn:example:patients",
            **given,
        }
    )


@asynccontextmanager
async def uplink_to(base_url: str, **given: Any) -> AsyncIterator[FhirUplink]:
    uplink = FhirUplink(settings(base_url, **given), ManualClock(MEASURED))
    try:
        yield uplink
    finally:
        await uplink.close()


async def held(base_url: str, query: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/{query}") as answer:
        return [each["resource"] for each in (await answer.json()).get("entry", [])]


def out(what: Entry) -> Any:
    return released(what, destination="clinic")


def stamped(
    kind: Kind = Kind.WEIGHT,
    stamp: str = "2026-03-02T07:40:00",
    utc_offset: timedelta | None = None,
    **given: Any,
) -> Entry:
    """An entry whose device told its own time, and its clock's, which was a minute slow."""
    made = entry(kind, **given)
    shown = datetime.fromisoformat(stamp)
    told = DeviceTime(
        stamp=shown,
        raw=stamp,
        utc_offset=utc_offset,
        clock=ClockSample(shown=shown, at=Instant(MEASURED.astimezone(UTC), 100.0, "boot")),
    )
    return replace(made, reading=made.reading.model_copy(update={"device_time": told}))


def corrected(what: Entry, wrong: Wrong, reference: str | None) -> ReleasedCorrection:
    return ReleasedCorrection(1, wrong, reference, out(what))


async def read(base_url: str, reference: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/{reference}") as answer:
        return dict(await answer.json())


def response(*statuses: str, named: str = "Observation/1") -> bytes:
    entries = [{"response": {"status": s, "location": named}} for s in statuses]
    return json.dumps(
        {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
    ).encode()


OUTCOME = json.dumps({"resourceType": "OperationOutcome", "issue": []}).encode()


async def found(*answers: Action) -> Receipt | None:
    """Search on a server that answers so."""
    async with scripted_server() as scripted:
        scripted.plays("/fhir/Observation", *answers)
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            return await uplink.find(out(entry()))


def observation(**changed: Any) -> dict[str, Any]:
    """What a server may show of the reading."""
    ours = to_transaction(entry(), replace(SENDER, patient=pseudonym(ALICE, "clinic")))
    plain: dict[str, Any] = json.loads(encode(ours["entry"][-1]["resource"]))
    return {**plain, "id": "7", **changed}
