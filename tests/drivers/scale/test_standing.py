from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.clock import Instant
from gateway.drivers.scale.standing import Standing
from gateway.testing.clock import ManualClock

NOW = ManualClock().now()


@pytest.mark.parametrize("text", [None, "", "3", "{}", "[]", "[[], []]", '[["x", 1, "", true], 2]'])
def test_what_is_no_bookmark_of_ours_counts_as_none(text: str | None) -> None:
    assert Standing.from_text(text) is None


def test_what_stood_there_is_remembered_to_the_moment() -> None:
    standing = Standing(NOW, replace(NOW, monotonic=NOW.monotonic + 3, trusted=False))

    assert Standing.from_text(standing.to_text()) == standing


def test_a_hub_that_started_anew_goes_by_its_wall_clock() -> None:
    standing = Standing(NOW, NOW)
    soon, late = (Instant(NOW.utc + timedelta(seconds=s), 2.0, "another boot") for s in (9, 11))

    assert standing.goes_on_at(soon)
    assert not standing.goes_on_at(late)
