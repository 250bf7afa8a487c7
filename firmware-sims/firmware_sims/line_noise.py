"""What a bad cable adds to what a device sends, the same for a seed."""

import random


class LineNoise:
    """Strikes a share of the frames: garbage before, garbage after, or a flipped bit inside.

    Bits are flipped only with `inside_frames`: a protocol without checksum cannot notice, and what
    the ledger says was produced would not be what was sent.
    """

    def __init__(self, probability: float, seed: int, *, inside_frames: bool = False) -> None:
        self._probability = probability
        self._inside = inside_frames
        self._random = random.Random(f"line-noise/{seed}")  # noqa: S311 - repeatable on purpose

    def disturb(self, frame: bytes) -> bytes:
        """Return what arrives of a frame."""
        if self._random.random() >= self._probability:
            return frame
        match self._random.choice(("before", "after", "inside" if self._inside else "before")):
            case "before":
                return self._garbage() + frame
            case "after":
                return frame + self._garbage()
            case _:
                return self.flip_bit(frame)

    def flip_bit(self, frame: bytes) -> bytes:
        """Return the frame with one bit inverted."""
        damaged = bytearray(frame)
        damaged[self._random.randrange(len(frame))] ^= 1 << self._random.randrange(8)
        return bytes(damaged)

    def _garbage(self) -> bytes:
        return self._random.randbytes(self._random.randint(1, 40))
