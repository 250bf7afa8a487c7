from firmware_sims.requests import ended_by, starting_with
from hypothesis import given
from hypothesis import strategies as st


def test_lines_are_cut_and_the_rest_is_kept() -> None:
    assert ended_by(b"\r\n", b"S\r\nSI\r\nS") == ([b"S", b"SI"], b"S")


def test_frames_of_one_size_are_found_among_noise() -> None:
    assert starting_with(b"\x51", 3, b"??\x51ab?\x51cd\x51e") == (
        [b"\x51ab", b"\x51cd"],
        b"\x51e",
    )


def test_a_start_that_has_only_begun_is_kept() -> None:
    assert starting_with(b"\x16\x16\x01", 5, b"noise\x16\x16") == ([], b"\x16\x16")


@given(st.binary(max_size=60), st.integers(0, 60))
def test_it_does_not_matter_in_how_many_pieces_a_request_arrives(heard: bytes, cut: int) -> None:
    whole, rest = starting_with(b"\x00\x01", 4, heard)

    early, kept = starting_with(b"\x00\x01", 4, heard[:cut])
    late, kept = starting_with(b"\x00\x01", 4, kept + heard[cut:])

    assert (early + late, kept) == (whole, rest)
