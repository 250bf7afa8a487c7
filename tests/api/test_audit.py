"""A reading's timeline, a person's account, erasure and checkpoints, as the API tells them."""

import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.consent.gate import Reason
from gateway.domain.device_time import Correction
from gateway.domain.receipt import Receipt
from gateway.domain.subject import Attribution
from gateway.journal.reader import Reader
from gateway.journal.retention import Expiry, Retention
from gateway.language.words import words
from tests.api.hubs import Api, api
from tests.api.test_routes import camille, grant, weigh


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        yield made


async def _sent(asked: Api) -> tuple[str, str]:
    """Weigh, claim, consent and send; return the reading's id and the person's."""
    await weigh(asked)
    subject = await camille(asked)
    _, (reading,) = await asked.get("readings")
    now = asked.hub.clock.now().utc
    await asked.post(f"readings/{reading['id']}/claim", subject=subject)
    await grant(asked, subject)
    (released,) = await asked.hub.journal.claim("mes", 1, now)
    await asked.hub.journal.settle(released, Receipt("mes", "Observation/1", now))
    return reading["id"], subject


async def test_a_timeline_tells_in_plain_words_what_happened_to_a_reading(asked: Api) -> None:
    reading, _ = await _sent(asked)

    _, french = await asked.get(f"readings/{reading}/trace")
    _, english = await asked.get(f"readings/{reading}/trace?language=en")

    assert sorted(step["event"] for step in english) == sorted(
        [
            *("measured", "received", "recorded", "withheld"),
            *("attributed", "whose", "withheld", "reconsidered", "released", "settled"),
        ]
    )
    assert "Whose it is: the person's whom somebody named." in [
        step["sentence"] for step in english
    ]
    assert "Acceptée par Mon espace santé." in [step["sentence"] for step in french]
    assert "Held, it did not leave for Mon espace santé: whose it is, nobody said yet." in [
        step["sentence"] for step in english
    ]


async def test_an_account_tells_a_person_what_left_and_under_which_consent(asked: Api) -> None:
    reading, subject = await _sent(asked)

    _, (line,) = await asked.get(f"people/{subject}/account")

    (delivery,) = line["deliveries"]
    assert (line["reading"], delivery["state"]) == (reading, "settled")
    assert delivery["grant"].startswith("grant-")


async def test_an_account_of_years_is_told_page_by_page(asked: Api) -> None:
    first, subject = await _sent(asked)
    for _ in range(2):
        asked.hub.clock.advance(60)
        await weigh(asked)
    for reading in (await asked.get("readings?unclaimed=true"))[1]:
        await asked.post(f"readings/{reading['id']}/claim", subject=subject)

    whole = (await asked.get(f"people/{subject}/account"))[1]
    paged, before = [], ""
    for _ in whole:
        (line,) = (await asked.get(f"people/{subject}/account?limit=1{before}"))[1]
        paged.append(line)
        before = f"&before={line['position']}"
    after = await asked.get(f"people/{subject}/account?limit=1{before}")

    assert paged == whole
    assert len(whole) == 3
    assert [line["reading"] for line in whole if line["deliveries"][0]["grant"]] == [first]
    assert after == (200, [])
    assert (await asked.get(f"people/{subject}/account?limit=0"))[0] == 422


async def test_looking_through_years_holds_nothing_up(
    asked: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, subject = await _sent(asked)
    looked: dict[str, bool] = {}

    def watched(name: str) -> Callable[..., Any]:
        look = getattr(Reader, name)

        def watch(*given: Any) -> Any:
            looked[name] = threading.current_thread() is threading.main_thread()
            return look(*given)

        return watch

    for name in ("verify_against", "damaged", "story", "released_under", "expired"):
        monkeypatch.setattr(Reader, name, watched(name))

    answers = [
        await asked.post("audit/verify"),
        await asked.get("audit/damage"),
        await asked.get(f"readings/{reading}/trace"),
        await asked.get(f"people/{subject}/account"),
    ]

    assert {status for status, _ in answers} <= {200, 201}
    assert looked == dict.fromkeys(looked, False)
    assert len(looked) == 5


async def test_a_checkpoint_is_verified(asked: Api) -> None:
    await _sent(asked)
    _, checkpoint = await asked.get("audit/checkpoint")

    _, found = await asked.post("audit/verify", checkpoint=checkpoint)
    _, against_nothing = await asked.post("audit/verify")
    _, changed = await asked.post("audit/verify", checkpoint={**checkpoint, "number": 1})

    assert (found["fails_at"], found["checkpoint"]) == (None, None)
    assert against_nothing["links"] == found["links"]
    assert changed["checkpoint"] == "signature"


async def test_erasing_a_person_withdraws_first_and_leaves_nothing(asked: Api) -> None:
    _, subject = await _sent(asked)

    status, answer = await asked.post(f"people/{subject}/erase")

    assert (status, answer) == (201, {"erased": 1, "left": 0})
    assert await asked.get("people") == (200, [])
    assert await asked.get("readings") == (200, [])
    assert (await asked.post(f"people/{subject}/erase"))[0] == 404


async def test_a_person_is_told_what_expired_and_whether_it_had_been_delivered(asked: Api) -> None:
    reading, subject = await _sent(asked)
    asked.hub.clock.step(timedelta(days=100))
    retention = Retention(delivered=timedelta(days=30))

    await asked.hub.journal.expire(retention, asked.hub.clock.now().utc)

    _, (line,) = await asked.get(f"people/{subject}/account")
    _, french = await asked.get(f"readings/{reading}/trace")
    assert (line["reading"], line["expired"]["why"]) == (reading, "delivered")
    assert french[-1]["sentence"].replace("\N{NO-BREAK SPACE}", " ") == (
        "Effacée du boîtier, comme prévu par sa configuration : elle avait été livrée partout."
    )
    assert (await asked.get("readings"))[1] == []


def test_both_languages_have_a_word_for_everything() -> None:
    reasons = {*Reason, *Correction, *Expiry, *Attribution}
    for language in ("fr", "en"):
        known = {key.removeprefix("why.") for key in words(language) if key.startswith("why.")}
        assert known == reasons


async def test_a_receipt_holds_who_consented_to_what_with_the_text_and_the_logs_head(
    asked: Api,
) -> None:
    subject = await camille(asked)
    kinds = ["blood_pressure", "weight"]
    _, given = await grant(asked, subject, given_by="Claude", capacity="parent", kinds=kinds)

    _, answer = await asked.get(f"consents/{given['id']}/receipt?subject={subject}")

    for told in (given["id"], "Claude", "parent", given["text"]["sha256"]):
        assert told in answer["text"]
    lines = answer["text"].splitlines()
    assert "Destination\N{NO-BREAK SPACE}: Mon espace santé (https://space.example/fhir)" in lines
    assert "Mesures\N{NO-BREAK SPACE}: Poids, Tension" in lines
    assert "Comment arrêter" in answer["text"]
    _, checkpoint = await asked.get("audit/checkpoint")
    assert checkpoint["hash"] in answer["text"]


@pytest.mark.parametrize("name", ["Camille", "", " "])
async def test_a_parent_gives_their_own_name(asked: Api, name: str) -> None:
    subject = await camille(asked)

    status, answer = await grant(asked, subject, capacity="parent", given_by=name)

    assert status >= 400
    assert "their own name" in str(answer)
