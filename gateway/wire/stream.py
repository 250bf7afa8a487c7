"""Cuts a byte stream into frames, however its chunks fall.

A grammar is a generator that reads downwards like the specification it follows. It asks its
`Stream` for bytes with `yield from`, is suspended when they run out, and goes on where it was when
more have come: nothing is parsed twice, and no state is kept by hand. It yields whole frames.

    def frames(stream: Stream) -> Cutting:
        while True:
            head = yield from stream.need(2)  # a mark, and how many bytes follow
            yield from stream.need(2 + head[1])
            yield stream.take(2 + head[1])

Bytes that belong to no frame are discarded by the grammar, kept by the stream up to a bound, and
reported as `Garbage` before the next frame. Silence never ends a frame: half a frame stays half a
frame. Frames and garbage are the same whether bytes come one at a time or all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

GARBAGE_BYTES = 1024
"""Garbage is reported at the latest in pieces of this size: line noise must not eat the memory."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that belong to no frame, and why the first of them did not."""

    data: bytes
    reason: str


Suspended = Generator[None, None, None]
Cutting = Generator[bytes | None, None, None]
"""What a grammar returns: frames, and None while it waits for bytes. It never ends."""
Grammar = Callable[["Stream"], Cutting]


class Stream:
    """The bytes not yet cut, as a grammar sees them."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._garbage = bytearray()
        self._reason = ""
        self._reported: list[Garbage] = []

    def need(self, count: int) -> Generator[None, None, bytes]:
        """Wait for `count` bytes and return them; they stay in the stream."""
        while len(self._waiting) < count:
            yield
        return bytes(self._waiting[:count])

    def find(self, *ends: bytes, limit: int) -> Generator[None, None, int | None]:
        """Wait for the first of `ends`; return the count of bytes up to and including it.

        None if the first `limit` bytes hold none of them: there is no frame here.
        """
        while True:
            found = [at + len(end) for end in ends if (at := self._waiting.find(end)) >= 0]
            if found and min(found) <= limit:
                return min(found)
            if len(self._waiting) >= limit:
                return None
            yield

    def take(self, count: int) -> bytes:
        """Remove the first `count` bytes, which have come, and return them: a frame."""
        taken = bytes(self._waiting[:count])
        del self._waiting[:count]
        return taken

    def discard(self, count: int, reason: str) -> None:
        """Remove the first `count` bytes, which have come: garbage, for this reason."""
        for octet in self.take(count):
            if not self._garbage:
                self._reason = reason
            self._garbage.append(octet)
            if len(self._garbage) == GARBAGE_BYTES:
                self._report()

    def pass_over(self, octets: bytes) -> Suspended:
        """Remove any of `octets` at the front, as blanks between frames, up to another byte."""
        while (yield from self.need(1)) in (bytes((octet,)) for octet in octets):
            self.take(1)

    def skip_to(self, start: bytes, reason: str) -> Suspended:
        """Discard everything before the next `start`, and wait for it."""
        while (at := self._waiting.find(start)) < 0:
            kept = _overlap(self._waiting, start)
            self.discard(len(self._waiting) - kept, reason)
            yield
        self.discard(at, reason)

    def _extend(self, data: bytes) -> None:
        self._waiting += data

    def _report(self) -> None:
        if self._garbage:
            self._reported.append(Garbage(bytes(self._garbage), self._reason))
            self._garbage.clear()

    def _take_reported(self) -> list[Garbage]:
        reported, self._reported = self._reported, []
        return reported


class Framer:
    """One stream being cut by one grammar."""

    def __init__(self, grammar: Grammar) -> None:
        self._stream = Stream()
        self._cutting = grammar(self._stream)

    def feed(self, data: bytes) -> list[bytes | Garbage]:
        """Add what came; return the frames that are now whole, garbage before them in its place."""
        pieces: list[bytes | Garbage] = []
        self._stream._extend(data)
        while (frame := next(self._cutting)) is not None:
            self._stream._report()
            pieces += self._stream._take_reported()
            pieces.append(frame)
        pieces += self._stream._take_reported()
        return pieces

    def rest(self) -> list[Garbage]:
        """Return what is left when the stream has ended; half a frame is garbage too."""
        self._stream.discard(len(self._stream._waiting), "incomplete")
        self._stream._report()
        return self._stream._take_reported()


def exactly(count: int) -> Grammar:
    """Make the grammar of frames of `count` bytes, whatever they are: an answer of known size."""

    def cut(stream: Stream) -> Cutting:
        while True:
            yield from stream.need(count)
            yield stream.take(count)

    return cut


def lines(
    limit: int, ends: bytes = b"\r\n", begin: Callable[[bytes], int] | None = None
) -> Grammar:
    """Make the grammar of lines that any byte of `ends` ends, of at most `limit` bytes.

    A frame holds its line with the one ending byte; empty lines are skipped. Of a line that is too
    long nothing is a frame, its tail neither. `begin` says where in a line the frame begins; what
    precedes it is garbage.
    """
    marks = tuple(bytes((octet,)) for octet in ends)

    def cut(stream: Stream) -> Cutting:
        while True:
            size = yield from stream.find(*marks, limit=limit)
            if size is None:
                yield from _discard_line(stream, marks, limit)
            elif size == 1:
                stream.take(1)
            else:
                start = begin((yield from stream.need(size))) if begin is not None else 0
                stream.discard(start, "no_line")
                yield stream.take(size - start)

    return cut


def _discard_line(stream: Stream, marks: tuple[bytes, ...], limit: int) -> Suspended:
    size = None
    while size is None:
        stream.discard(limit, "too_long")
        size = yield from stream.find(*marks, limit=limit)
    stream.discard(size, "too_long")


def _overlap(data: bytearray, start: bytes) -> int:
    """Count the bytes at the end of `data` that may be the beginning of `start`."""
    return next((n for n in range(len(start) - 1, 0, -1) if data.endswith(start[:n])), 0)
