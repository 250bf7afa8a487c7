from __future__ import annotations

import ast
from pathlib import Path

from tests.drivers.quirks.rows import NOT_MET, SEVERITY_A, SEVERITY_B

FOLDER = Path(__file__).parent
UNSUPPORTED = {40: "Silvercrest SBM69"}


def numbers() -> set[int]:
    names = [
        node.name
        for path in FOLDER.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {int(name.split("_")[2]) for name in names if name.startswith("test_quirk_")}


def test_every_row_has_a_test_named_after_it_or_says_why_not() -> None:
    rows = SEVERITY_A.keys() | SEVERITY_B.keys()

    assert numbers() == rows - NOT_MET.keys()


def test_what_is_not_met_is_said_to_be_unsupported() -> None:
    page = (FOLDER.parents[2] / "docs" / "devices.md").read_text()
    below = page.split("## What is not supported")[1]

    assert NOT_MET.keys() <= UNSUPPORTED.keys()
    assert all(name in below for name in UNSUPPORTED.values())
