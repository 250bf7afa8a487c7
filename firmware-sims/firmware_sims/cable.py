"""The cable between a device and its port, as good or bad as it was made."""

import random
from itertools import pairwise
from typing import Protocol

from firmware_sims.faults import Fault, Faults
from firmware_sims.line_noise import LineNoise


class Plug(Protocol):
    """The device's end of a cable: `port.Port` of a serial one, `hid_port.HidPort` of a USB one."""

    async def send(self, data: bytes, /) -> int:
        """Send; return how many bytes were taken."""

    async def receive(self) -> bytes:
        """Return what the host wrote, waiting for it; b"": the cable was moved meanwhile."""

    def part(self, frame: bytes, /) -> bytes:
        """Return what arrives of a frame when the cable is pulled half-way."""

    def host_baud(self) -> int | None:
        """Return the speed the host has set; None: there is none to set, or an unusual one."""

    def unplug(self) -> None:
        """Pull the cable."""


class Cable:
    """Carries frames to a port, and what the host says back.

    `baud` is the device's speed: with a host at another one, both hear garbage (None: never mind).
    Faults of the line strike from frame `faults_after` on, counted from 0: that is how a cable is
    pulled in the middle of a memory.
    """

    def __init__(
        self,
        port: Plug,
        *,
        faults: Faults | None = None,
        noise: LineNoise | None = None,
        baud: int | None = None,
        faults_after: int = 0,
        seed: int = 0,
    ) -> None:
        self.port = port
        self._faults = faults or Faults()
        self._noise = noise
        self._baud = baud
        self._spared = faults_after
        self._flips = LineNoise(0, seed)
        self._random = random.Random(f"cable/{seed}")  # noqa: S311 - repeatable on purpose

    async def carry(self, frame: bytes) -> None:
        """Send what becomes of a frame."""
        if self._spared > 0:
            self._spared -= 1
        elif self._faults.strikes(Fault.SILENCE):
            return
        elif self._faults.strikes(Fault.UNPLUG_MID_FRAME):
            if begun := self.port.part(frame):
                await self.port.send(begun)
            self.port.unplug()
            return
        elif self._faults.strikes(Fault.HALF_FRAME):
            frame = frame[: len(frame) // 2]
        elif self._faults.strikes(Fault.SWAPPED_DIGITS):
            frame = self._swap_digits(frame)
        elif self._faults.strikes(Fault.FLIPPED_BIT):
            frame = self._flips.flip_bit(frame)
        if self._noise is not None:
            frame = self._noise.disturb(frame)
        await self.port.send(self._at_hosts_speed(frame))

    def heard(self, written: bytes) -> bytes:
        """Return what the device hears of what the host wrote."""
        return self._at_hosts_speed(written)

    def _swap_digits(self, frame: bytes) -> bytes:
        places = [
            place
            for place, (one, next_one) in enumerate(pairwise(frame))
            if one != next_one and bytes((one, next_one)).isdigit()
        ]
        if not places:
            return frame
        place = self._random.choice(places)
        return frame[:place] + frame[place : place + 2][::-1] + frame[place + 2 :]

    def _at_hosts_speed(self, octets: bytes) -> bytes:
        host = self.port.host_baud()
        if self._baud is None or host is None or host == self._baud:
            return octets
        # A receiver that is too slow sees fewer characters, one that is too fast sees more.
        return self._random.randbytes(max(1, len(octets) * host // self._baud))
