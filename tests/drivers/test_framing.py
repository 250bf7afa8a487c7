"""Whole frames out of a serial link that is listened to for months."""

from __future__ import annotations

from contextlib import suppress

from gateway.drivers.api import SERIAL
from gateway.drivers.bp_monitor.omron_hbp import DRIVER
from gateway.drivers.framing import ASIDE_PER_DAY, NOISE, framed
from gateway.errors import LinkLost
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.wire.stream import lines
from tests.drivers.serial_lines import Timeline, session_asking, session_with

NO_FRAME_AND_ONE = b"x" * 32 + b"\rok\r"


async def test_what_cannot_be_read_is_kept_up_to_a_bound_that_begins_anew_each_day() -> None:
    clock = ManualClock()
    days = [day * 86_400.0 for day in (0, 1)]
    noise = [(day + second, NO_FRAME_AND_ONE) for day in days for second in range(100)]
    session = session_with(DRIVER, clock=clock)
    session.link = Timeline(*noise, clock=clock)
    inbox = await framed(session, lines(limit=16))

    with suppress(LinkLost):
        while True:
            await inbox.get(within=100_000.0)

    assert len(session.aside) == 2 * ASIDE_PER_DAY
    assert session.remarks == [NOISE, NOISE]


async def test_a_look_that_does_not_wait_takes_what_has_come() -> None:
    session = session_with(DRIVER, [b"one\r", b"two\r"])
    inbox = await framed(session, lines(limit=16))

    frames = [await inbox.get(within=0) for _ in range(2)]

    assert [frame.data for frame in frames] == [b"one\r", b"two\r"]


async def test_what_came_before_a_question_is_no_answer_to_it() -> None:
    session = session_asking(DRIVER, lambda _: [b"answer\r"])
    assert isinstance(session.link, ScriptedLink)
    session.link.pending.append((SERIAL, b"one\rtwo\rth"))
    inbox = await framed(session, lines(limit=16))
    await inbox.get(within=0)

    frame = await inbox.ask(b"?", within=1)

    assert frame.data == b"answer\r"
