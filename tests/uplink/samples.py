"""Entries and released deliveries for the tests of uplinks."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from gateway.clock import Instant
from gateway.consent.gate import Delivery, Released, decide
from gateway.consent.grant import ConsentText, Grant, Purpose
from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import Correction, Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import identity
from gateway.domain.quantity import Quantity, Unit, mg_dl_from_mmol_l
from gateway.domain.reading import Kind, Measure, Reading
from gateway.domain.subject import Attribution, SubjectId

PARIS_WINTER = timezone(timedelta(hours=1))
MEASURED = datetime(2026, 3, 2, 7, 41, 5, 730_000, tzinfo=PARIS_WINTER)
ALICE = SubjectId("subject-alice")
BOB = SubjectId("subject-bob")

CUFF = Device(
    id=DeviceId("ble:A4:C1:38:12:34:56"),
    driver="bp_monitor/bluetooth_sig",
    manufacturer="ACME",
    model="BP1",
    firmware="2.3",
    system_id="A4-C1-38-FF-FE-12-34-56",
)
SENSOR = Device(
    id=DeviceId("ble:A4:C1:38:00:00:09"),
    driver="cgm/bluetooth_sig",
    manufacturer="ACME",
    model="CGM1",
    serial="SN-77",
)


def values(**numbers: tuple[str, Unit]) -> dict[Measure, Quantity]:
    return {
        Measure(name): Quantity(value=Decimal(number), unit=unit)
        for name, (number, unit) in numbers.items()
    }


MMHG, PER_MINUTE = Unit.MMHG, Unit.PER_MINUTE

NUMBERS: dict[Kind, dict[Measure, Quantity]] = {
    Kind.BLOOD_PRESSURE: values(
        systolic=("124", MMHG), diastolic=("78", MMHG), mean_arterial=("93.5", MMHG)
    ),
    Kind.HEART_RATE: values(pulse_rate=("64", PER_MINUTE)),
    Kind.WEIGHT: values(weight=("71.300", Unit.KILOGRAM)),
    Kind.HEIGHT: values(height=("172.0", Unit.CENTIMETRE)),
    Kind.BLOOD_GLUCOSE: {Measure.GLUCOSE: mg_dl_from_mmol_l(Decimal("5.80"))},
    Kind.BLOOD_KETONE: values(ketone=("1.4", Unit.MILLIMOLE_PER_LITRE)),
    Kind.MEAN_INTERSTITIAL_GLUCOSE: values(
        glucose=("142", Unit.MILLIGRAM_PER_DECILITRE),
        days=("14", Unit.COUNT),
        samples=("4012", Unit.COUNT),
    ),
    Kind.GLUCOSE_MANAGEMENT_INDICATOR: values(
        glucose_management_indicator=("6.7", Unit.PERCENT),
        days=("14", Unit.COUNT),
        samples=("4012", Unit.COUNT),
    ),
    Kind.GLUCOSE_REPORT: values(days=("14", Unit.COUNT), samples=("4012", Unit.COUNT)),
    Kind.BODY_TEMPERATURE: values(temperature=("36.70", Unit.CELSIUS)),
    Kind.OXYGEN_SATURATION: values(oxygen_saturation=("97", Unit.PERCENT)),
    Kind.BODY_COMPOSITION: values(body_fat=("21.5", Unit.PERCENT)),
    Kind.INTERSTITIAL_GLUCOSE: values(glucose=("142", Unit.MILLIGRAM_PER_DECILITRE)),
}


def entry(
    kind: Kind = Kind.WEIGHT,
    *,
    numbers: dict[Measure, Quantity] | None = None,
    device: Device = CUFF,
    subject: SubjectId = ALICE,
    record: str = "seq:1",
    flags: frozenset[str] = frozenset(),
    measured_at: datetime = MEASURED,
) -> Entry:
    reading = Reading(
        device=device.id,
        kind=kind,
        values=NUMBERS[kind] if numbers is None else numbers,
        received=Instant(measured_at.astimezone(UTC), 100.0, "test-boot"),
        record=record,
        flags=flags,
    )
    timing = Timing(measured_at, timedelta(), Correction.MEASURED_OFFSET, timedelta(0), True)
    return Entry(identity(reading), reading, timing, subject, Attribution.ASSIGNMENT, device)


def released(
    what: Entry | None = None,
    *,
    destination: str = "mes",
    attempt: int = 1,
    unsettled: bool = False,
    earlier: tuple[Timing, ...] = (),
) -> Released:
    what = what or entry()
    assert what.subject is not None
    grant = Grant(
        id="grant-1",
        subject=what.subject,
        destination=destination,
        kinds=frozenset(Kind),
        purpose=Purpose.HEALTH_RECORD,
        given_at=MEASURED,
        covers_from=datetime(2020, 1, 1, tzinfo=UTC),
        given_by="somebody",
        text=ConsentText(version="1", language="fr", sha256="0" * 64),
    )
    decision = decide(Delivery(what, destination, attempt, unsettled, earlier), (grant,), MEASURED)
    assert isinstance(decision, Released)
    return decision
