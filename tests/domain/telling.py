"""Plays a story of `time_stories.toml`: real drivers, scripted links, and what comes out."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.clock import Instant
from gateway.domain.device_clock import ClockHistory, seen, was_set
from gateway.domain.device_time import Timing, corrected
from gateway.domain.hub_time import Anchor, at_true_time, lost_boot
from gateway.domain.reading import ClockSample, Measure, Reading
from gateway.domain.subject import Assignment, SubjectId, attribute
from gateway.domain.suggestion import suggest
from gateway.drivers.api import Channel, Driver, gatt
from gateway.drivers.bp_monitor import bluetooth_sig as cuff
from gateway.drivers.bp_monitor import omron_hbp
from gateway.drivers.cgm import dexcom_receiver
from gateway.drivers.scale import bluetooth_sig as scale
from gateway.drivers.scale import tanita
from gateway.errors import LinkError, LinkLost, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.cgm.bluetooth_sig.sensor import Sensor
from tests.drivers.cgm.dexcom_receiver.receiver import Receiver
from tests.drivers.glucose_meter.bluetooth_sig.meter import Meter
from tests.drivers.serial_lines import session_with

PARIS = ZoneInfo("Europe/Paris")
NOW = "2026-03-14 10:26:53"
UNSET_HUB = datetime(1970, 1, 1, 0, 2, tzinfo=UTC)
EVERYBODY = ("* Odile",)

Story = Mapping[str, Any]

FAMILIES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "time_stories.toml").read_text(encoding="utf-8")
)["family"]
STORIES: list[Story] = [story for family in FAMILIES for story in family["story"]]


async def converse(story: Story) -> list[Reading]:
    """Return what the real driver makes of what the device sends."""
    session = _Told(story).session()
    with contextlib.suppress(LinkError):  # a device that leaves has nothing more to say
        await session.driver.converse(session)
    return session.readings


async def outcome(story: Story) -> list[str]:
    """Tell what becomes of each reading: its time, doubt, reason, whether it may go, and whose."""
    told = _Told(story)
    return [told.outcome(reading) for reading in await converse(story)]


@dataclass(frozen=True)
class _Told:
    story: Story

    @property
    def now(self) -> datetime:
        return _local(self.story.get("now", NOW))

    def session(self) -> RecordingSession:
        clock = ManualClock(self.hub_shows)
        return _DEVICES[self.story["device"]](self.story, clock)

    @property
    def hub_shows(self) -> datetime:
        hub = self.story.get("hub", "right")
        if hub == "set":
            return self.now - timedelta(hours=1)
        return self.now if hub == "right" else UNSET_HUB

    def outcome(self, reading: Reading) -> str:
        timing = self._timing(reading)
        whose = self._whose(reading, timing)
        if timing.uncertainty is None:
            when = "when, nobody knows"
        else:
            at = timing.measured_at.isoformat(sep=" ", timespec="seconds")
            when = f"{at[:19]} {at[19:]}, ± {_span(timing.uncertainty)}"
        goes = "may be sent" if timing.sendable else "waits"
        return f"{when}, {timing.reason}, {goes}, {whose}"

    def _timing(self, reading: Reading) -> Timing:
        hub = self.story.get("hub", "right")
        if hub in ("unset", "learned", "lost"):
            reading = _untrusted(reading)
        if hub in ("right", "unset"):
            return corrected(reading, PARIS, self._history())
        anchor = self._anchor(reading.received)
        return corrected(at_true_time(reading, anchor), PARIS, hub_doubt=anchor.doubt)

    def _anchor(self, received: Instant) -> Anchor:
        if self.story["hub"] != "lost":
            later = received.monotonic + 300
            return Anchor(received.boot_id, self.now + timedelta(minutes=5), later)
        up = timedelta(minutes=self.story["up_min"])
        off_from, known_again = (_local(self.story[name]) for name in ("off_from", "known_again"))
        anchor = lost_boot(received.boot_id, up, off_from, known_again)
        assert anchor is not None
        return anchor

    def _history(self) -> ClockHistory:
        history: ClockHistory = ()
        for at, shown in self.story.get("looks", ()):
            true = datetime.fromisoformat(at).astimezone(UTC)
            look = ClockSample(shown=_naive(shown), at=Instant(true, 0.0, "earlier"))
            history = seen(history, look, timedelta(seconds=1))
        if "we_set_it" in self.story:
            at = datetime.fromisoformat(self.story["we_set_it"])
            history = was_set(history, Instant(at, 0.0, "earlier"))
        return history

    def _whose(self, reading: Reading, timing: Timing) -> str:
        if timing.earliest is None or timing.latest is None:
            return "nobody"
        people = self.story.get("people", EVERYBODY)
        assignments = tuple(_assignment(reading, text) for text in people)
        subject, _ = attribute(
            assignments, reading.device, reading.slot, timing.earliest, timing.latest
        )
        return subject or self._nobody(reading)

    def _nobody(self, reading: Reading) -> str:
        """Say whose it may be, where a weight suggests it: for a person to say."""
        weight = reading.values.get(Measure.WEIGHT)
        before = dict(text.split(" ") for text in self.story.get("weighed", ()))
        if weight is None:
            return "nobody"
        last = {SubjectId(name): Decimal(kg) for name, kg in before.items()}
        suggestion = suggest(weight.value, last)
        return "nobody" if suggestion is None else f"nobody, perhaps {suggestion.subject}"


def _assignment(reading: Reading, text: str) -> Assignment:
    """Read "slot person [from [until]] [at the kiosk]"; the slot * is any."""
    words, at_kiosk, _ = text.partition(" at the kiosk")
    slot, person, *period = words.split(" ")
    since = " ".join(period[:2]) or "2020-01-01 00:00:00"
    until = " ".join(period[2:])
    return Assignment(
        device=reading.device,
        slot=None if slot == "*" else slot,
        subject=SubjectId(person),
        since=_local(since),
        until=_local(until) if until else None,
        session=1 if at_kiosk else None,
    )


def _local(text: str) -> datetime:
    return _naive(text).replace(tzinfo=PARIS).astimezone(UTC)


def _naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _span(doubt: timedelta) -> str:
    seconds = doubt.total_seconds()
    for unit, length, fewest in (("d", 86400, 2), ("h", 3600, 2), ("min", 60, 2)):
        if seconds >= fewest * length:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds)} s"


def _untrusted(reading: Reading) -> Reading:
    changed: dict[str, object] = {"received": replace(reading.received, trusted=False)}
    told = reading.device_time
    if told is not None and told.clock is not None:
        sample = told.clock.model_copy(update={"at": replace(told.clock.at, trusted=False)})
        changed["device_time"] = told.model_copy(update={"clock": sample})
    return reading.model_copy(update=changed)


def _bluetooth(driver: Driver, channel: Channel) -> _Device:
    def session(story: Story, clock: ManualClock) -> RecordingSession:
        values = {}
        if "clock" in story:
            values[gatt("1805", "2a2b")] = bytes.fromhex(story["clock"])
        pending = [(channel, bytes.fromhex(octets)) for octets in story["sends"]]
        link = ScriptedLink(values, pending=pending, clock=clock)
        return RecordingSession(driver, link, clock=clock)

    return session


def _serial(driver: Driver) -> _Device:
    def session(story: Story, clock: ManualClock) -> RecordingSession:
        return session_with(driver, [line.encode() for line in story["sends"]], clock=clock)

    return session


def _meter(story: Story, clock: ManualClock) -> RecordingSession:
    records = [bytes.fromhex(octets) for octets in story["sends"]]
    memory = {int.from_bytes(record[1:3], "little"): record for record in records}
    meter = Meter(memory, clock=story.get("clock", ""))
    link = meter.link()
    link.clock = clock
    session = meter.session(link)
    session.clock = clock
    return session


def _sensor(story: Story, clock: ManualClock) -> RecordingSession:
    samples = [bytes.fromhex(octets) for octets in story["sends"]]
    memory = {int.from_bytes(sample[4:6], "little"): sample for sample in samples}
    counted = int.from_bytes(bytes.fromhex(story["status"])[:2], "little")
    return Sensor(memory, minute=counted, start=story["start"], clock=clock).session()


_AS_ITS_RECORDS_SAY_S = 0x0D71D6FD - 0x0C4EF064  # by the last of them: what its display adds


def _receiver(story: Story, clock: ManualClock) -> RecordingSession:
    receiver = Receiver(display_offset=_AS_ITS_RECORDS_SAY_S)
    receiver.system_now = int.from_bytes(bytes.fromhex(story["clock"]), "little")
    receiver.records = [bytes.fromhex(octets) for octets in story["sends"]]
    session = session_with(dexcom_receiver.DRIVER, answer=receiver.answer, clock=clock)

    async def unplug(seconds: float, /) -> None:
        raise LinkLost("the receiver is unplugged after one look")

    assert isinstance(session.link, ScriptedLink)
    session.link.then = LinkTimeout
    session.pause = unplug  # type: ignore[method-assign]
    return session


_Device = Callable[[Story, ManualClock], RecordingSession]
_DEVICES: Mapping[str, _Device] = {
    "cuff": _bluetooth(cuff.DRIVER, gatt("1810", "2a35")),
    "scale": _bluetooth(scale.DRIVER, gatt("181d", "2a9d")),
    "meter": _meter,
    "sensor": _sensor,
    "receiver": _receiver,
    "omron_hbp": _serial(omron_hbp.DRIVER),
    "tanita": _serial(tanita.DRIVER),
}
