"""A hub with its screens, and a browser before them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace
from selenium.webdriver import Chrome

from tests.browser.browser import MISSING, Browser, knowing_nothing, running
from tests.browser.screens import Screens, screens_of
from tests.end_to_end.home import a_health_space
from tests.end_to_end.passing import Passing


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    if MISSING:
        pytest.skip(f"not installed, run 'apt-get install {' '.join(MISSING)}'")
    with running(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
def browser(driver: Chrome) -> Iterator[Browser]:
    with knowing_nothing(driver) as opened:
        yield opened


@pytest.fixture
def time() -> Passing:
    return Passing()


@pytest.fixture
async def space(time: Passing) -> AsyncIterator[HealthSpace]:
    async with a_health_space(time) as opened:
        yield opened


@pytest.fixture
async def screens(
    tmp_path: Path, space: HealthSpace, time: Passing, browser: Browser
) -> AsyncIterator[Screens]:
    async with screens_of(tmp_path, space, time, browser) as opened:
        yield opened
