"""A package whose docstring says what is in which file says it of every file."""

import ast
import re
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parents[2] / "gateway"
MAPS = {
    package.parent: set(re.findall(r"\b(\w+)\.py\b", ast.get_docstring(text) or ""))
    for package in GATEWAY.rglob("__init__.py")
    if (text := ast.parse(package.read_text(encoding="utf-8")))
}


@pytest.mark.parametrize(
    "package", [each for each, named in MAPS.items() if len(named) > 1], ids=lambda each: each.name
)
def test_a_map_names_every_file_and_no_other(package: Path) -> None:
    there = {file.stem for file in package.glob("*.py")} - {"__init__"}

    assert sorted(MAPS[package] ^ there) == []
