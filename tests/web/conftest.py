from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.window import Window, a_window, at_a_counter


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    async with a_window(tmp_path) as opened:
        yield opened


@pytest.fixture
async def kiosk(tmp_path: Path) -> AsyncIterator[Window]:
    async with at_a_counter(tmp_path) as opened:
        yield opened
