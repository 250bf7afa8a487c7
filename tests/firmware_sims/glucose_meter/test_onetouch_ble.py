import struct
from datetime import datetime, timedelta
from typing import Any

import pytest
from bumble import att
from bumble.core import ProtocolError
from firmware_sims.faults import Fault
from firmware_sims.glucose_meter.onetouch_ble import (
    FROM_METER,
    SERVICE,
    TO_METER,
    OneTouchMeter,
    OneTouchSettings,
)
from firmware_sims.identity import Pairing
from firmware_sims.ledger import Ledger
from firmware_sims.packing.onetouch import Entry, packet, pieces, seconds

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import NOON, body, fittings, identity

HOUR = timedelta(hours=1)
EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - a meter's own clock
CLOCK, ENTRIES, TESTS = "2002", "0a0206", "2700"
DONE, NOT_ALLOWED, NOT_SUPPORTED, NOT_THERE = b"\x06", b"\x07", b"\x08", b"\x09"


def meter(
    settings: OneTouchSettings | None = None,
    *,
    tests: int = 3,
    pairing: Pairing = Pairing.NONE,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
) -> OneTouchMeter:
    given = fittings(ledger, faults, utc_offset=HOUR, error=timedelta(minutes=-7))
    who = identity(pairing, passkey=123456)
    device = OneTouchMeter(who, {None: body()}, given, settings)
    device.remember(tests, every=HOUR)
    return device


class Reader(Collector):
    """Somebody who asks, and acknowledges each piece of an answer."""

    async def __aenter__(self) -> Any:
        self.acknowledges = True
        self.last = 0x80
        return await super().__aenter__()

    async def listen(self) -> None:
        await self.subscribe(SERVICE, FROM_METER)
        self.said = self.values[FROM_METER]

    async def send(self, octets: bytes) -> None:
        await self.find(SERVICE, TO_METER).write_value(octets, with_response=True)

    async def ask(self, message: str, prefix: str = "03") -> bytes:
        """Return status and data of the answer, having checked all around them."""
        asked = packet(0, bytes.fromhex(prefix + message))
        for piece in pieces(asked):
            before = len(self.said)
            await self.send(piece)
            await self.until(lambda before=before: len(self.said) > before)  # type: ignore[misc]
            assert self.said[before] == bytes([0x80 | piece[0] & 0x3F])
        return await self.answer(before + 1)

    async def answer(self, at: int) -> bytes:
        await self.until(lambda: len(self.said) > at)
        count = self.said[at][0]
        whole = b""
        for which in range(count):
            await self.until(lambda at=at + which: len(self.said) > at)  # type: ignore[misc]
            header, *part = self.said[at + which]
            assert header == (count if which == 0 else 0x40 | which)
            whole += bytes(part)
            if self.acknowledges:
                await self.send(bytes([self.last | header & 0x3F]))
        assert whole == packet(0, whole[3:-3])
        assert whole[3:4] == b"\x0c"
        return whole[4:-3]

    async def number(self, message: str) -> int:
        answer = await self.ask(message)
        assert answer[:1] == DONE
        return int.from_bytes(answer[1:], "little")

    async def record(self, number: int) -> bytes:
        return await self.ask(f"b3{number.to_bytes(2, 'little').hex()}")


def reading(device: OneTouchMeter) -> Any:
    return discovered(device, Reader)


def test_a_question_is_the_one_that_public_clients_ask() -> None:
    # xDrip, VerioHelper.getTimeCMD; the check by binascii.crc_hqx from FFFF
    (piece,) = pieces(packet(0, b"\x03\x20\x02"))

    assert piece.hex(" ") == "01 02 09 00 03 20 02 03 d4 92"


def test_a_record_by_number_has_eleven_octets() -> None:
    entry = Entry(7, EPOCH + timedelta(seconds=1), 120)

    assert entry.by_number().hex(" ") == "01 00 00 00 78 00 00 00 00 00 00"


def test_a_record_by_place_has_sixteen_octets() -> None:
    entry = Entry(7, EPOCH + timedelta(seconds=1), 120)

    assert entry.by_place(2).hex(" ") == "02 00 00 07 00 01 00 00 00 78 00 00 00 00 00 00"


async def test_its_memory_is_what_was_produced_under_its_own_clock() -> None:
    ledger = Ledger()
    async with reading(meter(ledger=ledger)) as host:
        await host.listen()
        count, newest = await host.number(TESTS), await host.number(ENTRIES)
        records = [await host.record(number) for number in range(newest - count + 1, newest + 1)]

    told = [struct.unpack("<xLHBB3s", record) for record in records]
    seven = timedelta(hours=1, minutes=-7)
    assert [(EPOCH + timedelta(seconds=time), mg_dl) for time, mg_dl, *_ in told] == [
        ((row.measured_at + seven).replace(tzinfo=None), int(row.values["glucose"]))
        for row in ledger.produced
    ]


