"""Pairing a person with a destination, over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.subject import SubjectId
from tests.api.hubs import Api, api
from tests.api.test_routes import camille


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        yield made


async def test_what_was_begun_is_ended_by_its_code_once_and_for_its_person_alone(
    asked: Api,
) -> None:
    whose = {"subject": await camille(asked), "destination": "mes"}
    _, begun = await asked.post("pairings/begin", **whose)

    other, _ = await asked.post(
        "pairings", **{**whose, "subject": "p-other"}, code="1", state=begun["state"]
    )
    spent, _ = await asked.post("pairings", **whose, code="2", state=begun["state"])
    _, anew = await asked.post("pairings/begin", **whose)
    paired, _ = await asked.post("pairings", **whose, code="3", state=anew["state"])

    assert begun["url"].startswith("https://space.example/authorize")
    assert (other, spent, paired) == (502, 502, 201)
    assert asked.hub.paired == [(whose["subject"], "mes", "3")]


@pytest.mark.parametrize("route", ["pairings/begin", "pairings", "pairings/end"])
async def test_nobody_pairs_with_what_the_configuration_does_not_name(
    route: str, asked: Api
) -> None:
    code = {"code": "1"} if route == "pairings" else {}

    status, _ = await asked.post(
        route, subject=await camille(asked), destination="elsewhere", **code
    )

    assert status == 422
    assert asked.hub.paired == []


async def test_a_pairing_ends_once_what_is_on_its_way_is_stopped(asked: Api) -> None:
    whose = {"subject": await camille(asked), "destination": "mes"}
    await asked.hub.journal.set_pairing(SubjectId(whose["subject"]), "mes", b"tokens")
    asked.hub.paired.append((whose["subject"], "mes", "1"))
    asked.hub.left = 1

    ended = await asked.post("pairings/end", **whose)
    again, _ = await asked.post("pairings/end", **whose)

    assert ended == (201, {"revoked": True, "left": 1})
    assert asked.hub.stopped == [("mes", True)]
    assert (asked.hub.paired, again) == ([], 422)
