from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.window import Window, a_window


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    async with a_window(tmp_path) as opened:
        yield opened
