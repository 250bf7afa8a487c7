"""The page on Bluetooth under Linux names the tests that show each thing it tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "linux-bluetooth.md"


def rows() -> Iterator[list[str]]:
    """Return the cells of each row of the last table."""
    *_, table = PAGE.read_text().split("| proved by |\n")
    for line in table.splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def written() -> list[str]:
    return [
        node.name
        for path in sorted((ROOT / "tests" / "bluez").glob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def test_every_row_has_tests_that_there_are() -> None:
    without = [what for what, _, _, proofs in rows() if not re.findall(r"`(test_\w+)`", proofs)]
    named = {name for row in rows() for name in re.findall(r"`(test_\w+)`", row[-1])}

    assert without == []
    assert named - set(written()) == set()


def test_every_test_over_the_real_bluetoothd_is_on_the_page() -> None:
    named = {name for row in rows() for name in re.findall(r"`(test_\w+)`", row[-1])}

    assert set(written()) - named == set()
    assert len(list(rows())) >= 19
