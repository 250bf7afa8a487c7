from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from firmware_sims.bp_monitor.microlife import ANSWERS, QUESTIONS, SERVICE, MicrolifeCuff
from firmware_sims.device_clock import Stamps
from firmware_sims.episodic import People
from firmware_sims.faults import Fault
from firmware_sims.identity import Pairing
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing import microlife
from firmware_sims.packing.microlife import COLLECTOR, Family, Reading

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import body, fittings, identity

# The questions of joergmlpts/blood-pressure-monitor and of derdilla's tests, octet by octet.
HISTORY = bytes([77, 255, 0, 9, 0, 0, 0, 0, 0, 0, 0, 253, 82])
END = bytes([77, 255, 0, 2, 4, 82])
USERS = bytes([77, 255, 0, 2, 5, 83])
SET_CLOCK = bytes([77, 255, 0, 8, 13, 24, 6, 15, 14, 30, 45, 231])
CLOCK = microlife.frame(COLLECTOR, b"\x0c")
DEVICE = microlife.frame(COLLECTOR, b"\x0b")
RECORDS_AT = 4 + 38

# The memory of a newer cuff as somebody listed it (vytautas-valaitis/microlife_bp, notes).
LISTED = """
77 58 1 73 0 0 0 29 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
144 68 51 17 0 0 0 0 128 0
147 67 50 17 0 0 0 0 128 0
127 65 50 17 0 0 0 0 128 0
143 70 58 17 0 0 0 0 128 0
147 63 50 17 0 0 0 0 128 0
144 61 48 17 0 0 0 0 128 0
144 61 52 17 0 0 0 0 128 0
130 55 51 17 0 0 0 0 128 0
131 61 42 17 0 0 0 0 128 0
137 60 48 17 0 0 0 0 128 0
134 70 68 22 7 17 17 2 128 0
147 59 48 22 7 17 17 56 192 0
131 59 49 22 7 17 17 57 128 0
155 74 46 22 7 17 22 5 128 0
148 72 45 22 7 17 22 7 128 0
141 69 44 22 7 17 22 9 128 0
145 74 46 22 7 17 22 23 128 0
143 71 47 22 7 17 22 38 128 0
153 63 45 22 7 17 23 49 128 0
157 72 55 22 7 18 12 3 128 0
158 70 55 22 7 18 12 4 128 0
148 70 60 22 7 18 12 7 0 0
153 83 56 22 7 18 12 51 128 0
119 61 54 22 7 18 12 56 128 0
140 72 65 22 7 18 13 24 0 0
143 71 52 22 7 18 6 9 128 0
138 59 45 22 7 18 10 0 128 0
137 62 49 22 7 18 11 32 128 0
121 68 47 22 7 18 21 30 128 0
35
"""


def cuff(
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
    *,
    people: People | None = None,
    older: bool = False,
    mam: bool = False,
    stamps: Stamps = Stamps.CLOCK,
    pairing: Pairing = Pairing.NONE,
) -> MicrolifeCuff:
    given = fittings(ledger, faults, utc_offset=timedelta(hours=1), stamps=stamps)
    family = Family.OLDER if older else Family.NEWER
    who = identity(pairing=pairing)
    return MicrolifeCuff(who, people or {None: body()}, given, family=family, mam=mam)


async def ask(collector: Collector, question: bytes) -> bytes:
    """Write a question in pieces, and return the whole answer."""
    pieces = collector.values[ANSWERS]
    pieces.clear()
    for at in range(0, len(question), 20):
        await collector.write(SERVICE, QUESTIONS, question[at : at + 20])
    await collector.until(lambda: is_whole(b"".join(pieces)))
    assert all(len(piece) <= 20 for piece in pieces)
    return b"".join(pieces)


def is_whole(octets: bytes) -> bool:
    length = microlife.whole(octets)
    return length is not None and len(octets) >= length


def of_user(user: int) -> bytes:
    return microlife.frame(COLLECTOR, bytes([0, *bytes(6), user]))


def systolic(answer: bytes, octets: int = 10, at: int = RECORDS_AT) -> list[str]:
    return [str(answer[record]) for record in range(at, len(answer) - 1, octets)]


def produced(ledger: Ledger, slot: int | None = None) -> list[str]:
    return [
        row.values["systolic"]
        for row in ledger.produced
        if row.kind is Kind.BLOOD_PRESSURE and row.slot == slot
    ]


