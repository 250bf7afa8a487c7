from datetime import timedelta
from pathlib import Path
from typing import Any

from firmware_sims.bp_monitor.beurer import CAPACITY, NO_RECORD, PONG, Beurer, Record
from firmware_sims.faults import Fault, Faults
from firmware_sims.ledger import Ledger
from firmware_sims.serial_device import ask, played

from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_host import Host
from tests.firmware_sims.serial_vectors import frame_of

EIGHT_HOURS = timedelta(hours=8)


def cuff(stored: int = 0, newest_first: bool = False, **where: Any) -> Beurer:
    device = Beurer(placement(**where), newest_first=newest_first)
    device.remember(stored, EIGHT_HOURS)
    return device


def record(month: int = 5) -> Record:
    return Record(
        systolic=119,
        diastolic=78,
        pulse=71,
        month=month,
        day=29,
        hour=23,
        minute=36,
        year=2013,
    )


def test_the_record_of_the_specification_is_reproduced() -> None:
    assert record().encode() == bytes.fromhex("AC 5E 35 47 05 1D 17 24 0D")
    assert record(month=13).encode() == frame_of("bm65-bad-month")


def test_the_small_answers_are_the_published_ones() -> None:
    device = cuff(stored=3)

    assert ask(device, b"\xaa") == PONG == frame_of("bm65-pong")
    assert ask(device, b"\xa2") == frame_of("bm65-count")
    assert ask(device, b"\xa3\x04") == NO_RECORD == frame_of("bm65-no-record")
    assert ask(device, b"\xa3\x00") == NO_RECORD
    assert len(ask(device, b"\xa4")) == 32


def test_the_memory_holds_what_was_produced() -> None:
    ledger = Ledger()
    device = cuff(stored=2, ledger=ledger)

    device.measure()

    answers = [ask(device, bytes([0xA3, number])) for number in (1, 2, 3)]
    pressures = ledger.produced[::2]
    assert [each[1] + 25 for each in answers] == [int(p.values["systolic"]) for p in pressures]
    assert [tuple(each[4:8]) for each in answers] == [(3, 9, 20, 0), (3, 10, 4, 0), (3, 10, 12, 0)]


def test_the_order_may_be_the_other_way_round() -> None:
    oldest, newest = [ask(cuff(stored=5), bytes([0xA3, number])) for number in (1, 5)]

    assert ask(cuff(stored=5, newest_first=True), b"\xa3\x01\xa3\x05") == newest + oldest


def test_the_oldest_goes_when_the_memory_is_full() -> None:
    device = cuff(stored=CAPACITY)
    second = ask(device, b"\xa3\x02")

    device.measure()

    assert ask(device, b"\xa2") == bytes([CAPACITY])
    assert ask(device, b"\xa3\x01") == second


def test_a_failed_measurement_is_not_kept() -> None:
    ledger = Ledger()
    device = cuff(ledger=ledger, faults={Fault.ERROR_CODE: 1})

    device.measure()

    assert (ask(device, b"\xa2"), ledger.produced) == (b"\0", [])


def test_a_clock_that_fell_back_is_in_the_record() -> None:
    device = cuff(faults={Fault.DROP_CLOCK: 1})

    device.measure()

    assert ask(device, b"\xa3\x01")[4:] == bytes([1, 1, 0, 0, 0])


def test_other_bytes_are_ignored_and_half_a_request_is_kept() -> None:
    assert ask(cuff(), b"AT\r\n") == b""
    assert cuff().split(b"\xaa\xa3") == ([b"\xaa"], b"\xa3")


async def test_the_cable_may_be_pulled_in_the_middle_of_the_memory(tmp_path: Path) -> None:
    device = cuff(stored=3)
    whole = [ask(device, bytes([0xA3, number])) for number in (1, 2, 3)]
    faults = Faults({Fault.UNPLUG_MID_FRAME: 1})

    async with played(device, tmp_path / "port", faults=faults, faults_after=1) as port:
        with Host(port.link) as host:
            host.write(b"\xa3\x01")
            first = await host.read(9)
            host.write(b"\xa3\x02")
            half = await host.read(9)
        port.plug()
        with Host(port.link) as host:
            host.write(b"\xa3\x02\xa3\x03")
            rest = await host.read(18)

    assert first + rest == b"".join(whole)
    assert len(half) < 9
