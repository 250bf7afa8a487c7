"""What holds for the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says more about the machine's other work than about the code; a test
# that hangs is ended by pytest-timeout.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

ONE_MACHINE = "tests/bluez/"
"""These tests share a virtual machine, so they run in one worker; all others run anywhere."""


class OneMachine(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """Gives the tests of one scope to one worker, the largest scope first.

    xdist's own `--dist loadgroup` does nothing with pytest 9.2: xdist 3.8 writes the group into
    `Item._nodeid`, which pytest does not read any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        return ONE_MACHINE if nodeid.startswith(ONE_MACHINE) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneMachine:
    return OneMachine(config, log)
