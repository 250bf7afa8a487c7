"""The page on Bluetooth under Linux names the tests that show each thing it tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "linux-bluetooth.md"


OVER_LINUX, OWN = "bluez", "transport/hci"
"""Whose tests the last two tables name."""


def rows(folder: str) -> Iterator[list[str]]:
    """Return the cells of each row of the table that names tests of this folder."""
    *_, over_linux, own = PAGE.read_text().split("| proved by |\n")
    for line in {OVER_LINUX: over_linux, OWN: own}[folder].splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def named(folder: str) -> set[str]:
    return {name for row in rows(folder) for name in re.findall(r"`(test_\w+)`", row[-1])}


def written(folder: str) -> set[str]:
    return {
        node.name
        for path in sorted((ROOT / "tests" / folder).glob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("folder", [OVER_LINUX, OWN])
def test_every_row_has_tests_that_there_are(folder: str) -> None:
    without = [what for what, *_, proofs in rows(folder) if not re.findall(r"`test_\w+`", proofs)]

    assert without == []
    assert named(folder) - written(folder) == set()
    assert len(list(rows(folder))) >= 8


def test_every_test_over_the_real_bluetoothd_is_on_the_page() -> None:
    assert written(OVER_LINUX) - named(OVER_LINUX) == set()
    assert len(list(rows(OVER_LINUX))) >= 19
