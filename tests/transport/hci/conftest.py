"""Time jumps here, but in tests of other processes: see tests/jumping.py."""

from collections.abc import AsyncIterator

import pytest

from tests.jumping import pytest_asyncio_loop_factories
from tests.transport.hci.virtual_air import Air, Cuff, open_air

__all__ = ["pytest_asyncio_loop_factories"]


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    async with open_air() as opened:
        yield opened


@pytest.fixture
async def cuff(air: Air) -> Cuff:
    made = Cuff(air.link)
    await made.advertise()
    return made
