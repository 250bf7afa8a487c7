"""What a driver is lent, and what it cannot do with it."""

import asyncio
from pathlib import Path

import pytest

from gateway.collect.session import ASIDE_LIMIT, OFFER_AGAIN_S, LiveSession
from gateway.domain.device import Device, DeviceId
from gateway.domain.reading import Quality
from gateway.drivers.api import Frame, Manifest, Reach, Session, Setting, gatt
from gateway.errors import DecodeError, JournalDamaged, JournalFull, ProtocolError
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.transport.capture import CaptureWriter
from tests.collect.fakes import (
    CUFF,
    FakeDriver,
    FakeJournal,
    Pauses,
    a_reading,
    a_sighting,
    settle,
)

FRAME = Frame(gatt("1810", "2a35"), b"\0", ManualClock().now())
NAME = "bp_monitor/fake"


class TunableDriver(FakeDriver):
    @property
    def manifest(self) -> Manifest:
        settings = (Setting("users", "How many people", default=2), Setting("unit", "Which unit"))
        return Manifest(NAME, "", self.reach, self.emits, "none", (), settings=settings)


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def session(journal: FakeJournal, metrics: Metrics, clock: ManualClock) -> LiveSession:
    return LiveSession(
        TunableDriver(),
        ScriptedLink(),
        Device(id=CUFF, driver=NAME),
        a_sighting(),
        {"unit": "kPa"},
        journal,
        clock,
        metrics,
        Pauses(clock),
    )


def test_it_is_what_drivers_are_promised(session: LiveSession) -> None:
    promised: Session = session

    assert promised.sighting == a_sighting()


async def test_recording_counts_what_is_new_and_what_is_repeated(
    session: LiveSession, journal: FakeJournal, metrics: Metrics
) -> None:
    first = await session.record(a_reading(systolic=120), bookmark="1")
    second = await session.record(a_reading(systolic=120), a_reading(systolic=130), bookmark="2")

    assert (first, second, session.recorded) == (1, 1, 2)
    assert await session.bookmark() == "2"
    assert len(journal.readings) == 2
    assert metrics.value("readings_recorded_total", driver=NAME) == 2
    assert metrics.value("readings_repeated_total", driver=NAME) == 1


async def test_what_no_person_can_have_is_doubted_also_where_the_driver_does_not(
    session: LiveSession, journal: FakeJournal
) -> None:
    await session.record(a_reading(systolic=120), a_reading(systolic=700))

    well, odd = journal.readings
    assert (well.quality, well.flags) == (Quality.GOOD, frozenset())
    assert (odd.quality, odd.flags) == (Quality.QUESTIONABLE, {"implausible"})


async def test_a_reading_of_another_device_is_refused_before_the_journal(
    session: LiveSession, journal: FakeJournal
) -> None:
    with pytest.raises(ValueError, match="another device"):
        await session.record(a_reading(), a_reading(DeviceId("ble:other")))

    assert journal.readings == []


async def test_a_full_journal_is_counted_and_told_to_the_driver(
    session: LiveSession, journal: FakeJournal, metrics: Metrics
) -> None:
    journal.trouble = JournalFull("no space")
    with pytest.raises(JournalFull):
        await session.record(a_reading())

    assert metrics.value("journal_refusals_total") == 1
    assert (session.recorded, session.kept) == (0, 0)


