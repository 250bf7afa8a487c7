"""What the tests of the journal are about: a scale, a household, one destination or two."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.clock import Instant
from gateway.consent.grant import ConsentText, Grant, Purpose, Withdrawal
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Limit, Measure, Quality, Reading
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal, Routes
from gateway.journal.ledger import NOWHERE, Addresses
from gateway.testing.clock import START, ManualClock

ZONE = ZoneInfo("Europe/Paris")
SCALE = Device(id=DeviceId("ble:C0:FF:EE:00:00:01"), driver="scale/test", model="S1")
SENSOR = Device(id=DeviceId("ble:C0:FF:EE:00:00:02"), driver="cgm/test")
EVERYTHING = frozenset(Kind)
ROUTES = {"mes": EVERYTHING}
LONG_AGO = START - timedelta(days=400)
YEARS = timedelta(days=2000)


def open_journal(
    path: Path,
    clock: ManualClock | None = None,
    routes: Routes = ROUTES,
    addresses: Addresses = NOWHERE,
) -> Journal:
    return Journal.open(
        path, clock=clock or ManualClock(), zone=ZONE, routes=routes, addresses=addresses
    )


def weight(
    record: int,
    *,
    kg: str = "70.5",
    slot: str | None = None,
    at: datetime = START,
    quality: Quality = Quality.GOOD,
    device: DeviceId = SCALE.id,
) -> Reading:
    """Make a reading that was taken when it was received; `record` makes it one of its own."""
    return Reading(
        device=device,
        kind=Kind.WEIGHT,
        values={Measure.WEIGHT: Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)},
        received=Instant(at, 1000.0, "test-boot"),
        record=f"seq:{record}",
        slot=slot,
        quality=quality,
    )


def up(up_s: float, *, boot: str = "boot-1", wrong_by: timedelta = -YEARS) -> Instant:
    """Return an instant of a boot that began at START; unless it is right, it is not trusted."""
    utc = START + timedelta(seconds=up_s) + wrong_by
    return Instant(utc, up_s, boot, trusted=not wrong_by)


def weighed(record: int, received: Instant) -> Reading:
    return weight(record).model_copy(update={"received": received})


def undated(record: int) -> Reading:
    """Make a reading out of a memory whose clock was never set: when, nobody knows."""
    never_set = DeviceTime(stamp=datetime(2000, 1, 1), raw="d00701010000")  # noqa: DTZ001
    return weight(record).model_copy(update={"device_time": never_set, "live": False})


def glucose(record: int, mg_dl: str | None, at: datetime, limit: Limit | None = None) -> Reading:
    unit = Unit.MILLIGRAM_PER_DECILITRE
    values = {} if mg_dl is None else {Measure.GLUCOSE: Quantity(value=Decimal(mg_dl), unit=unit)}
    return Reading(
        device=SENSOR.id,
        kind=Kind.INTERSTITIAL_GLUCOSE,
        values=values,
        received=Instant(at, 1000.0, "test-boot"),
        record=f"seq:{record}",
        limit=limit,
    )


def ketone(record: int, mmol_l: str, at: datetime) -> Reading:
    value = Quantity(value=Decimal(mmol_l), unit=Unit.MILLIMOLE_PER_LITRE)
    return Reading(
        device=SENSOR.id,
        kind=Kind.BLOOD_KETONE,
        values={Measure.KETONE: value},
        received=Instant(at, 1000.0, "test-boot"),
        record=f"seq:{record}",
    )


def grant(
    subject: SubjectId,
    name: str = "grant-1",
    *,
    destination: str = "mes",
    kinds: frozenset[Kind] = EVERYTHING,
    covers_from: datetime = LONG_AGO,
    expires: datetime | None = None,
) -> Grant:
    return Grant(
        id=name,
        subject=subject,
        destination=destination,
        kinds=kinds,
        purpose=Purpose.HEALTH_RECORD,
        given_at=START,
        covers_from=covers_from,
        expires=expires,
        given_by="Ada",
        text=ConsentText(version="1", language="fr", sha256="0" * 64),
    )


def withdrawal(subject: SubjectId, name: str = "withdrawal-1") -> Withdrawal:
    return Withdrawal(id=name, subject=subject, destination="mes", at=START, withdrawn_by="Ada")


async def consenting(journal: Journal, slot: str | None = None) -> SubjectId:
    """Add a person whom the scale measures and who consents to everything."""
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, slot, subject, LONG_AGO)
    await journal.record_grant(grant(subject, f"grant-of-{subject}"))
    return subject
