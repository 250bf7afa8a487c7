"""What the tests of serial drivers share: a device behind a scripted serial link."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from gateway.domain.device import Device, DeviceId
from gateway.domain.reading import Kind, Measure
from gateway.drivers.api import SERIAL, Driver, Frame, Reach, Sighting
from gateway.errors import DecodeError, LinkLost, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession

DEVICE = DeviceId("serial:counter")
WAKING_S = 10.0
"""Longer than a driver pauses between two attempts to wake a device, shorter than between reads."""


def session_with(
    driver: Driver,
    chunks: Iterable[bytes] = (),
    settings: dict[str, str | int | bool | None] | None = None,
    answer: Callable[[bytes], Iterable[bytes]] | None = None,
    clock: ManualClock | None = None,
) -> RecordingSession:
    """A session whose device sends these chunks, answers what is written, and is then unplugged."""
    clock = clock or ManualClock()
    link = ScriptedLink(
        pending=[(SERIAL, chunk) for chunk in chunks],
        answers={SERIAL: lambda data: [(SERIAL, c) for c in answer(data)]} if answer else {},
        then=LinkLost,
        clock=clock,
    )
    name = driver.manifest.name
    return RecordingSession(
        driver=driver,
        link=link,
        clock=clock,
        device=Device(id=DEVICE, driver=name),
        sighting=Sighting("/dev/ttyUSB0", Reach.SERIAL, driver=name),
        settings=settings or {},
    )


async def listened(
    driver: Driver,
    chunks: Iterable[bytes],
    settings: dict[str, str | int | bool | None] | None = None,
) -> RecordingSession:
    """Let a driver that listens until the link is lost hear these chunks."""
    session = session_with(driver, chunks, settings)
    with pytest.raises(LinkLost):
        await driver.converse(session)
    return session


def session_asking(
    driver: Driver,
    answer: Callable[[bytes], Iterable[bytes]],
    settings: dict[str, str | int | bool | None] | None = None,
) -> RecordingSession:
    """A session whose device speaks when spoken to, and is otherwise silent."""
    session = session_with(driver, settings=settings, answer=answer)
    assert isinstance(session.link, ScriptedLink)
    session.link.then = LinkTimeout
    return session


async def unplugged_at(
    pause: int, driver: Driver, session: RecordingSession, *, longer_than_s: float = 0.0
) -> RecordingSession:
    """Let the driver converse; unplug the device at its `pause`th pause longer than this."""
    left = pause

    async def count(seconds: float, /) -> None:
        nonlocal left
        left -= seconds > longer_than_s
        if left == 0:
            raise LinkLost("unplugged")

    session.pause = count  # type: ignore[method-assign]
    with pytest.raises(LinkLost):
        await driver.converse(session)
    return session


def systolic(session: RecordingSession) -> list[int]:
    """The systolic pressures that were recorded, in mmHg."""
    return [
        int(r.values[Measure.SYSTOLIC].value)
        for r in session.readings
        if r.kind is Kind.BLOOD_PRESSURE
    ]


def glucose(session: RecordingSession) -> list[int]:
    """The glucose values that were recorded, in mg/dL."""
    return [int(r.values[Measure.GLUCOSE].value) for r in session.readings]


class Timeline:
    """A link on which chunks arrive at given seconds, for a test's clock that runs along."""

    channels = frozenset({SERIAL})

    def __init__(self, *arrivals: tuple[float, bytes], clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self._start = self.clock.now().monotonic
        self._arrivals = list(arrivals)
        self.written: list[bytes] = []

    async def read(self, channel: object, /) -> Frame:
        raise AssertionError("a serial link is not read")

    async def write(self, channel: object, data: bytes, /, *, acknowledged: bool = True) -> None:
        self.written.append(data)

    async def subscribe(self, channel: object, /) -> Timeline:
        return self

    async def get(self, *, within: float) -> Frame:
        now = self.clock.now().monotonic - self._start
        if not self._arrivals:
            raise LinkLost("unplugged")
        at, data = self._arrivals[0]
        if at > now + within:
            self.clock.advance(within)
            raise LinkTimeout("silence")
        self.clock.advance(max(0.0, at - now))
        del self._arrivals[0]
        return Frame(SERIAL, data, self.clock.now())


def cut(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Strategy: `data` cut anywhere."""
    places = st.sets(st.integers(0, len(data)), max_size=20)
    return places.map(lambda chosen: _pieces(data, sorted(chosen)))


def _pieces(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *places, len(data)]
    return [data[a:b] for a, b in pairwise(edges) if b > a]


def mangled(examples: Iterable[bytes]) -> st.SearchStrategy[bytes]:
    """Strategy: real frames with some bytes changed, and bytes that were never a frame."""
    return st.one_of(
        st.binary(max_size=80),
        st.tuples(
            st.sampled_from(sorted(examples)),
            st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=4),
            st.integers(0, 8),
        ).map(_mangle),
    )


def _mangle(drawn: tuple[bytes, list[tuple[int, int]], int]) -> bytes:
    original, changes, shorter = drawn
    data = bytearray(original)
    for at, octet in changes:
        data[at % len(data)] = octet
    return bytes(data[: len(data) - shorter])


def is_total(driver: Driver, data: bytes, hints: Mapping[str, object] | None = None) -> None:
    """Assert that decode answers with a message or a DecodeError that points into the bytes."""
    fault = None
    try:
        driver.decode(Frame(SERIAL, data, ManualClock().now(), hints or {}))
    except DecodeError as error:
        fault = error

    assert fault is None or (fault.reason and 0 <= fault.offset <= len(data))


def shared_vectors(*devices: str) -> list[dict[str, Any]]:
    """Return the rows of these devices, or all; none without GATEWAY_VECTORS."""
    folder = os.environ.get("GATEWAY_VECTORS")
    if folder is None:
        return []
    loaded = json.loads((Path(folder) / "serial.json").read_text(), parse_float=Decimal)
    return [row for row in loaded if not devices or row["device"] in devices]