async def test_its_clock_is_local_and_as_wrong_as_it_was_made() -> None:
    async with reading(meter()) as host:
        await host.listen()
        shown = EPOCH + timedelta(seconds=await host.number(CLOCK))

    assert shown == NOON.replace(tzinfo=None) + timedelta(minutes=53)


async def test_its_clock_can_be_set_and_what_it_remembers_keeps_its_time() -> None:
    device = meter(tests=1)
    async with reading(device) as host:
        await host.listen()
        before = await host.record(1)
        answer = await host.ask("2001" + seconds(EPOCH + timedelta(days=9000)).hex())
        shown = await host.number(CLOCK)
        after = await host.record(1)

    assert answer == DONE
    assert shown == timedelta(days=9000).total_seconds()
    assert (after, device.forbidden.received) == (before, [])


async def test_records_are_asked_for_by_place_too_the_newest_first_in_two_pieces() -> None:
    async with reading(meter()) as host:
        await host.listen()
        by_place = [await host.ask(f"3102{place:02x}0000", "04") for place in range(3)]
        by_number = [await host.record(number) for number in (3, 2, 1)]

    assert [place[1:3] for place in by_place] == [b"\x00\x00", b"\x01\x00", b"\x02\x00"]
    assert [place[6:12] for place in by_place] == [record[1:7] for record in by_number]
    assert len(host.said[-1]) <= 20


async def test_a_text_comes_in_as_many_pieces_as_it_needs() -> None:
    async with reading(meter()) as host:
        await host.listen()
        serial = await host.ask("e60200")
        model = await host.ask("e60201")

    assert serial[1:].decode("utf-16-le") == "0001\0"
    assert model[1:].decode("utf-16-le") == "V-1\0"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("b30000", NOT_THERE),
        ("b30400", NOT_THERE),
        ("3102030000", NOT_THERE),
        ("0a02ff", NOT_THERE),
        ("e60208", NOT_SUPPORTED),
        ("77", NOT_SUPPORTED),
    ],
)
async def test_what_it_does_not_have_or_know_is_said_by_a_status(asked: str, status: bytes) -> None:
    async with reading(meter()) as host:
        await host.listen()
        answer = await host.ask(asked)

    assert answer == status


async def test_an_answer_that_is_not_acknowledged_stops_it_from_hearing() -> None:
    async with reading(meter()) as host:
        await host.listen()
        host.acknowledges = False
        await host.ask(CLOCK)
        before = len(host.said)
        await host.send(pieces(packet(0, bytes.fromhex("03" + CLOCK)))[0])
        await host.send(b"\x81")
        host.acknowledges = True
        await host.ask(CLOCK)

    assert len(host.said) == before + 2


async def test_the_last_piece_may_be_acknowledged_as_the_last() -> None:
    async with reading(meter()) as host:
        await host.listen()
        host.last = 0xC0
        answers = [await host.ask(CLOCK), await host.ask(TESTS)]

    assert [answer[:1] for answer in answers] == [DONE, DONE]


async def test_a_packet_with_a_wrong_check_is_not_heard() -> None:
    async with reading(meter()) as host:
        await host.listen()
        whole = bytearray(pieces(packet(0, bytes.fromhex("03" + CLOCK)))[0])
        whole[-1] ^= 1
        await host.send(bytes(whole))
        await host.ask(CLOCK)

    assert len(host.said) == 2


async def test_a_control_solution_an_extreme_and_what_is_no_test_can_be_told_apart() -> None:
    ledger = Ledger()
    settings = OneTouchSettings(control_every=4, extremes_every=3, others_every=5, meals=False)
    async with reading(meter(settings, tests=6, ledger=ledger)) as host:
        await host.listen()
        entries, tests = await host.number(ENTRIES), await host.number(TESTS)
        records = [await host.record(number) for number in range(1, entries + 1)]

    mg_dl = [int.from_bytes(record[5:7], "little") for record in records]
    assert (entries, tests) == (7, 6)
    assert [at for at, record in enumerate(records, 1) if record[7]] == [4]
    assert (mg_dl[2], mg_dl[5], mg_dl[6]) == (601, 0, 19)
    assert records[5][8:] != bytes(4)
    assert [row.values.get("range") for row in ledger.produced] == [None, None, "high", None, "low"]


async def test_the_first_record_of_some_firmware_has_number_0() -> None:
    async with reading(meter(OneTouchSettings(first_number=0))) as host:
        await host.listen()
        newest = await host.number(ENTRIES)
        records = [await host.record(number) for number in range(4)]

    assert newest == 2
    assert [record[:1] for record in records] == [DONE, DONE, DONE, NOT_THERE]


