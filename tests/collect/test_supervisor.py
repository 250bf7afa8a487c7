"""Who is connected, when, and what goes on whatever happens."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from gateway.collect import conversations
from gateway.collect.patience import Outcome
from gateway.collect.status import Watch
from gateway.collect.supervisor import ALARMING, Supervisor
from gateway.domain.device import Device, DeviceId
from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Frame, Manifest, Reach, Session, Sighting
from gateway.drivers.registry import Registry
from gateway.errors import (
    ConfigError,
    DecodeError,
    JournalError,
    JournalFull,
    LinkLost,
    LinkTimeout,
    PairingNeeded,
    ProtocolError,
    RadioTrouble,
    RadioUnavailable,
)
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from gateway.transport.api import OpenLink
from tests.collect.fakes import (
    ADDRESS,
    CUFF,
    ClosingLink,
    FakeDriver,
    FakeJournal,
    FakeTransport,
    Pauses,
    Talk,
    a_reading,
    a_sighting,
    settle,
)

NAME = "bp_monitor/fake"


class Stage:
    """A supervisor with one radio, one driver and a journal, all of the test's making."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.pauses = Pauses(self.clock)
        self.transport = FakeTransport()
        self.transports = [self.transport]
        self.drivers = [FakeDriver()]
        self.journal = FakeJournal()
        self.metrics = Metrics()
        self.adopted: dict[DeviceId, str] = {CUFF: NAME}
        self.longest_s = 300.0
        self.wrap: Callable[[OpenLink, Device], OpenLink] | None = None
        self.running: asyncio.Task[None] | None = None
        self.number_of: Callable[[DeviceId], int | None] = lambda _device: 3

    @property
    def driver(self) -> FakeDriver:
        return self.drivers[0]

    def start(self) -> Supervisor:
        supervisor = Supervisor(
            self.transports,
            Registry(self.drivers),
            self.journal,
            self.clock,
            self.metrics,
            settings_of=lambda _device: {},
            adopted=self.adopted.get,
            number_of=self.number_of,
            wrap=self.wrap,
            pause=self.pauses,
            longest_s=self.longest_s,
        )
        self.running = asyncio.ensure_future(supervisor.run())
        return supervisor

    def ends(self, outcome: Outcome) -> int:
        return self.metrics.value("sessions_total", driver=NAME, outcome=outcome)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    if made.running is not None:
        made.running.cancel()
        with suppress(asyncio.CancelledError):
            await made.running


async def hangs(_session: Session) -> None:
    await asyncio.Event().wait()


async def brings_one(session: Session) -> None:
    await session.record(a_reading())


def fails(error: BaseException) -> Talk:
    async def talk(_session: Session) -> None:
        raise error

    return talk


async def test_a_device_that_nobody_adopted_is_noted_and_never_connected(stage: Stage) -> None:
    stage.adopted.clear()
    supervisor = stage.start()
    for _ in range(3):
        await stage.transport.show()

    (seen,) = supervisor.status().sightings
    assert (seen.device, seen.driver, seen.adopted, seen.rssi_dbm) == (CUFF, NAME, False, -50)
    assert stage.transport.opened == []
    assert stage.journal.described == []


async def test_adoption_takes_effect_at_the_next_sighting(stage: Stage) -> None:
    stage.adopted.clear()
    stage.start()
    await stage.transport.show()
    stage.adopted[CUFF] = NAME
    await stage.transport.show()

    assert stage.transport.opened == [ADDRESS]


async def test_a_device_that_is_ours_no_more_is_left_alone_in_the_middle_of_a_conversation(
    stage: Stage,
) -> None:
    stage.driver.talks = [hangs]
    supervisor = stage.start()
    await stage.transport.show()
    del stage.adopted[CUFF]

    supervisor.leave(CUFF)
    await settle()
    await stage.transport.show()

    assert supervisor.status().sessions == ()
    assert [link.closed for link in stage.transport.links] == [True]
    assert (stage.transport.opened, stage.ends(Outcome.STOPPED)) == ([ADDRESS], 1)


