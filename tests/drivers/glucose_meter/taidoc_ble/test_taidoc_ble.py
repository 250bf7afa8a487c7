from __future__ import annotations

from collections.abc import Iterable

import pytest

from gateway.domain.reading import Measure, Quality
from gateway.drivers.api import Fit, Frame, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.taidoc_ble.session import PIPE, SERVICE
from gateway.drivers.glucose_meter.taidoc_ble import DRIVER
from gateway.drivers.registry import installed
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from tests.drivers.bp_monitor.taidoc.test_taidoc import TIME, Monitor, reply


async def read(*memory: tuple[int, ...]) -> RecordingSession:
    monitor = Monitor(memory=[(TIME, value) for value in memory])

    def answer(data: bytes) -> Iterable[Written]:
        return [(PIPE, b"".join(monitor.answer(data))[-8:])]

    session = RecordingSession(DRIVER, ScriptedLink(answers={PIPE: answer}))
    await DRIVER.converse(session)
    assert 0x24 not in monitor.asked  # its name told what it is
    return session


async def test_a_mark_of_a_pressure_means_nothing_to_a_meter() -> None:
    monitor = Monitor(memory=[((*TIME[:2], TIME[2] | 0x80, TIME[3]), (120, 0, 24, 0))])
    link = ScriptedLink(answers={PIPE: lambda data: [(PIPE, b"".join(monitor.answer(data))[-8:])]})
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    assert [str(r.values[Measure.GLUCOSE].value) for r in session.readings] == ["120"]


async def test_every_level_that_blood_can_have_is_good() -> None:
    session = await read((0xFF, 0x00, 24, 0x40))

    (told,) = session.readings
    assert told.quality is Quality.GOOD
    assert str(told.values[Measure.GLUCOSE].value) == "255"
    assert told.flags == {"preprandial"}


@pytest.mark.parametrize("substance", [6, 7, 8, 9, 11, 12, 13])
async def test_what_is_not_glucose_is_an_event_and_never_glucose(substance: int) -> None:
    session = await read((46, 0, 24, substance << 2), (46, 0, 24, 0xC0 | substance << 2))

    assert session.readings == []
    assert session.remarks == ["other_than_glucose"] * 2


async def test_control_solution_is_nobodys_blood() -> None:
    session = await read((110, 0, 24, 0xC0))

    assert [r.quality for r in session.readings] == [Quality.CONTROL]


@pytest.mark.parametrize("name", ["FORA GD40", "TAIDOC TD4257", "FORA MD6"])
def test_it_is_chosen_by_its_name(name: str) -> None:
    best = installed().best(Sighting("C0:26:DA:00:00:01", Reach.BLE, name))

    assert best is not None
    assert best.manifest.name == "glucose_meter/taidoc_ble"


@pytest.mark.parametrize("name", ["FORA 6 CONNECT", "FORA D40", "FORA IR42", None])
def test_its_relatives_are_none_of_its_own(name: str | None) -> None:
    seen = Sighting("C0:26:DA:00:00:01", Reach.BLE, name, services=frozenset({SERVICE, "1808"}))

    assert DRIVER.match(seen) is Fit.NONE


def test_another_channel_is_none_of_its_own() -> None:
    with pytest.raises(DecodeError, match="unknown_channel"):
        DRIVER.decode(Frame(gatt("1808", "2a18"), reply(0x22, 0, 0, 0, 0), ManualClock().now()))