class Recovering(FakeJournal):
    """A journal that takes nothing so many times."""

    refusals = 0

    def _check(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise JournalFull("no space left: free some")


def by_cable(journal: FakeJournal, clock: ManualClock) -> tuple[LiveSession, Pauses]:
    pauses = Pauses(clock)
    device = Device(id=CUFF, driver=NAME)
    driver = TunableDriver(reach=Reach.SERIAL)
    lent = (ScriptedLink(), device, a_sighting(), {}, journal, clock, Metrics(), pauses)
    return LiveSession(driver, *lent), pauses


async def test_what_came_by_a_cable_is_offered_again_until_the_journal_takes_it(
    clock: ManualClock,
) -> None:
    journal = Recovering()
    session, pauses = by_cable(journal, clock)
    journal.refusals = 2

    recording = asyncio.ensure_future(session.record(a_reading()))
    await settle()
    refused = session.refused
    await pauses.advance(OFFER_AGAIN_S)
    await pauses.advance(OFFER_AGAIN_S)

    assert await recording == 1
    assert (refused, session.refused) == ("no space left: free some", None)
    assert len(journal.readings) == 1


@pytest.mark.parametrize("captured", [False, True])
async def test_a_pause_ends_when_the_cable_is_pulled_and_later_ones_last(
    captured: bool, clock: ManualClock, tmp_path: Path
) -> None:
    session, pauses = by_cable(FakeJournal(), clock)
    cable = Cable()
    capture = CaptureWriter(cable, session.device, tmp_path / "capture", clock)
    session._link = capture if captured else cable

    resting = asyncio.ensure_future(session.pause(60))
    await settle()
    rested_before = resting.done()
    cable.pulled.set()
    await settle()
    rested_after = resting.done()
    again = asyncio.ensure_future(session.pause(60))
    await settle()
    lasts = not again.done()
    await pauses.advance(60)
    await again
    await capture.close()

    assert (rested_before, rested_after, lasts) == (False, True, True)


async def test_a_pause_on_a_cable_lasts_as_long_as_it_was_asked_for(clock: ManualClock) -> None:
    session, pauses = by_cable(FakeJournal(), clock)
    session._link = Cable()

    resting = asyncio.ensure_future(session.pause(60))
    await settle()
    await pauses.advance(59)
    rested = resting.done()
    await pauses.advance(1)

    await resting
    assert not rested


class Cable(ScriptedLink):
    """A link that can be pulled."""

    def __init__(self) -> None:
        super().__init__()
        self.pulled = asyncio.Event()


@pytest.mark.parametrize("call", ["remark", "set_bookmark", "describe"])
async def test_so_is_all_else_that_is_to_be_kept(call: str, clock: ManualClock) -> None:
    journal = Recovering()
    session, pauses = by_cable(journal, clock)
    journal.refusals = 1
    given = session.device.model_copy(update={"model": "X"}) if call == "describe" else "told"

    keeping = asyncio.ensure_future(getattr(session, call)(given))
    await settle()
    await pauses.advance(OFFER_AGAIN_S)

    await keeping


async def test_a_gateway_that_stops_does_not_wait_for_a_full_journal(clock: ManualClock) -> None:
    journal = FakeJournal(JournalFull("no space left: free some"))
    session, _ = by_cable(journal, clock)

    async def converse() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await session.record(a_reading())

    talking = asyncio.ensure_future(converse())
    await settle()
    talking.cancel()

    with pytest.raises(JournalFull):
        await asyncio.wait_for(talking, 5)


async def test_a_damaged_journal_is_not_offered_anything_again(clock: ManualClock) -> None:
    session, _ = by_cable(FakeJournal(JournalDamaged("damaged")), clock)

    with pytest.raises(JournalDamaged):
        await session.record(a_reading())


async def test_settings_are_the_owners_or_the_default(session: LiveSession) -> None:
    assert (session.setting("unit"), session.setting("users")) == ("kPa", 2)
    with pytest.raises(KeyError):
        session.setting("colour")


async def test_what_the_device_says_of_itself_is_kept_once(
    session: LiveSession, journal: FakeJournal
) -> None:
    named = session.device.model_copy(update={"model": "BP7"})
    await session.describe(named)
    await session.describe(named)

    assert session.device == named
    assert journal.described == [named]


@pytest.mark.parametrize("other", [{"id": "ble:other"}, {"driver": "bp_monitor/other"}])
async def test_a_driver_cannot_describe_another_device(
    session: LiveSession, other: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="another device"):
        await session.describe(session.device.model_copy(update=other))


async def test_unreadable_frames_and_events_are_kept_and_counted(
    session: LiveSession, journal: FakeJournal, metrics: Metrics
) -> None:
    await session.set_aside(FRAME, DecodeError("too_short"))
    await session.remark("measurement failed", FRAME)
    await session.set_bookmark("7")

    assert (journal.aside, journal.remarks) == ([FRAME], ["measurement failed"])
    assert journal.bookmarks == {CUFF: "7"}
    assert metrics.value("frames_set_aside_total", driver=NAME) == 1
    assert (session.recorded, session.kept) == (0, 2)


async def test_a_device_that_only_sends_rubbish_is_stopped(
    session: LiveSession, journal: FakeJournal
) -> None:
    for _ in range(ASIDE_LIMIT):
        await session.set_aside(FRAME, DecodeError("too_short"))

    with pytest.raises(ProtocolError, match="no readings"):
        await session.set_aside(FRAME, DecodeError("too_short"))
    with pytest.raises(ProtocolError, match="no readings"):
        await session.remark("error")
    assert len(journal.aside) == ASIDE_LIMIT


async def test_a_device_that_is_heard_for_months_may_have_its_troubles_each_day(
    session: LiveSession, clock: ManualClock
) -> None:
    for _ in range(2 * ASIDE_LIMIT):
        await session.remark("device_error 2")
        clock.advance(3600)

    assert session.kept == 2 * ASIDE_LIMIT


async def test_others_have_their_turn_while_very_many_readings_are_doubted(
    session: LiveSession, journal: FakeJournal
) -> None:
    """Each that no person can have is checked anew: a flood of them holds up nobody."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await session.record(*(a_reading(systolic=400 + n) for n in range(1000)))
    task.cancel()

    assert turns >= 3
    assert session.recorded == 1000