async def test_a_device_that_is_ours_no_more_before_its_conversation_began_can_be_ours_again(
    stage: Stage,
) -> None:
    supervisor = stage.start()
    await settle()
    assert stage.transport.seen is not None
    stage.transport.seen(a_sighting())
    del stage.adopted[CUFF]

    supervisor.leave(CUFF)
    await settle()
    before = supervisor.status().sessions
    stage.adopted[CUFF] = NAME
    await stage.transport.show()

    assert (before, stage.transport.opened) == ((), [ADDRESS])


async def test_one_conversation_at_a_time_however_often_the_device_is_seen(stage: Stage) -> None:
    stage.driver.talks = [hangs]
    supervisor = stage.start()
    for _ in range(5):
        await stage.transport.show()

    assert stage.transport.opened == [ADDRESS]
    assert [it.device for it in supervisor.status().sessions] == [CUFF]


async def test_two_devices_are_talked_with_at_the_same_time(stage: Stage) -> None:
    other = "C0:FF:EE:00:00:02"
    stage.adopted[DeviceId(f"ble:{other}")] = NAME
    stage.driver.talks = [hangs]
    supervisor = stage.start()
    await stage.transport.show()
    await stage.transport.show(a_sighting(other))

    assert len(supervisor.status().sessions) == 2


async def test_devices_that_cannot_be_reached_leave_the_radio_to_one_that_may_be(
    stage: Stage,
) -> None:
    far = [f"C0:FF:EE:00:01:{n:02}" for n in range(5)]
    stage.adopted.update({DeviceId(f"ble:{address}"): NAME for address in far})
    radio = OneAtATime(far=set(far))
    stage.transport = radio
    stage.transports = [radio]
    stage.start()
    for address in far:
        await radio.show(a_sighting(address))
    for _ in far:
        await radio.give_up()
    stage.clock.advance(2)
    for _ in range(3):
        for address in far:
            await radio.show(a_sighting(address))
    await radio.show()
    await radio.give_up()

    assert radio.reached == [ADDRESS]
    await radio.show(a_sighting(far[-1]))
    assert len(radio.opened) == 5 + 1 + 1 + 1  # tried, tried alone, the cuff, and the next alone


async def test_one_that_was_reached_after_all_keeps_the_radio_from_nobody(stage: Stage) -> None:
    other = "C0:FF:EE:00:00:02"
    stage.adopted[DeviceId(f"ble:{other}")] = NAME
    stage.transport.refuse = LinkTimeout("out of reach")
    stage.driver.talks = [hangs]
    supervisor = stage.start()
    for address in (ADDRESS, other):
        await stage.transport.show(a_sighting(address))
    stage.transport.refuse = None
    stage.clock.advance(2)
    for address in (ADDRESS, other):
        await stage.transport.show(a_sighting(address))

    assert len(supervisor.status().sessions) == 2


@pytest.mark.parametrize(("frames", "told"), [(ALARMING - 1, 0), (ALARMING, 1)])
async def test_an_open_conversation_of_unreadable_frames_alone_is_told(
    stage: Stage, frames: int, told: int
) -> None:
    async def hears_riddles(session: Session) -> None:
        frame = Frame(SERIAL, b"?", session.now())
        for _ in range(frames):
            await session.set_aside(frame, DecodeError("odd", frame.data))
        await session.record()
        await hangs(session)

    stage.driver.reach, stage.driver.talks = Reach.SERIAL, [hears_riddles]
    supervisor = stage.start()
    await stage.transport.show(replace(a_sighting(), reach=Reach.SERIAL, driver=NAME))

    assert [it.outcome for it in supervisor.status().troubles] == [Outcome.UNREADABLE] * told


async def one_riddle(session: Session) -> None:
    frame = Frame(SERIAL, b"?", session.now())
    await session.set_aside(frame, DecodeError("odd", frame.data))
    await session.record()


async def one_riddle_among_readings(session: Session) -> None:
    await one_riddle(session)
    await session.record(a_reading(session.device.id))


@pytest.mark.parametrize(
    ("reach", "talk", "outcome"),
    [
        (Reach.BLE, one_riddle, Outcome.UNREADABLE),
        (Reach.BLE, one_riddle_among_readings, Outcome.COMPLETE),
        (Reach.SERIAL, one_riddle, Outcome.COMPLETE),  # a cable that was plugged in half way
    ],
)
async def test_a_visit_that_brings_riddles_alone_is_no_success(
    stage: Stage, reach: Reach, talk: Talk, outcome: Outcome
) -> None:
    stage.driver.reach, stage.driver.talks = reach, [talk]
    stage.start()
    await stage.transport.show(replace(a_sighting(), reach=reach, driver=NAME))

    assert stage.ends(outcome) == 1


