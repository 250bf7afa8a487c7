"""The cable between a device and its port, as good or bad as it was made."""

import random
from itertools import pairwise

from firmware_sims.faults import Fault, Faults
from firmware_sims.line_noise import LineNoise
from firmware_sims.port import Port


class Cable:
    """Carries frames to a port, and what the host says back.

    `baud` is the device's speed: with a host at another one, both hear garbage (None: never mind).
    Faults of the line strike from frame `faults_after` on, counted from 0: that is how a cable is
    pulled in the middle of a memory.
    """

    def __init__(
        self,
        port: Port,
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
        self._random = random.Random(f"cable/{seed}")  # noqa: S311 - repeatable on purpose

    async def carry(self, frame: bytes) -> None:
        """Send what becomes of a frame."""
        if self._spared > 0:
            self._spared -= 1
        elif self._faults.strikes(Fault.SILENCE):
            return
        elif self._faults.strikes(Fault.UNPLUG_MID_FRAME):
            await self.port.send(frame[: len(frame) // 2])
            self.port.unplug()
            return
        elif self._faults.strikes(Fault.HALF_FRAME):
            frame = frame[: len(frame) // 2]
        elif self._faults.strikes(Fault.SWAPPED_DIGITS):
            frame = self._swap_digits(frame)
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
