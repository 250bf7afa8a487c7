"""The drawing of a QR code is the code, with its quiet border."""

import re

import segno

from gateway.api.qr_code import printed, qr_code

ADDRESS = "https://space.example/authorize?state=abc&code_challenge=xyz"


def test_every_dark_module_is_drawn_once_inside_a_quiet_border() -> None:
    drawn = qr_code(ADDRESS)

    wanted = segno.make(ADDRESS, micro=False, error="l").matrix
    dark = {(x + 4, y + 4) for y, row in enumerate(wanted) for x, on in enumerate(row) if on}
    squares = [(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", drawn.path)]
    assert len(squares) == len(dark)
    assert set(squares) == dark
    assert drawn.side == len(wanted) + 8


def test_a_printed_code_has_the_same_dark_modules() -> None:
    lines = printed(ADDRESS).splitlines()

    wanted = segno.make(ADDRESS, micro=False, error="l").matrix
    dark = {(x + 4, y + 4) for y, row in enumerate(wanted) for x, on in enumerate(row) if on}
    drawn = {(x, 2 * y) for y, line in enumerate(lines) for x, c in enumerate(line) if c in "▀█"}
    drawn |= {
        (x, 2 * y + 1) for y, line in enumerate(lines) for x, c in enumerate(line) if c in "▄█"
    }
    assert drawn == dark
