"""Who is connected, and when."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from gateway.collect.patience import Outcome
from gateway.collect.supervisor import ALARMING
from gateway.domain.device import DeviceId
from gateway.drivers.api import SERIAL, Frame, Manifest, Reach, Session, Sighting
from gateway.errors import (
    DecodeError,
    LinkTimeout,
    PairingNeeded,
    RadioUnavailable,
)
from tests.collect.fakes import (
    ADDRESS,
    CUFF,
    ClosingLink,
    FakeDriver,
    FakeTransport,
    Talk,
    a_reading,
    a_sighting,
    settle,
)
from tests.collect.stage import NAME, Stage, brings_one, fails, hangs


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
