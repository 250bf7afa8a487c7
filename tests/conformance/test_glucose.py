"""Rows of the Glucose Profile that no test of the driver stands for: the reserved and the odd."""

from __future__ import annotations

import pytest

from gateway.domain.reading import Quality, Reading
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER, codec
from gateway.drivers.glucose_meter.bluetooth_sig.session import FEATURE
from gateway.drivers.stored_records import StoredRecords
from gateway.errors import LinkTimeout, ProtocolError
from gateway.testing.links import ScriptedLink
from gateway.wire import racp
from tests.drivers.glucose_meter.bluetooth_sig.meter import MEASUREMENT, RACP, Meter, record, values

BASE = "ea07 02 0e 08 2d 1e"  # 2026-02-14T08:45:30


async def met(octets: bytes) -> list[Reading]:
    session = Meter({1: octets}).session()
    await DRIVER.converse(session)
    return session.readings


@pytest.mark.conformance("GLP/COL/GLF/BI-01")
def test_reserved_flags_of_a_measurement_change_nothing() -> None:
    said = codec.decode_measurement(bytes.fromhex(f"e2 0100 {BASE} 6eb0 11"))

    assert said.mg_dl == 110
    assert said.reserved_flag_bits == 0xE0


@pytest.mark.conformance("GLP/COL/GLF/BI-02")
@pytest.mark.parametrize("place", ["0b", "0f", "5b", "e1"])
async def test_a_reserved_type_or_location_changes_nothing(place: str) -> None:
    (reading,) = await met(record(1, 110, place=place))

    assert reading.quality is Quality.GOOD
    assert reading.flags == ({"capillary_whole_blood"} if place == "e1" else set())


@pytest.mark.conformance("GLP/COL/GLF/BI-03")
async def test_a_measurement_with_reserved_status_bits_is_kept_and_not_trusted() -> None:
    (reading,) = await met(record(1, 110, status="0010"))

    assert values_of(reading) == [110]
    assert reading.flags == {"unknown_status", "capillary_whole_blood"}
    assert reading.quality is Quality.QUESTIONABLE


@pytest.mark.conformance("GLP/COL/GLF/BI-04")
async def test_octets_after_a_measurement_change_nothing() -> None:
    (reading,) = await met(record(1, 110) + b"\x77")

    assert values_of(reading) == [110]


@pytest.mark.conformance(
    "GLP/COL/GLF/BI-05", "GLP/COL/GLF/BI-06", "GLP/COL/GLF/BI-07", "GLP/COL/GLF/BI-09"
)
def test_a_context_with_everything_reserved_is_read_to_its_end() -> None:
    octets = bytes.fromhex("ff 0100 ff ff05d0 02 f1 100e 32 ff05d0 38f0 0000")

    said = codec.decode_context(octets)

    assert (said.extended_flags, said.carbohydrate_id, said.medication_id) == (0xFF, 0xFF, 0xFF)
    assert (said.meal, said.exercise_duration_s, said.exercise_intensity_percent) == (2, 3600, 50)


@pytest.mark.conformance("GLP/COL/GLF/BI-10")
def test_octets_after_a_context_change_nothing() -> None:
    said = codec.decode_context(bytes.fromhex("02 0100 02 00000000"))

    assert (said.meal, said.trailing_octets) == (2, "00000000")


@pytest.mark.conformance("GLP/COL/GLF/BV-13", "GLP/COL/GLF/BI-11", "GLP/COL/GLD/BV-10")
def test_the_feature_is_read_and_its_reserved_bits_are_ignored() -> None:
    said = codec.decode_feature(bytes.fromhex("01fc"))

    assert FEATURE in DRIVER.manifest.decodes.values()
    assert (said.raw, said.features) == (0xFC01, ("low_battery", "multiple_bonds"))


@pytest.mark.conformance(
    "GLP/COL/SPR/BV-02",
    "GLP/COL/SPR/BV-04",
    "GLP/COL/SPR/BV-05",
    "GLP/COL/SPR/BV-06",
    "GLP/COL/SPR/BV-07",
    "GLP/COL/SPA/BV-01",
    "R-CGMP-R3",
)
@pytest.mark.parametrize(
    ("octets", "operator"),
    [
        ("01 02 01 0500", "le"),
        ("01 03 02 ea07 01 02 0a 0b 0c", "ge"),
        ("01 04 01 0500 0a00", "range"),
        ("01 05", "first"),
        ("01 06", "last"),
        ("03 00", "null"),
    ],
)
def test_requests_that_the_gateway_does_not_make_are_known(octets: str, operator: str) -> None:
    command = racp.decode_command(bytes.fromhex(octets))

    assert command.operator == operator


@pytest.mark.conformance("GLP/COL/SPE/BI-01", "GLP/COL/SPE/BI-02", "GLP/COL/SPE/BI-03")
@pytest.mark.parametrize("code", [2, 3, 4, 5, 9])
async def test_a_meter_that_refuses_the_filter_is_asked_for_everything(code: int) -> None:
    meter = Meter({1: record(1, 110), 2: record(2, 120)})
    session = meter.session()
    await DRIVER.converse(session)
    link = meter.link()
    whole = link.answers[RACP]
    link.answers = {
        RACP: lambda asked: [(RACP, bytes((6, 0, 1, code)))] if asked[1] == 3 else whole(asked)
    }
    session.link = link

    await DRIVER.converse(session)

    assert values(session) == [110, 120]
    assert (RACP, b"\x01\x01") in link.written


@pytest.mark.conformance("GLP/COL/SPE/BI-04")
async def test_after_a_time_out_nothing_more_is_asked_of_the_link() -> None:
    link = ScriptedLink({MEASUREMENT: b""}, {RACP: lambda _: ()}, then=LinkTimeout)
    answers, records = await link.subscribe(RACP), await link.subscribe(MEASUREMENT)
    stored = StoredRecords(link, RACP, answers, records)
    await stored.report()
    with pytest.raises(ProtocolError):
        await stored.burst()

    with pytest.raises(ProtocolError, match="reconnected"):
        await stored.report()

    assert len(link.written) == 1


def values_of(reading: Reading) -> list[int]:
    return [int(quantity.value) for quantity in reading.values.values()]