async def test_what_a_radio_hears_while_the_gateway_ends_connects_nothing(stage: Stage) -> None:
    stage.start()
    await stage.transport.watching.wait()
    late = stage.transport.seen
    assert stage.running is not None
    assert late is not None
    stage.transport.gone.put_nowait(None)
    await asyncio.wait_for(stage.running, 5)

    late(a_sighting())

    assert stage.transport.opened == []


@dataclass
class Bonded(FakeTransport):
    """A radio that was paired with these."""

    bonds: set[DeviceId] = field(default_factory=set)

    def is_bonded(self, device: DeviceId, /) -> bool:
        return device in self.bonds

    async def forget(self, device: DeviceId, /) -> bool:
        return device in self.bonds


@pytest.mark.parametrize("theirs_works", [True, False])
async def test_of_two_radios_the_one_that_a_device_is_bonded_with_talks_to_it(
    stage: Stage, theirs_works: bool
) -> None:
    first, theirs = Bonded("first"), Bonded("theirs", bonds={CUFF})
    stage.transports = [first, theirs]
    stage.start()
    await first.watching.wait()
    await theirs.watching.wait()
    if not theirs_works:
        theirs.trouble = [RadioUnavailable("unplugged")] * 9
        theirs.gone.put_nowait(RadioUnavailable("unplugged"))
        await settle()

    await first.show()
    if theirs_works:
        await theirs.show()

    assert (len(first.opened), len(theirs.opened)) == ((0, 1) if theirs_works else (1, 0))


@dataclass
class OneAtATime(FakeTransport):
    """A radio that has one pending connection, as a controller has. `far` are out of reach."""

    far: set[str] = field(default_factory=set)
    reached: list[str] = field(default_factory=list)
    pending: asyncio.Lock = field(default_factory=asyncio.Lock)
    given_up: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    async def open(self, sighting: Sighting, manifest: Manifest, /) -> ClosingLink:
        self.opened.append(sighting.address)
        async with self.pending:
            if sighting.address in self.far:
                await self.given_up.get()
                raise LinkTimeout("connecting to the device took longer than 20 s")
            self.reached.append(sighting.address)
        return ClosingLink()

    async def give_up(self) -> None:
        """Let the deadline of the pending connection pass."""
        self.given_up.put_nowait(None)
        await settle()


async def test_what_a_conversation_brings_is_kept_and_its_link_closed(stage: Stage) -> None:
    stage.driver.talks = [brings_one]
    supervisor = stage.start()
    await stage.transport.show()

    assert len(stage.journal.readings) == 1
    assert stage.transport.links[0].closed == 1
    assert stage.ends(Outcome.COMPLETE) == 1
    assert supervisor.status().troubles == ()
    (described,) = stage.journal.described
    assert (described.id, described.driver, described.address) == (CUFF, NAME, ADDRESS)


async def test_a_rotating_address_is_not_kept_as_the_devices(stage: Stage) -> None:
    stage.transport.device_id = lambda _: DeviceId("ble-rotating:x")  # type: ignore[method-assign]
    stage.adopted[DeviceId("ble-rotating:x")] = NAME
    stage.start()
    await stage.transport.show()

    assert stage.journal.described[0].address is None


async def test_the_owners_choice_of_driver_beats_the_better_fit(stage: Stage) -> None:
    stage.drivers.append(FakeDriver("bp_monitor/other", service="ffff"))
    stage.adopted[CUFF] = "bp_monitor/other"
    stage.start()
    await stage.transport.show()

    assert [device.driver for device in stage.journal.described] == ["bp_monitor/other"]


async def test_a_configured_port_is_ours_by_being_configured(stage: Stage) -> None:
    stage.adopted.clear()
    stage.start()
    await stage.transport.show(Sighting("/dev/ttyUSB0", Reach.SERIAL, driver=NAME))

    assert stage.transport.opened == ["/dev/ttyUSB0"]
    assert stage.journal.described[0].address is None


