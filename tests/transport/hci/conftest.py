"""Time jumps here, but in tests of other processes: see tests/jumping.py."""

from tests.jumping import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
