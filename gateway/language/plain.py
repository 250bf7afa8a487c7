"""Makes what comes from outside, such as the name of a stranger's device, fit to be shown.

A name may hold signs that steer a terminal (ECMA-48) or turn the line around (Unicode TR9, section
2): whoever names a device so could write a line of ours.
"""

from __future__ import annotations

import re

_STEERING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_BUT_LINES = re.compile(_STEERING.pattern.replace(r"\x00-\x1f", r"\x00-\x09\x0b-\x1f"))
_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """Return the text on one line, with a mark in place of each sign that would steer."""
    return _STEERING.sub(_INSTEAD, text)


def without_steering(text: str) -> str:
    """Return what somebody typed without such signs: nobody means to type one."""
    return _STEERING.sub("", text)


def plain_lines(text: str) -> str:
    """Return a text of ours, which may have several lines, with such marks."""
    return _BUT_LINES.sub(_INSTEAD, text)