async def test_a_device_still_advertising_after_a_good_end_is_left_alone_for_a_while(
    stage: Stage,
) -> None:
    supervisor = stage.start()
    for _ in range(3):
        await stage.transport.show()
        stage.clock.advance(1)
    opened_early = len(stage.transport.opened)
    await stage.transport.show()

    assert opened_early == 1
    assert len(stage.transport.opened) == 2
    assert supervisor.status().troubles == ()


async def test_a_device_that_wakes_again_is_served_at_once(stage: Stage) -> None:
    stage.start()
    for _ in range(6):
        await stage.transport.show()
        stage.clock.advance(5)

    assert len(stage.transport.opened) == 6


async def test_a_device_that_says_something_else_is_served_at_once(stage: Stage) -> None:
    supervisor = stage.start()
    for count in b"\7\7\7\7\7\7\10":
        said = replace(a_sighting(), manufacturer_data={0x020E: bytes([count])})
        await stage.transport.show(said)
        stage.clock.advance(2)

    assert len(stage.transport.opened) == 3  # at first, after three seconds, and then by its count
    assert supervisor.status().troubles == ()


async def test_a_device_at_which_somebody_sits_is_served_every_ten_seconds(stage: Stage) -> None:
    supervisor = stage.start()
    await advertises(stage, 3600)
    visited = len(stage.transport.opened)
    for _ in range(12):
        supervisor.expect([CUFF, DeviceId("ble:unknown")], 10)
        await advertises(stage, 5)

    assert len(stage.transport.opened) - visited >= 6


async def advertises(stage: Stage, seconds: int) -> None:
    for _ in range(seconds):
        await stage.transport.show()
        stage.clock.advance(1)


async def test_who_does_something_while_a_conversation_goes_on_does_not_wait_after_it(
    stage: Stage,
) -> None:
    answered = asyncio.Event()

    async def asks_in_vain(_session: Session) -> None:
        await answered.wait()
        raise PairingNeeded("the device hung up")

    stage.driver.talks = [*[fails(PairingNeeded("press the button"))] * 3, asks_in_vain, brings_one]
    supervisor = stage.start()
    for wait_s in (2, 60, 300):
        await stage.transport.show()
        stage.clock.advance(wait_s)
    await stage.transport.show()
    supervisor.retry(CUFF)
    answered.set()
    await settle()
    stage.clock.advance(2)
    await stage.transport.show()

    assert len(stage.journal.readings) == 1


@pytest.mark.parametrize(
    ("error", "outcome", "shown"),
    [
        (LinkTimeout("nothing came"), Outcome.LINK, "nothing came"),
        (LinkLost("out of range"), Outcome.LINK, "out of range"),
        (ProtocolError("wrong order"), Outcome.PROTOCOL, "wrong order"),
        (DecodeError("too_short", b"\x78"), Outcome.PROTOCOL, "too_short at byte 0 of 1"),
        (PairingNeeded("press the button"), Outcome.PAIRING, "press the button"),
        (JournalFull("no space left"), Outcome.JOURNAL, "no space left"),
        (ConfigError("no such speed"), Outcome.CONFIG, "no such speed"),
    ],
)
async def test_a_failed_conversation_is_shown_and_the_device_waits(
    stage: Stage, error: Exception, outcome: Outcome, shown: str
) -> None:
    stage.driver.talks = [fails(error)]
    supervisor = stage.start()
    await stage.transport.show()
    await stage.transport.show()

    (trouble,) = supervisor.status().troubles
    assert (trouble.device, trouble.outcome, trouble.problem) == (CUFF, outcome, shown)
    assert stage.ends(outcome) == 1
    assert len(stage.transport.opened) == 1
    assert stage.transport.links[0].closed == 1


async def test_a_good_conversation_ends_the_trouble(stage: Stage) -> None:
    stage.driver.talks = [fails(LinkLost("out of range")), brings_one]
    supervisor = stage.start()
    await stage.transport.show()
    stage.clock.advance(1)
    await stage.transport.show()

    assert supervisor.status().troubles == ()
    assert len(stage.journal.readings) == 1


