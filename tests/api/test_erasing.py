"""Who is erased: nothing of theirs leaves meanwhile, and no credentials stay behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.consent.grant import Withdrawal
from gateway.domain.subject import SubjectId
from tests.api.hubs import ROUTES, Api, api
from tests.api.test_routes import SCALE, camille, grant


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        yield made


async def test_consent_is_withdrawn_and_what_is_on_its_way_stopped_everywhere_before(
    asked: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at a destination that was taken out of the configuration."""
    subject = SubjectId(await camille(asked))
    await grant(asked, subject)
    asked.hub.routes = {"clinic": ROUTES["mes"]}
    asked.hub.left = 1
    done: list[tuple[str, str]] = []
    withdraw, quiesce = asked.hub.journal.record_withdrawal, asked.hub.quiesce
    erase = asked.hub.journal.erase

    async def withdrawn(made: Withdrawal) -> int:
        done.append(("withdrawn", made.destination))
        return await withdraw(made)

    async def stopped(whose: SubjectId, destination: str) -> int:
        done.append(("stopped", destination))
        return await quiesce(whose, destination)

    async def erased(whose: SubjectId) -> int:
        done.append(("erased", whose))
        return await erase(whose)

    monkeypatch.setattr(asked.hub.journal, "record_withdrawal", withdrawn)
    monkeypatch.setattr(asked.hub, "quiesce", stopped)
    monkeypatch.setattr(asked.hub.journal, "erase", erased)
    _, answer = await asked.post(f"people/{subject}/erase")

    assert done == [
        *(("withdrawn", "clinic"), ("stopped", "clinic")),
        *(("withdrawn", "mes"), ("stopped", "mes")),
        ("erased", subject),
    ]
    assert answer == {"erased": 0, "left": 2}


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_no_credentials_of_theirs_stay_behind(
    when: str, asked: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = SubjectId(await camille(asked))
    erase, known = asked.hub.journal.erase, []

    async def pair() -> None:
        await asked.hub.journal.set_pairing(subject, "mes", b"tokens")
        asked.hub.paired.append((subject, "mes", "1"))

    async def erased(whose: SubjectId) -> int:
        known.append(list(asked.hub.paired))
        if when == "meanwhile":
            await pair()
        return await erase(whose)

    monkeypatch.setattr(asked.hub.journal, "erase", erased)
    if when == "before":
        await pair()
    await asked.post(f"people/{subject}/erase")

    assert known == [[]]  # revoked while it is still known what by
    assert asked.hub.paired == []


async def test_a_device_measures_somebody_no_more_once(asked: Api) -> None:
    whose = {"device": SCALE, "subject": await camille(asked)}
    await asked.post("assignments", since="2026-03-01T00:00:00Z", **whose)

    before_it_began = await asked.post("assignments/end", until="2026-03-01T00:00:00Z", **whose)
    ended = await asked.post("assignments/end", until="2026-03-10T00:00:00Z", **whose)
    again = await asked.post("assignments/end", until="2026-03-05T00:00:00Z", **whose)

    assert [status for status, _ in (before_it_began, ended, again)] == [404, 201, 404]
    (_, (line,)) = await asked.get("assignments")
    assert line["until"] == "2026-03-10T00:00:00Z"