async def test_once_all_results_were_deleted_its_numbers_begin_anew() -> None:
    device = meter()
    device.faults.arm(Fault.RENUMBER)
    device.measure()
    async with reading(device) as host:
        await host.listen()
        numbers = await host.number(ENTRIES), await host.number(TESTS)

    assert numbers == (1, 1)


async def test_every_third_test_has_a_meal() -> None:
    async with reading(meter(tests=6)) as host:
        await host.listen()
        meals = [(await host.record(number))[8] for number in range(1, 7)]

    assert meals == [0, 0, 1, 0, 0, 2]


async def test_the_oldest_entries_leave_a_full_memory_and_numbers_go_on() -> None:
    async with reading(meter(tests=502)) as host:
        await host.listen()
        numbers = await host.number(ENTRIES), await host.number(TESTS)
        gone, oldest = await host.record(2), await host.record(3)

    assert numbers == (502, 500)
    assert (gone, oldest[:1]) == (NOT_THERE, DONE)


@pytest.mark.parametrize(
    ("asked", "told"),
    [("1a", "erase memory"), ("0a010a46000000", "set a limit")],
)
async def test_what_writes_or_erases_is_told_answered_as_done_and_not_done(
    asked: str, told: str
) -> None:
    device = meter()
    async with reading(device) as host:
        await host.listen()
        answer = await host.ask(asked)

    assert answer == DONE
    assert device.forbidden.received == [told]
    assert device.held == 3


async def test_who_is_not_paired_may_not_even_ask() -> None:
    async with reading(meter(pairing=Pairing.JUST_WORKS)) as host:
        with pytest.raises(ProtocolError) as refused:
            await host.send(pieces(packet(0, bytes.fromhex("03" + TESTS)))[0])
        await host.link.pair()
        await host.listen()
        count = await host.number(TESTS)

    codes = {att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR, att.ATT_INSUFFICIENT_ENCRYPTION_ERROR}
    assert refused.value.error_code in codes
    assert count == 3


async def test_or_is_answered_and_refused() -> None:
    polite = OneTouchSettings(refuses_by_status=True)
    async with reading(meter(polite, pairing=Pairing.JUST_WORKS)) as host:
        await host.listen()
        refused = await host.ask(TESTS)
        await host.link.pair()
        count = await host.number(TESTS)

    assert (refused, count) == (NOT_ALLOWED, 3)


async def test_a_question_that_is_not_answered_may_be_asked_again() -> None:
    async with reading(meter(faults={Fault.SILENCE: 1})) as host:
        await host.listen()
        question = pieces(packet(0, bytes.fromhex("03" + TESTS)))[0]
        await host.send(question)
        await host.until(lambda: len(host.said) == 1)
        count = await host.number(TESTS)

    assert count == 3


async def test_a_record_that_was_cut_short_goes_before_the_right_one() -> None:
    async with reading(meter(faults={Fault.GARBAGE_FRAME: 1})) as host:
        await host.listen()
        await host.send(pieces(packet(0, b"\x03\xb3\x01\x00"))[0])
        right = await host.answer(2)

    _, cut, told = host.said
    assert told.startswith(cut)
    assert right[:1] == DONE


async def test_a_record_whose_check_is_wrong_may_be_asked_for_again() -> None:
    question = pieces(packet(0, b"\x03\xb3\x01\x00"))[0]
    async with reading(meter(faults={Fault.WRONG_CHECKSUM: 1})) as host:
        await host.listen()
        await host.send(question)
        await host.until(lambda: len(host.said) == 2)
        await host.send(b"\x81")
        right = await host.record(1)

    damaged, told = host.said[1], host.said[3]
    assert damaged[:-1] == told[:-1]
    assert damaged[-1] != told[-1]
    assert right[:1] == DONE


async def test_a_link_that_drops_after_a_record_costs_nothing() -> None:
    device = meter(faults={Fault.DISCONNECT_MID_RECORD: 1})
    async with reading(device) as host:
        await host.listen()
        host.acknowledges = False
        await host.record(1)
        await host.until_lost()

    assert device.held == 3


async def test_while_a_strip_is_tested_nobody_is_connected() -> None:
    device = meter()
    async with reading(device) as host:
        await host.listen()
        device.measure()
        await host.until_lost()

    assert device.held == 4


def test_a_failed_test_is_kept_by_nobody() -> None:
    ledger = Ledger()
    device = meter(ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})

    assert (device.held, len(ledger.produced)) == (2, 2)


async def test_a_lost_clock_is_what_its_stamps_show() -> None:
    device = meter(faults={Fault.DROP_CLOCK: 1}, tests=0)
    device.measure()
    async with reading(device) as host:
        await host.listen()
        record = await host.record(1)

    assert record[1:5] == bytes(4)
