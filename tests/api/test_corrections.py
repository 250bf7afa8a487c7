"""Who puts right what was sent in error, and of when it can be said whose a device was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.api.corrections import left_to_people
from gateway.domain.receipt import Receipt
from tests.api.hubs import Api, api
from tests.api.test_routes import SCALE, camille, grant, weigh


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        yield made


@pytest.mark.parametrize(("correcting", "by"), [({"mes"}, "hub"), ({"clinic"}, "person")])
async def test_the_hub_puts_right_what_its_destination_takes_corrections_of(
    correcting: set[str], by: str, asked: Api
) -> None:
    subject = await camille(asked)
    await grant(asked, subject)
    since = {"device": SCALE, "subject": subject, "since": "2020-01-01T00:00:00Z"}
    await asked.post("assignments", **since)
    await weigh(asked)
    now = asked.hub.clock.now().utc
    (released,) = await asked.hub.journal.claim("mes", 9, now)
    await asked.hub.journal.settle(released, Receipt("mes", "Observation/7", now))
    asked.hub.correcting = frozenset(correcting)  # type: ignore[assignment]

    await asked.post(f"readings/{released.delivery.entry.id}/dismiss")
    _, (owed,) = await asked.get("corrections")

    assert (owed["by"], owed["reference"], owed["subject"]) == (by, "Observation/7", subject)
    assert [each.number for each in left_to_people(asked.hub)] == (
        [owed["number"]] if by == "person" else []
    )


async def test_while_the_hub_does_not_know_the_time_whose_a_device_was_until_today_is_not_said(
    asked: Api,
) -> None:
    await weigh(asked)
    subject = await camille(asked)
    period = {"since": "2026-03-12T00:00:00Z", "device": SCALE, "subject": subject}
    asked.hub.clock.trusted = False

    today = await asked.post("assignments/past", until="2026-03-14T09:00:00Z", **period)
    before = await asked.post("assignments/past", until="2026-03-13T00:00:00Z", **period)

    assert (today[0], "does not know the time" in today[1]["detail"]) == (409, True)
    assert before[0] == 201


async def test_a_period_of_no_length_is_none(asked: Api) -> None:
    await weigh(asked)
    moment = "2026-03-12T00:00:00Z"

    period = {"device": SCALE, "subject": await camille(asked), "since": moment, "until": moment}
    status, _ = await asked.post("assignments/past", **period)

    assert status == 422
