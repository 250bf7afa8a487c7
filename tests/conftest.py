"""What holds for the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says more about the machine's other work than about the code; a test
# that hangs is ended by pytest-timeout. A failing history is made shorter for five minutes at most;
# for each further way in which it fails that would begin anew.
settings.register_profile(
    "suite",
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

TOGETHER = ("tests/bluez/", "tests/browser/")
"""Tests of one of these share a virtual machine, or a browser, so they run in one worker; all
others run anywhere."""


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """Gives the tests of one scope to one worker, the largest scope first.

    xdist's own `--dist loadgroup` does nothing with pytest 9.2: xdist 3.8 writes the group into
    `Item._nodeid`, which pytest does not read any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    return Together(config, log)