def listed() -> Sequence[Reading]:
    rows = [[int(number) for number in row.split()] for row in LISTED.split("\n")[2:-2]]
    return [
        Reading(
            systolic=row[0],
            diastolic=row[1],
            pulse=row[2],
            shown=datetime(2000 + row[3], *row[4:8], tzinfo=UTC) if row[4] else None,
            fits=bool(row[8] & 0x80),
            irregular=bool(row[8] & 0x40),
        )
        for row in rows
    ]


def test_a_memory_is_what_a_cuffs_own_was() -> None:
    payload = microlife.history(Family.NEWER, 1, listed())

    assert list(microlife.frame(Family.NEWER, payload)) == [int(it) for it in LISTED.split()]


def test_a_clock_that_was_set_is_answered_as_in_a_public_test() -> None:
    assert microlife.frame(Family.NEWER, b"\x81") == bytes([77, 58, 0, 2, 129, 10])


def test_an_older_record_has_its_month_in_two_parts() -> None:
    # 2016-09-12 14:33, MAM and an irregular pulse: month 9 is binary 10 01
    reading = Reading(
        systolic=142,
        diastolic=96,
        pulse=85,
        shown=datetime(2016, 9, 12, 14, 33, tzinfo=UTC),
        irregular=True,
        mam=True,
    )

    assert reading.pack(Family.OLDER).hex(" ") == "8e 60 55 4c 8e 21 d0"


def test_an_older_record_without_a_time_has_the_year_alone() -> None:
    reading = Reading(systolic=142, diastolic=96, pulse=85, shown=None)

    assert reading.pack(Family.OLDER).hex(" ") == "8e 60 55 00 00 00 11"


async def test_who_asks_is_told_the_memory_in_pieces_and_it_is_still_there() -> None:
    ledger = Ledger()
    device = cuff(ledger)
    device.remember(3, every=timedelta(hours=1))
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        answer = await ask(collector, HISTORY)

    assert systolic(answer) == produced(ledger)
    assert answer[RECORDS_AT + 23 : RECORDS_AT + 28] == bytes([26, 3, 10, 12, 0])
    assert (answer[7], answer[8], device.held) == (3, 1, 3)


async def test_each_user_has_a_memory_and_the_selected_one_is_told_unasked() -> None:
    ledger = Ledger()
    device = cuff(ledger, people={1: body("Odile"), 2: body("Marcel")})
    device.remember(3, every=timedelta(hours=1))
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        answers = [await ask(collector, of_user(user)) for user in (1, 2, 253)]

    assert [systolic(answer) for answer in answers] == [
        produced(ledger, 1),
        produced(ledger, 2),
        produced(ledger, 1),
    ]
    assert [answer[8] for answer in answers] == [1, 2, 1]


async def test_it_names_its_users() -> None:
    device = cuff(people={1: body("Odile"), 2: body("Marcel")})
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        answer = await ask(collector, USERS)

    payload = answer[4:-1]
    assert payload[:2] == bytes([5, 1])
    assert payload[2:22].decode().strip() == "Odile"
    assert payload[23:43].decode().strip() == "Marcel"
    assert payload[44:].hex(" ") == "4d 4c 43 13 0b 05 02 63 05 37"


async def test_it_hangs_up_when_told_that_this_was_all() -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        await collector.write(SERVICE, QUESTIONS, END)
        await collector.until_lost()


async def test_its_clock_can_be_looked_at_and_set() -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        before = await ask(collector, CLOCK)
        done = await ask(collector, SET_CLOCK)
        after = await ask(collector, CLOCK)

    assert before[4:-1] == bytes([12, 1, 26, 3, 10, 13, 0, 0])
    assert done == bytes([77, 58, 0, 2, 129, 10])
    assert after[4:11] == bytes([12, 1, 24, 6, 15, 14, 30])


async def test_a_question_that_brings_no_time_leaves_the_clock_alone() -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        await ask(collector, HISTORY)

        assert device.clock.device_local().year == 2026


@pytest.mark.parametrize("faults", [{Fault.DROP_CLOCK: 1}, {}])
async def test_what_was_measured_before_the_clock_was_set_has_no_time(
    faults: dict[Fault, int],
) -> None:
    device = cuff(faults=faults, stamps=Stamps.CLOCK if faults else Stamps.ZEROS)
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        answer = await ask(collector, HISTORY)
        shown = await ask(collector, CLOCK)

    assert answer[RECORDS_AT + 3 : RECORDS_AT + 8] == bytes([17, 0, 0, 0, 0])
    assert shown[5] == 0


async def test_the_mean_of_three_is_marked() -> None:
    device = cuff(mam=True)
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        answer = await ask(collector, HISTORY)

    assert answer[RECORDS_AT + 8] & 0x18 == 0x18


