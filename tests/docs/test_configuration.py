"""The page about the configuration is that of the classes which validate it, and says it all."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    written = runpy.run_path(str(ROOT / "tools" / "configuration.py"))["page"]()

    assert PAGE.read_text(encoding="utf-8").rstrip() == written.rstrip(), "run 'make docs'"


def test_every_key_has_a_meaning() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line.startswith("|") and line.endswith("|  |")] == []
