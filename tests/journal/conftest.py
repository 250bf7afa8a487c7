from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import ManualClock
from tests.journal.disk import Disk
from tests.journal.making import open_journal


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "journal.db"


@pytest.fixture
async def journal(path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    async with open_journal(path, clock) as opened:
        yield opened


@pytest.fixture
def reader(journal: Journal, path: Path) -> Iterator[Reader]:
    with Reader.open(path) as opened:
        yield opened


@pytest.fixture
def disk() -> Iterator[Disk]:
    with Disk() as inserted:
        yield inserted