async def test_a_failed_measurement_is_counted_and_is_no_record() -> None:
    ledger = Ledger()
    device = cuff(ledger, {Fault.NAN_MEASUREMENT: 1})
    device.measure()
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        answer = await ask(collector, DEVICE)

    assert (device.held, len(produced(ledger))) == (1, 1)
    assert answer[12:20].hex(" ") == "42 4d 00 00 02 01 00 01"


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b"\x03\x01", "erase memory"),
        (b"\x06\x01" + b"A" * 20 + b"\x3c", "write user"),
        (b"\x08", "erase last measurement"),
        (b"\x0a" + bytes(6), "erase device info"),
    ],
)
async def test_whatever_erases_is_answered_and_not_done(payload: bytes, told: str) -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        answer = await ask(collector, microlife.frame(COLLECTOR, payload))

    assert answer[4:-1] == b"\x81"
    assert (device.held, device.forbidden.received) == (1, [told])


async def test_an_older_one_takes_the_time_that_comes_with_the_question() -> None:
    ledger = Ledger()
    device = cuff(ledger, older=True)
    device.measure()
    question = microlife.frame(COLLECTOR, bytes([0, 26, 3, 14, 10, 27, 0]))
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        user = await ask(collector, USERS)
        answer = await ask(collector, question)

    assert (user[1], user[5], len(user[4:-1])) == (0x31, 1, 1 + 1 + 12 + 10)
    assert systolic(answer, 7, 4 + 8 + 21) == produced(ledger)
    assert device.clock.device_local().day == 14


@pytest.mark.parametrize("question", [CLOCK, SET_CLOCK, HISTORY])
async def test_an_older_one_does_not_know_what_newer_ones_are_asked(question: bytes) -> None:
    device = cuff(older=True)
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        await collector.write(SERVICE, QUESTIONS, question)
        await ask(collector, USERS)

    assert len(collector.values[ANSWERS]) == 2


@pytest.mark.parametrize(
    "question",
    [
        HISTORY[:-1] + b"\x00",
        b"\x4d\x3a" + HISTORY[2:],
        microlife.frame(COLLECTOR, b"\x0d" + bytes(6)),
        microlife.frame(COLLECTOR, b"\x55"),
        microlife.frame(COLLECTOR, b""),
    ],
)
async def test_what_is_no_question_gets_no_answer(question: bytes) -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        await collector.write(SERVICE, QUESTIONS, question)
        answer = await ask(collector, CLOCK)

    assert answer[4] == 0x0C


async def test_half_a_question_is_forgotten_with_the_link() -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        await collector.write(SERVICE, QUESTIONS, HISTORY[:5])
        await collector.until_lost()

    assert device._heard == b""


@pytest.mark.parametrize("fault", [Fault.WRONG_CHECKSUM, Fault.SLOW, Fault.BUSY])
async def test_a_fault_strikes_once_and_nothing_is_forgotten(fault: Fault) -> None:
    device = cuff(faults={fault: 1})
    device.remember(2, every=timedelta(hours=1))
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        first = await ask(collector, HISTORY)
        again = await ask(collector, HISTORY)

    right = sum(again[:-1]) & 0xFF
    assert (again[-1], len(again)) == (right, RECORDS_AT + 21)
    if fault is Fault.WRONG_CHECKSUM:
        assert first == again[:-1] + bytes([right ^ 1])
    elif fault is Fault.BUSY:
        assert first == microlife.frame(Family.NEWER, b"\x92")
    assert device.held == 2


async def test_an_answer_may_come_twice() -> None:
    device = cuff(faults={Fault.DUPLICATE_INDICATION: 1})
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        first = await ask(collector, HISTORY)
        await collector.received(ANSWERS, 6)

    assert b"".join(collector.values[ANSWERS]) == first + first


async def test_the_link_is_lost_in_the_middle_and_silence_is_no_answer() -> None:
    device = cuff(faults={Fault.SILENCE: 1, Fault.DISCONNECT_MID_RECORD: 1})
    device.remember(2, every=timedelta(hours=1))
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, ANSWERS)
        await collector.write(SERVICE, QUESTIONS, HISTORY)
        await collector.write(SERVICE, QUESTIONS, HISTORY)
        await collector.until_lost()

    assert sum(map(len, collector.values[ANSWERS])) == (RECORDS_AT + 21) // 2


async def test_a_paired_one_wants_an_encrypted_link() -> None:
    device = cuff(pairing=Pairing.JUST_WORKS)
    device.measure()
    async with discovered(device) as collector:
        await collector.link.pair()
        await collector.subscribe(SERVICE, ANSWERS)
        answer = await ask(collector, HISTORY)

    assert answer[7] == 1
