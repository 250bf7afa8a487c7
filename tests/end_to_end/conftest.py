import os
from collections.abc import AsyncIterator

import pytest
from firmware_sims.health_space import HealthSpace

from tests.end_to_end.accepted import Check, errors_of_new_shapes
from tests.end_to_end.home import a_health_space
from tests.end_to_end.passing import Passing
from tests.jumping import pytest_asyncio_loop_factories
from tests.uplink.conftest import profile_errors, profile_errors_of

__all__ = ["profile_errors", "profile_errors_of", "pytest_asyncio_loop_factories"]


@pytest.fixture
def time() -> Passing:
    return Passing()


@pytest.fixture(scope="session")
def checker(request: pytest.FixtureRequest) -> Check | None:
    """Return what checks bundles against the published profiles, where that can be had."""
    if "GATEWAY_PROFILES" not in os.environ:
        return None
    try:
        check: Check = request.getfixturevalue("profile_errors")
    except pytest.skip.Exception:
        return None
    return check


@pytest.fixture
async def space(time: Passing, checker: Check | None) -> AsyncIterator[HealthSpace]:
    """A sandbox; what it accepted in the end also fits the published profiles."""
    async with a_health_space(time) as opened:
        yield opened
        assert checker is None or errors_of_new_shapes(opened, checker) == []
