"""What is asked of one person tells nothing of another."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.hubs import Api, api
from tests.api.test_routes import grant, weigh


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        yield made


async def _measured(asked: Api, label: str, kg: str) -> dict[str, Any]:
    """Add a person who was weighed and consents; return what is theirs."""
    _, person = await asked.post("people", label=label)
    _, granted = await grant(asked, person["id"], given_by=label)
    asked.hub.clock.advance(60)
    await weigh(asked, kg)
    _, (reading,) = await asked.get("readings?unclaimed=true")
    await asked.post(f"readings/{reading['id']}/claim", subject=person["id"])
    return {"subject": person["id"], "grant": granted["id"], "reading": reading["id"]}


@pytest.mark.parametrize(
    "target",
    ["readings?subject={subject}", "consents?subject={subject}", "people/{subject}/account"],
)
async def test_what_is_asked_of_one_person_tells_nothing_of_another(
    target: str, asked: Api
) -> None:
    odile = await _measured(asked, "Odile", "72.4")
    marcel = await _measured(asked, "Marcel", "91.1")

    for one, other in ((odile, marcel), (marcel, odile)):
        status, lines = await asked.get(target.format(**one))
        told = json.dumps(lines)

        assert status == 200
        assert any(one[key] in told for key in ("grant", "reading"))
        assert not [key for key, value in other.items() if value in told]


async def test_nobody_gets_the_receipt_of_what_another_agreed_to(asked: Api) -> None:
    odile = await _measured(asked, "Odile", "72.4")
    marcel = await _measured(asked, "Marcel", "91.1")

    target = f"consents/{odile['grant']}/receipt?subject="
    theirs = await asked.get(target + odile["subject"])
    others = await asked.get(target + marcel["subject"])

    assert (theirs[0], odile["grant"] in theirs[1]["text"]) == (200, True)
    assert others[0] == 422


async def test_a_receipt_is_that_of_the_consent_that_was_asked_for(asked: Api) -> None:
    odile = await _measured(asked, "Odile", "72.4")
    _, second = await grant(asked, odile["subject"], given_by="Odile", kinds=["weight"])

    for one, other in ((odile["grant"], second["id"]), (second["id"], odile["grant"])):
        target = f"consents/{one}/receipt?subject={odile['subject']}"
        text = (await asked.get(target))[1]["text"]

        assert (one in text, other in text) == (True, False)


async def test_a_withdrawal_ends_the_consent_of_nobody_else(asked: Api) -> None:
    odile = await _measured(asked, "Odile", "72.4")
    marcel = await _measured(asked, "Marcel", "91.1")

    await asked.post(
        "consents/withdraw", subject=odile["subject"], destination="mes", withdrawn_by="Odile"
    )

    left = await asked.hub.journal.claim("mes", 9, asked.hub.clock.now().utc)
    assert [each.delivery.entry.id for each in left] == [marcel["reading"]]
    (_, lines) = await asked.get("consents")
    assert {line["subject"] for line in lines if line["living"]} == {marcel["subject"]}


async def test_erasing_somebody_leaves_what_is_anothers(asked: Api) -> None:
    odile = await _measured(asked, "Odile", "72.4")
    marcel = await _measured(asked, "Marcel", "91.1")

    _, erased = await asked.post(f"people/{odile['subject']}/erase")

    assert erased["erased"] == 1
    assert [each["id"] for each in (await asked.get("readings"))[1]] == [marcel["reading"]]
    assert [each["id"] for each in (await asked.get("people"))[1]] == [marcel["subject"]]
    (_, (line,)) = await asked.get("consents")
    assert (line["id"], line["living"]) == (marcel["grant"], True)
