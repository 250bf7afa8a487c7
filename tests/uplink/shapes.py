"""Every shape of bundle that Mon espace santé can be sent: each measure, with all its options."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from typing import Any

from gateway.domain.device import Device, DeviceId
from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity, Unit, cm_from_in, kg_from_lb, mg_dl_from_mmol_l
from gateway.domain.reading import Kind, Measure
from gateway.uplink.mes_mapping import PatientIdentifier, to_bundle
from gateway.uplink.mes_terms import SLOTS, SUMMARIES, Dialect, Profiles, Terminology
from tests.uplink.samples import CUFF, MEASURED, MMHG, NUMBERS, SENSOR, entry, values

OID = "1.2.250.1.99999.1"


@dataclass(frozen=True)
class Shape:
    """One entry, said in one dialect."""

    name: str
    entry: Entry
    dialect: Dialect

    @property
    def kind(self) -> Kind:
        return self.entry.reading.kind

    def bundle(self, patient: PatientIdentifier) -> dict[str, Any]:
        return to_bundle(self.entry, patient, self.dialect)


def shapes() -> Iterator[Shape]:
    """Yield them all."""
    for name, made in _entries():
        for profiles in Profiles:
            if SLOTS[made.reading.kind].profile(profiles) is None:
                continue
            for terminology in Terminology:
                spoken = Dialect(OID, profiles, terminology)
                yield Shape(f"{name}, {profiles}, {terminology}", made, spoken)


def _entries() -> Iterator[tuple[str, Entry]]:
    for kind in sorted(SLOTS):
        yield f"{kind}", entry(kind)
    yield from _numbers()
    yield from _moments()
    yield from _periods()
    for name, device in DEVICES.items():
        yield f"weight from {name}", entry(device=device)
    for name, zone in ZONES.items():
        yield f"weight {name}", entry(measured_at=MEASURED.astimezone(zone))


def _numbers() -> Iterator[tuple[str, Entry]]:
    no_mean = values(systolic=("124", MMHG), diastolic=("78", MMHG))
    kilopascal = values(systolic=("120.0", MMHG), diastolic=("75.0", MMHG))
    yield "blood pressure without mean", entry(Kind.BLOOD_PRESSURE, numbers=no_mean)
    yield "blood pressure out of kPa", entry(Kind.BLOOD_PRESSURE, numbers=kilopascal)
    pounds, inches = kg_from_lb(Decimal("157.2")), cm_from_in(Decimal("68"))
    yield "weight out of lb", entry(Kind.WEIGHT, numbers={Measure.WEIGHT: pounds})
    yield "height out of in", entry(Kind.HEIGHT, numbers={Measure.HEIGHT: inches})
    for number in ("70", "70.0", "0.005", "7E+1", "250.000"):
        kilograms = {Measure.WEIGHT: Quantity(value=Decimal(number), unit=Unit.KILOGRAM)}
        yield f"weight {number}", entry(Kind.WEIGHT, numbers=kilograms)


def _moments() -> Iterator[tuple[str, Entry]]:
    native = {Measure.GLUCOSE: Quantity(value=Decimal("104"), unit=Unit.MILLIGRAM_PER_DECILITRE)}
    converted = {Measure.GLUCOSE: mg_dl_from_mmol_l(Decimal("5.8"))}
    for unit, numbers in (("mg/dL", native), ("mmol/L", converted)):
        for flag in ("fasting", "preprandial", "postprandial", "exercise", "casual", "bedtime"):
            flags = frozenset({flag})
            yield (
                f"blood glucose {flag} in {unit}",
                entry(Kind.BLOOD_GLUCOSE, numbers=numbers, flags=flags),
            )


def _periods() -> Iterator[tuple[str, Entry]]:
    for kind in SUMMARIES:
        for days in ("7", "14", "30", "90", "3"):
            numbers = NUMBERS[kind] | values(days=(days, Unit.COUNT))
            yield f"{kind} over {days}", entry(kind, numbers=numbers, device=SENSOR)


DEVICES = {
    "a device that says all of itself": CUFF.model_copy(
        update={"hardware": "A", "software": "1.0", "firmware": "2.3", "serial": "SN-1"}
    ),
    "a device with an address alone": Device(
        id=DeviceId("ble:x"), driver="scale/x", address="A4:C1:38:12:34:56"
    ),
    "a device with a serial number alone": Device(
        id=DeviceId("serial:x"), driver="scale/x", model="S1", serial="00042"
    ),
    "a device whose System ID is none": CUFF.model_copy(
        update={"system_id": "00-00-00-00-00-00-00-00", "address": "A4:C1:38:12:34:57"}
    ),
    "a device of no family": Device(
        id=DeviceId("ble:y"), driver="guest/y", address="A4:C1:38:12:34:58"
    ),
}
ZONES = {
    "in UTC": UTC,
    "in India": timezone(timedelta(hours=5, minutes=30)),
    "in Newfoundland": timezone(-timedelta(hours=3, minutes=30)),
}