@pytest.mark.parametrize(
    ("error", "while_silent"),
    [(LinkLost("unplugged"), 0), (JournalFull("no space left"), 1)],
)
async def test_a_conversation_without_end_ends_the_trouble_once_it_shows_that_it_is_over(
    stage: Stage, error: Exception, while_silent: int
) -> None:
    speak = asyncio.Event()

    async def goes_on(session: Session) -> None:
        await speak.wait()
        await session.record(a_reading())
        await asyncio.Event().wait()

    stage.driver.talks = [fails(error), goes_on]
    supervisor = stage.start()
    await stage.transport.show()
    stage.clock.advance(60)
    await stage.transport.show()
    silent = len(supervisor.status().troubles)
    speak.set()
    await settle()

    assert silent == while_silent
    assert supervisor.status().troubles == ()


async def test_a_device_that_hangs_up_after_it_said_something_did_not_fail(stage: Stage) -> None:
    async def talk(session: Session) -> None:
        await session.record(a_reading())
        raise LinkLost("hung up")

    stage.driver.talks = [talk]
    supervisor = stage.start()
    await stage.transport.show()

    assert stage.ends(Outcome.COMPLETE) == 1
    assert supervisor.status().troubles == ()


async def test_a_connection_that_fails_is_a_failed_conversation(stage: Stage) -> None:
    stage.transport.refuse = LinkTimeout("connecting took too long")
    supervisor = stage.start()
    await stage.transport.show()
    stage.transport.refuse = None
    stage.clock.advance(1)
    await stage.transport.show()

    assert stage.ends(Outcome.LINK) == 1
    assert stage.ends(Outcome.COMPLETE) == 1
    assert supervisor.status().troubles == ()


