from collections.abc import AsyncIterator

import pytest
from firmware_sims.health_space import HealthSpace

from tests.end_to_end.home import a_health_space
from tests.end_to_end.passing import Passing
from tests.uplink.conftest import profile_errors

__all__ = ["profile_errors"]


@pytest.fixture
def time() -> Passing:
    return Passing()


@pytest.fixture
async def space(time: Passing) -> AsyncIterator[HealthSpace]:
    async with a_health_space(time) as opened:
        yield opened
