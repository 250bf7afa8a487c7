"""Captures: everything that passed over one link, as a file to look at, to send in, to replay.

JSON lines, UTF-8, one object each; docs/capture-format.md explains them to people.

    {"device": {"id": "serial:cuff", "driver": "...", ...}, "driver": "bp_monitor/omron_hbp"}
    {"at": "2026-03-14T09:26:53.120000Z", "dir": "in", "channel": "serial", "hex": "..."}

`dir` is `in` (the device sent it by itself), `read` (the value of a read) or `out` (we wrote it).
A capture holds a person's measurements: its file is for its owner's eyes only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from gateway.clock import Clock
from gateway.domain.device import Device
from gateway.drivers.api import Channel, Frame, Inbox
from gateway.errors import ConfigError
from gateway.transport.api import Cabled, OpenLink

_logger = logging.getLogger(__name__)


class Direction(StrEnum):
    """Which way the bytes of a line went."""

    IN = "in"
    OUT = "out"
    READ = "read"


def _with_z(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Header(BaseModel):
    """The first line: whose link it was, and the driver that held the conversation."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    device: Device
    driver: str


class Passed(BaseModel):
    """A further line: these bytes passed, then, there, that way."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Annotated[AwareDatetime, PlainSerializer(_with_z)]
    dir: Direction
    channel: Channel
    hex: str = Field(pattern=r"^([0-9a-fA-F]{2})*$")

    @property
    def data(self) -> bytes:
        """The bytes."""
        return bytes.fromhex(self.hex)


def load(path: Path) -> tuple[Header, list[Passed]]:
    """Read a capture. Raises ConfigError that names the file and the line.

    A last line that was cut off while it was written is left out.
    """
    try:
        first, *others = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError as error:
        raise ConfigError(f"Capture {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"Capture {path} is empty, or not UTF-8 text.") from error
    if others and not others[-1].endswith("\n"):
        others.pop()
    header = _parsed(Header, first, f"{path}, line 1")
    passed = [
        _parsed(Passed, line, f"{path}, line {number}") for number, line in enumerate(others, 2)
    ]
    return header, passed


Line = TypeVar("Line", bound=BaseModel)


def _parsed(kind: type[Line], text: str, where: str) -> Line:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise ConfigError(
            f"Capture {where}: {field}: {fault['msg']}; see docs/capture-format.md."
        ) from error


class CaptureWriter:
    """A link that writes down what passes over another; the file then replays the conversation.

    A chunk is written when a driver takes it. Appends: one file holds one link's conversation. A
    disk that takes no more ends the capture, after its last whole line, and not the conversation.
    """

    def __init__(self, link: OpenLink, device: Device, path: Path, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._file: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(self._file).st_size == 0:
            self._append(Header(device=device, driver=device.driver))

    @property
    def channels(self) -> Collection[Channel]:
        """What the device offers."""
        return self._link.channels

    @property
    def pulled(self) -> asyncio.Event:
        """Set once the link knows that its cable was pulled; see `Cabled`."""
        return self._link.pulled if isinstance(self._link, Cabled) else asyncio.Event()

    async def read(self, channel: Channel, /) -> Frame:
        """Ask the device, and write down what it answered."""
        frame = await self._link.read(channel)
        self._note(Direction.READ, frame.channel, frame.data, frame.received.utc)
        return frame

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Write down what is sent, then send it: an answer may come before this returns."""
        self._note(Direction.OUT, channel, data, self._clock.now().utc)
        await self._link.write(channel, data, acknowledged=acknowledged)

    async def subscribe(self, channel: Channel, /) -> Inbox:
        """Subscribe, and write down what is taken from the inbox."""
        return _NotedInbox(self, await self._link.subscribe(channel))

    async def close(self) -> None:
        """Close the link and the file."""
        await self._link.close()
        self._end()

    def _note(self, direction: Direction, channel: Channel, data: bytes, at: datetime) -> None:
        self._append(Passed(at=at, dir=direction, channel=channel, hex=data.hex()))

    def _append(self, line: BaseModel) -> None:
        if self._file is None:
            return
        whole = os.fstat(self._file).st_size
        left = line.model_dump_json(exclude_none=True).encode() + b"\n"
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            _logger.warning("a capture ends early: %s", error.strerror)
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, whole)
            self._end()

    def _end(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _NotedInbox:
    def __init__(self, writer: CaptureWriter, inbox: Inbox) -> None:
        self._writer = writer
        self._inbox = inbox

    async def get(self, *, within: float) -> Frame:
        frame = await self._inbox.get(within=within)
        self._writer._note(Direction.IN, frame.channel, frame.data, frame.received.utc)
        return frame
