"""The page about the configuration is that of the classes which validate it, and says it all."""

import re
import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    written = runpy.run_path(str(ROOT / "tools" / "configuration.py"))["page"]()

    assert PAGE.read_text(encoding="utf-8") == written, "run 'make docs'"


def test_every_key_has_a_meaning() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line.startswith("|") and line.endswith("|  |")] == []


def test_every_default_is_written_as_the_file_wants_it_in_a_table_of_three_columns() -> None:
    rows = [
        re.split(r"(?<!\\)\|", line)[1:-1]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]

    assert {len(row) for row in rows} == {3}
    for _, default, _ in rows:
        if written := default.replace("\\|", "|").strip().strip("`"):
            assert written == "required" or tomllib.loads(f"key = {written}")
