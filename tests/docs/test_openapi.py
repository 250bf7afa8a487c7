"""The document of the local API is that of the routes there are."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_document_is_up_to_date() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "openapi.py"))

    assert tool["DOCUMENT"].read_text(encoding="utf-8") == tool["document"](), "run 'make docs'"
