from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.stream import (
    GARBAGE_BYTES,
    Cutting,
    Framer,
    Garbage,
    Grammar,
    Stream,
    lines,
)


def counted(stream: Stream) -> Cutting:
    """A mark ":", a count, as many bytes, and "." at the end; anything else is garbage."""
    while True:
        yield from stream.skip_to(b"::", "no_start")
        head = yield from stream.need(3)
        whole = yield from stream.need(4 + head[2])
        if whole.endswith(b"."):
            yield stream.take(len(whole))
        else:
            stream.discard(2, "no_end")


GRAMMARS: list[Grammar] = [counted, lines(limit=6), lines(limit=40, ends=b"\r\x03")]
ALPHABET = st.sampled_from(b"::..\x00\x01\x02\r\n\x03ab")


@pytest.mark.parametrize("grammar", GRAMMARS)
@given(data=st.lists(ALPHABET, max_size=60).map(bytes), cuts=st.sets(st.integers(0, 60)))
def test_frames_and_garbage_do_not_depend_on_the_cuts(
    grammar: Grammar, data: bytes, cuts: set[int]
) -> None:
    at_once = run(grammar, [data])
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]

    in_pieces = run(grammar, [data[a:b] for a, b in pairwise(edges)])
    byte_by_byte = run(grammar, [bytes((octet,)) for octet in data])

    assert in_pieces == at_once
    assert byte_by_byte == at_once


@given(data=st.binary(max_size=3000))
def test_garbage_is_bounded_and_no_byte_of_it_is_lost(data: bytes) -> None:
    pieces = run(counted, [data.replace(b"::", b"##")])

    assert all(len(piece.data) <= GARBAGE_BYTES for piece in pieces if isinstance(piece, Garbage))
    assert joined(pieces) == data.replace(b"::", b"##")


@given(data=st.lists(ALPHABET, max_size=80).map(bytes))
def test_every_byte_is_in_a_frame_or_in_garbage_in_its_order(data: bytes) -> None:
    assert joined(run(counted, [data])) == data


def test_garbage_is_skipped_up_to_the_next_trusted_boundary() -> None:
    framer = Framer(counted)

    pieces = framer.feed(b"x:y::\x02ab!::\x02cd.")

    assert pieces == [Garbage(b"x:y::\x02ab!", "no_start"), b"::\x02cd."]


def test_half_a_frame_stays_half_a_frame_until_the_stream_ends() -> None:
    framer = Framer(counted)

    assert framer.feed(b"::\x02a") == []
    assert framer.feed(b"") == []
    assert framer.rest() == [Garbage(b"::\x02a", "incomplete")]


def test_noise_that_no_frame_ends_is_reported_piece_by_piece() -> None:
    framer = Framer(counted)

    assert framer.feed(b"#" * 1500) == [Garbage(b"#" * GARBAGE_BYTES, "no_start")]
    assert framer.rest() == [Garbage(b"#" * 476, "no_start")]


def test_an_empty_stream_leaves_nothing() -> None:
    assert Framer(counted).rest() == []


def test_lines_end_at_either_mark_and_empty_ones_are_skipped() -> None:
    framer = Framer(lines(limit=20))

    assert framer.feed(b"one\r\n\r\ntwo\nthree") == [b"one\r", b"two\n"]


def test_nothing_of_a_line_that_is_too_long_is_a_frame() -> None:
    framer = Framer(lines(limit=5))

    assert framer.feed(b"0123456789012\rabc\r") == [
        Garbage(b"0123456789012\r", "too_long"),
        b"abc\r",
    ]


def run(grammar: Grammar, chunks: Sequence[bytes]) -> list[bytes | Garbage]:
    framer = Framer(grammar)
    pieces = [piece for chunk in chunks for piece in framer.feed(chunk)]
    return pieces + framer.rest()


def joined(pieces: list[bytes | Garbage]) -> bytes:
    return b"".join(p.data if isinstance(p, Garbage) else p for p in pieces)
