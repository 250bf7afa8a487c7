"""What becomes of a conversation, and of one that goes wrong."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

import pytest

from gateway.collect import conversations
from gateway.collect.patience import Outcome
from gateway.collect.status import Watch
from gateway.collect.supervisor import Supervisor
from gateway.domain.device import DeviceId
from gateway.domain.reading import Kind
from gateway.drivers.api import Reach, Session
from gateway.errors import (
    ConfigError,
    DecodeError,
    JournalError,
    JournalFull,
    LinkLost,
    LinkTimeout,
    PairingNeeded,
    ProtocolError,
)
from tests.collect.fakes import (
    CUFF,
    Talk,
    a_reading,
    a_sighting,
    settle,
)
from tests.collect.stage import NAME, Stage, brings_one, fails, hangs


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
    assert "KeyError at stage.py:" in trouble.problem
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


async def ended(supervisor: Supervisor) -> None:
    async with asyncio.timeout(5):
        while supervisor.status().sessions:  # noqa: ASYNC110  # asyncio's own clock ends it
            await asyncio.sleep(0.005)


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
    await ended(supervisor)
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
    await ended(supervisor)

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
