"""What is computed by itself is computed again and again, whatever goes wrong once."""

import asyncio
import logging
from typing import Any, cast

import pytest

from gateway.app.making import make_as_due
from gateway.collect.reports import Reports
from gateway.collect.summaries import Summaries
from gateway.errors import JournalError


class Failing:
    """Computes by a script of troubles."""

    def __init__(self, *troubles: Exception | None) -> None:
        self.troubles = list(troubles)

    async def make_due(self) -> None:
        trouble = self.troubles.pop(0)
        if trouble is not None:
            raise trouble


@pytest.mark.parametrize("trouble", [JournalError("the disk is full"), KeyError("71.3 kg")])
async def test_a_failure_stops_nothing_and_quotes_nothing(
    trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(None, trouble, None)

    async def timer(event: asyncio.Event, seconds: float) -> None:
        if not failing.troubles:
            raise asyncio.CancelledError

    with caplog.at_level(logging.INFO), pytest.raises(asyncio.CancelledError):
        await make_as_due(cast("Summaries", cast("Any", failing)), None, timer)

    assert len(caplog.records) == 1
    assert "71.3" not in caplog.text


async def test_summaries_that_cannot_be_made_keep_no_report_from_being_made() -> None:
    summaries, reports = Failing(KeyError("bug")), Failing(None)

    async def timer(event: asyncio.Event, seconds: float) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await make_as_due(
            cast("Summaries", cast("Any", summaries)), cast("Reports", cast("Any", reports)), timer
        )

    assert reports.troubles == []
