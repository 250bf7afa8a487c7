from __future__ import annotations

import ast
from pathlib import Path

from tests.drivers.quirks.rows import SEVERITY_A, SEVERITY_B

FOLDER = Path(__file__).parent


def numbers() -> set[int]:
    names = [
        node.name
        for path in FOLDER.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {int(name.split("_")[2]) for name in names if name.startswith("test_quirk_")}


def test_every_row_has_a_test_named_after_it() -> None:
    assert numbers() == SEVERITY_A.keys() | SEVERITY_B.keys()
