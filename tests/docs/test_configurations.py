"""Every piece of configuration that a page shows is one that the gateway takes."""

import re
from pathlib import Path

import pytest

from gateway import config

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
SHOWN = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.M | re.S)
    )
]


@pytest.mark.parametrize("block", SHOWN)
def test_what_a_page_shows_of_the_configuration_is_valid(block: str) -> None:
    config.parse(block)