async def test_a_mistake_in_a_driver_costs_only_its_session_and_tells_no_value(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    other = "C0:FF:EE:00:00:02"
    stage.adopted[DeviceId(f"ble:{other}")] = NAME
    stage.driver.talks = [fails(KeyError("systolic 187")), brings_one]
    supervisor = stage.start()
    with caplog.at_level(logging.INFO):
        await stage.transport.show()

    (trouble,) = supervisor.status().troubles
    assert trouble.outcome is Outcome.BUG
    assert "KeyError at test_supervisor.py:" in trouble.problem
    assert "187" not in trouble.problem + caplog.text
    assert "session device=3 " in caplog.text
    stage.driver.talks = [says_it_is_fine]
    await stage.transport.show(a_sighting(other))
    assert stage.ends(Outcome.COMPLETE) == 1


async def test_a_driver_whose_own_task_was_cancelled_is_not_talked_with_over_and_over(
    stage: Stage,
) -> None:
    stage.driver.talks = [fails(asyncio.CancelledError())]
    supervisor = stage.start()
    for _ in range(5):
        await stage.transport.show()

    assert len(stage.transport.opened) == 1
    assert [it.outcome for it in supervisor.status().troubles] == [Outcome.BUG]


class Panic(BaseException):
    """What a library in another language raises; `except Exception` lets it pass."""


@pytest.mark.parametrize("error", [Panic(), SystemExit(2), KeyboardInterrupt()])
async def test_a_driver_that_would_end_the_program_ends_its_session_only(
    stage: Stage, error: BaseException
) -> None:
    stage.driver.talks = [fails(error), brings_one]
    supervisor = stage.start()
    await stage.transport.show()
    (trouble,) = supervisor.status().troubles
    supervisor.retry(CUFF)
    await stage.transport.show()

    assert trouble.outcome is Outcome.BUG
    assert type(error).__name__ in trouble.problem
    assert len(stage.journal.readings) == 1


async def test_a_driver_that_does_several_things_at_once_fails_as_any_other(stage: Stage) -> None:
    async def talk(_session: Session) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(hangs(_session))
            group.create_task(fails(LinkLost("out of range"))(_session))

    stage.driver.talks = [talk]
    supervisor = stage.start()
    await stage.transport.show()

    (trouble,) = supervisor.status().troubles
    assert (trouble.outcome, trouble.problem) == (Outcome.LINK, "out of range")


async def ends_well_when_cancelled(_session: Session) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def goes_on_for_ever(_session: Session) -> None:
    while not gone.is_set():
        with suppress(asyncio.CancelledError):
            await gone.wait()


gone = asyncio.Event()


@pytest.mark.parametrize("talk", [ends_well_when_cancelled, goes_on_for_ever])
async def test_a_driver_that_will_not_be_ended_is_left_behind_without_its_link(
    stage: Stage, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "LET_GO_S", 0.01)
    gone.clear()
    stage.longest_s = 0.01
    stage.driver.talks = [talk]
    supervisor = stage.start()
    await stage.transport.show()
    async with asyncio.timeout(5):
        while supervisor.status().sessions:  # noqa: ASYNC110  # asyncio's own clock ends it
            await asyncio.sleep(0.005)
    gone.set()

    assert stage.ends(Outcome.TOO_LONG) == 1
    assert stage.transport.links[0].closed == 1


async def test_a_driver_that_will_not_be_ended_does_not_keep_the_gateway_from_stopping(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "LET_GO_S", 0.01)
    gone.clear()
    stage.driver.talks = [goes_on_for_ever]
    stage.start()
    await stage.transport.show()
    assert stage.running is not None
    stage.running.cancel()
    await asyncio.wait({stage.running}, timeout=5)
    stopped = stage.running.done()
    gone.set()

    assert stopped
    assert stage.transport.links[0].closed == 1


async def says_it_is_fine(_session: Session) -> None:
    return


async def test_a_journal_that_cannot_name_a_device_ends_its_session_only(stage: Stage) -> None:
    def unreadable(_device: DeviceId) -> int | None:
        raise JournalError("the disk gives nothing back")

    stage.number_of = unreadable
    supervisor = stage.start()
    await stage.transport.show()

    assert stage.ends(Outcome.COMPLETE) == 1
    assert supervisor.status().transports[0].state is Watch.WATCHING


async def test_who_hears_the_log_tell_the_end_of_a_conversation_finds_it_over(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = stage.start()
    seen: list[object] = []

    def look(record: logging.LogRecord) -> bool:
        if record.getMessage().startswith("session device="):
            seen.append(supervisor.status().sessions)
        return True

    caplog.handler.addFilter(look)
    with caplog.at_level(logging.INFO):
        await stage.transport.show()

    assert seen == [()]


async def test_the_log_says_for_how_long_a_device_is_left_alone(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.start()
    with caplog.at_level(logging.INFO):
        await stage.transport.show()
        stage.clock.advance(3)
        await stage.transport.show()

    assert [line.rpartition(" ")[2] for line in caplog.messages] == ["wait_s=3", "wait_s=10"]


async def test_a_person_can_end_the_wait_after_a_failure(stage: Stage) -> None:
    stage.driver.talks = [fails(PairingNeeded("press the button")), brings_one]
    supervisor = stage.start()
    await stage.transport.show()
    supervisor.retry(CUFF)
    supervisor.retry(DeviceId("ble:unknown"))
    await stage.transport.show()

    assert len(stage.journal.readings) == 1


async def test_a_full_journal_leaves_the_device_untouched(stage: Stage) -> None:
    stage.journal.trouble = JournalFull("no space left")
    supervisor = stage.start()
    await stage.transport.show()

    assert stage.transport.opened == []
    assert [it.outcome for it in supervisor.status().troubles] == [Outcome.JOURNAL]
    stage.journal.trouble = None
    stage.clock.advance(10)
    await stage.transport.show()
    assert stage.ends(Outcome.COMPLETE) == 1


async def test_a_reading_from_a_cable_waits_for_a_full_journal_and_a_sentence_says_so(
    stage: Stage,
) -> None:
    async def brings_one_once_it_is_full(session: Session) -> None:
        stage.journal.trouble = JournalFull("no space left: free some")
        await session.record(a_reading(session.device.id))

    stage.driver.reach, stage.driver.talks = Reach.SERIAL, [brings_one_once_it_is_full]
    supervisor = stage.start()
    await stage.transport.show(replace(a_sighting(), reach=Reach.SERIAL, driver=NAME))
    (waiting,) = supervisor.status().troubles
    stage.journal.trouble = None
    await stage.pauses.advance(10)

    assert (waiting.outcome, waiting.problem) == (Outcome.JOURNAL, "no space left: free some")
    assert supervisor.status().troubles == ()
    assert len(stage.journal.readings) == 1
    assert stage.ends(Outcome.COMPLETE) == 1


async def test_a_conversation_that_hangs_is_ended(stage: Stage) -> None:
    stage.longest_s = 0.01
    stage.driver.talks = [hangs]
    supervisor = stage.start()
    await stage.transport.show()
    async with asyncio.timeout(5):
        while supervisor.status().sessions:  # noqa: ASYNC110  # asyncio's own clock ends it
            await asyncio.sleep(0.005)

    assert stage.ends(Outcome.TOO_LONG) == 1
    assert stage.transport.links[0].closed == 1


async def test_a_timeout_of_the_drivers_own_is_not_taken_for_ours(stage: Stage) -> None:
    stage.driver.talks = [fails(TimeoutError())]
    stage.start()
    await stage.transport.show()

    assert stage.ends(Outcome.BUG) == 1


@pytest.mark.parametrize(
    ("reach", "emits"),
    [(Reach.SERIAL, Kind.BLOOD_PRESSURE), (Reach.BLE, Kind.INTERSTITIAL_GLUCOSE)],
)
async def test_a_device_that_measures_all_the_time_is_listened_to_without_end(
    stage: Stage, reach: Reach, emits: Kind
) -> None:
    stage.longest_s = 0.0
    stage.driver.reach, stage.driver.emits = reach, frozenset({emits})
    stage.driver.talks = [hangs]
    supervisor = stage.start()
    await stage.transport.show()
    await asyncio.sleep(0.01)

    assert len(supervisor.status().sessions) == 1


async def test_a_meter_that_may_hold_a_sensors_values_too_is_not_listened_to_without_end(
    stage: Stage,
) -> None:
    stage.longest_s = 0.0
    stage.driver.emits = frozenset({Kind.BLOOD_GLUCOSE, Kind.INTERSTITIAL_GLUCOSE})
    stage.driver.talks = [hangs]
    stage.start()
    await stage.transport.show()
    async with asyncio.timeout(5):
        while not stage.ends(Outcome.TOO_LONG):  # noqa: ASYNC110  # asyncio's own clock ends it
            await asyncio.sleep(0.005)

    assert stage.transport.links[0].closed == 1


async def test_a_port_that_was_heard_for_days_is_opened_again_at_once(stage: Stage) -> None:
    unplugged = asyncio.Event()

    async def listens(_session: Session) -> None:
        await unplugged.wait()
        unplugged.clear()
        raise LinkLost("unplugged")

    stage.driver.reach, stage.driver.talks = Reach.SERIAL, [listens]
    port = replace(a_sighting(), reach=Reach.SERIAL, driver=NAME)
    stage.start()
    for day in range(1, 8):
        await stage.transport.show(port)
        stage.clock.advance(86_400)
        unplugged.set()
        await settle()
        assert stage.ends(Outcome.LINK) == day
        stage.clock.advance(1)

    await stage.transport.show(port)

    assert len(stage.transport.opened) == 8


async def test_a_lost_radio_is_shown_and_watched_again_after_a_while(stage: Stage) -> None:
    supervisor = stage.start()
    await stage.transport.show()
    stage.transport.gone.put_nowait(RadioUnavailable("plug it in", RadioTrouble.NO_ADAPTER))
    await settle()
    (lost,) = supervisor.status().transports
    await stage.pauses.advance(1)
    (found,) = supervisor.status().transports

    assert (lost.state, lost.reason, lost.problem) == (
        Watch.UNAVAILABLE,
        RadioTrouble.NO_ADAPTER,
        "plug it in",
    )
    assert (found.state, found.problem) == (Watch.WATCHING, None)
    assert stage.transport.watches == 2


@dataclass
class Shared(FakeTransport):
    """A transport of several devices, one of which it cannot show."""

    unseen: RadioUnavailable | None = None


async def test_a_device_that_a_transport_cannot_show_is_told_of_while_others_are_watched(
    stage: Stage,
) -> None:
    stage.transport = usb = Shared("usb", unseen=RadioUnavailable("no", RadioTrouble.DENIED))
    stage.transports = [usb]
    supervisor = stage.start()
    await usb.show()
    (told,) = supervisor.status().transports
    usb.unseen = None
    (well,) = supervisor.status().transports

    assert (told.state, told.reason, told.problem) == (Watch.WATCHING, RadioTrouble.DENIED, "no")
    assert (well.reason, well.problem) == (None, None)
    assert usb.opened == [ADDRESS]


async def test_a_watch_whose_own_wait_was_cancelled_is_begun_again(stage: Stage) -> None:
    supervisor = stage.start()
    await stage.transport.show()
    stage.transport.gone.put_nowait(asyncio.CancelledError())
    await settle()
    (lost,) = supervisor.status().transports
    await stage.pauses.advance(1)

    assert lost.state is Watch.UNAVAILABLE
    assert stage.transport.watches == 2


async def test_a_radio_that_stays_away_is_asked_for_less_and_less_often(stage: Stage) -> None:
    stage.transport.trouble = [RadioUnavailable("no")] * 7
    stage.start()
    await settle()
    for _ in range(7):
        await stage.pauses.advance(30)

    assert stage.pauses.asked == [1, 2, 5, 10, 30, 30, 30]


async def test_a_radio_that_worked_for_long_is_asked_for_soon(stage: Stage) -> None:
    stage.transport.trouble = [RadioUnavailable("no")] * 3
    stage.start()
    await settle()
    for _ in range(3):
        await stage.pauses.advance(30)
    await stage.transport.show()
    stage.clock.advance(60)
    stage.transport.gone.put_nowait(RadioUnavailable("gone"))
    await settle()

    assert stage.pauses.asked == [1, 2, 5, 1]


async def test_a_transport_with_a_mistake_does_not_end_the_others(stage: Stage) -> None:
    broken = FakeTransport("broken", trouble=[ValueError("address 7")])
    stage.transports.append(broken)
    stage.driver.talks = [brings_one]
    supervisor = stage.start()
    await stage.transport.show()

    assert len(stage.journal.readings) == 1
    (state,) = (it for it in supervisor.status().transports if it.name == "broken")
    assert state.state is Watch.UNAVAILABLE
    assert "ValueError at fakes.py" in str(state.problem)
    assert "7" not in str(state.problem).split(":")[0]


async def test_a_driver_that_cannot_look_at_a_device_does_not_end_the_watch(stage: Stage) -> None:
    stage.adopted.clear()
    stage.driver.mistake = ValueError("name of a person")
    supervisor = stage.start()
    await stage.transport.show()

    assert [it.driver for it in supervisor.status().sightings] == [None]
    assert stage.transport.watches == 1


async def test_a_driver_that_is_no_longer_installed_is_told(stage: Stage) -> None:
    stage.adopted[CUFF] = "bp_monitor/removed"
    supervisor = stage.start()
    await stage.transport.show()

    (trouble,) = supervisor.status().troubles
    assert trouble.outcome is Outcome.CONFIG
    assert "bp_monitor/removed" in trouble.problem


async def test_stopping_closes_links_before_the_radio_is_switched_off(stage: Stage) -> None:
    stage.driver.talks = [hangs]
    stage.start()
    await stage.transport.show()
    link = stage.transport.links[0]
    assert stage.running is not None
    stage.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stage.running

    assert link.closed == 1
    assert not stage.transport.watching.is_set()
    assert stage.ends(Outcome.STOPPED) == 1


async def test_it_ends_by_itself_once_every_transport_has(stage: Stage) -> None:
    stage.driver.talks = [brings_one]
    supervisor = stage.start()
    await stage.transport.show()
    stage.transport.gone.put_nowait(None)
    assert stage.running is not None
    await asyncio.wait_for(stage.running, 5)

    assert [it.state for it in supervisor.status().transports] == [Watch.ENDED]
    assert len(stage.journal.readings) == 1


async def test_a_wrapped_link_is_what_the_driver_gets_and_what_is_closed(stage: Stage) -> None:
    wrapped: list[tuple[OpenLink, Device]] = []

    def wrap(link: OpenLink, device: Device) -> OpenLink:
        wrapped.append((link, device))
        return link

    stage.wrap = wrap
    stage.start()
    await stage.transport.show()

    assert [(link, device.id) for link, device in wrapped] == [(stage.transport.links[0], CUFF)]
    assert stage.transport.links[0].closed == 1


async def test_a_capture_that_cannot_begin_leaves_no_link_open(stage: Stage) -> None:
    def wrap(link: OpenLink, device: Device) -> OpenLink:
        raise OSError(28, "no space left")

    stage.wrap = wrap
    stage.start()
    await stage.transport.show()

    assert stage.ends(Outcome.BUG) == 1
    assert stage.transport.links[0].closed == 1
