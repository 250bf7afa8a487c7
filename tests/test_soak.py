"""The soak run sees a leak, and takes a warm process for what it is."""

import os
from collections.abc import Callable

import pytest

from tests.soak import Look, grown, look


def looks(told: Callable[[int], tuple[int, int, int]]) -> list[Look]:
    return [Look(60.0 * n, *told(n)) for n in range(40)]


def test_warming_up_and_breathing_is_no_growth() -> None:
    assert grown(looks(lambda n: (60_000 + min(n, 9) * 2000 + n % 3 * 500, 30 + n % 2, 6))) == []


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (lambda n: (60_000 + n * 600, 30, 6), "memory"),
        (lambda n: (60_000, 30 + n // 4, 6), "files"),
        (lambda n: (60_000, 30, 6 + n // 5), "threads"),
    ],
)
def test_a_leak_is_named(told: Callable[[int], tuple[int, int, int]], what: str) -> None:
    (fault,) = grown(looks(told))

    assert fault.startswith(what)


def test_a_process_is_looked_at_by_what_linux_tells() -> None:
    ours = look(os.getpid(), 1.0)

    assert ours.resident_kib > 10_000
    assert ours.files >= 3
    assert ours.threads >= 1
