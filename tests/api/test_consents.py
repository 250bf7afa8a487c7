"""Consent as the API takes it: by whom, for which destination, which readings, and how long."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import Instant
from gateway.consent.gate import Released
from gateway.domain.reading import Kind
from tests.api.hubs import Api, api
from tests.api.test_routes import SCALE, camille, grant, weigh

ROUTES = {"mes": frozenset({Kind.WEIGHT}), "clinic": frozenset({Kind.WEIGHT, Kind.HEIGHT})}


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path, ROUTES) as made:
        yield made


async def _weighed(asked: Api) -> str:
    """Return a person whose scale weighs them."""
    subject = await camille(asked)
    since = {"device": SCALE, "subject": subject, "since": "2020-01-01T00:00:00Z"}
    await asked.post("assignments", **since)
    return subject


async def _claimed(asked: Api, destination: str) -> list[Released]:
    return await asked.hub.journal.claim(destination, 9, asked.hub.clock.now().utc)


async def test_consent_for_one_destination_is_none_for_another(asked: Api) -> None:
    subject = await _weighed(asked)
    await grant(asked, subject, destination="clinic")
    await grant(asked, subject, destination="mes")
    await weigh(asked)

    status, _ = await asked.post(
        "consents/withdraw", subject=subject, destination="mes", withdrawn_by="Camille"
    )

    assert status == 201
    assert await _claimed(asked, "mes") == []
    assert len(await _claimed(asked, "clinic")) == 1


@pytest.mark.parametrize("capacity", ["parent", "legal_representative"])
async def test_who_acts_for_a_person_is_named_with_their_capacity(
    asked: Api, capacity: str
) -> None:
    subject = await camille(asked)

    status, given = await grant(asked, subject, given_by="Claude", capacity=capacity)

    assert (status, given["given_by"], given["capacity"]) == (201, "Claude", capacity)


@pytest.mark.parametrize(
    ("limits", "leaves"),
    [
        ({}, True),
        ({"kinds": ["height"]}, False),
        ({"covers_from": "2026-03-14T09:28:00Z"}, False),
        ({"covers_from": "2026-03-01T00:00:00Z"}, True),
        ({"covers_until": "2026-03-14T09:27:00Z"}, False),
        ({"covers_until": "2026-03-14T10:00:00Z"}, True),
        ({"expires": "2026-03-14T09:27:00Z"}, False),
        ({"expires": "2026-03-15T00:00:00Z"}, True),
    ],
)
async def test_only_what_consent_covers_leaves(
    asked: Api, limits: dict[str, Any], leaves: bool
) -> None:
    subject = await _weighed(asked)
    status, _ = await grant(asked, subject, destination="clinic", **limits)
    asked.hub.clock.advance(60)

    await weigh(asked)

    assert status == 201
    assert bool(await _claimed(asked, "clinic")) is leaves


@pytest.mark.parametrize(
    "limits", [{"covers_until": "2026-03-14T09:26:53Z"}, {"expires": "2026-03-14T09:26:53Z"}]
)
async def test_consent_that_could_release_nothing_is_refused(
    asked: Api, limits: dict[str, Any]
) -> None:
    subject = await _weighed(asked)
    moment = asked.hub.clock.now().utc.isoformat()

    status, _ = await grant(asked, subject, covers_from=moment, **limits)
    _, ledger = await asked.get("consents")

    assert (status, ledger) == (422, [])


async def test_readings_of_before_leave_only_if_the_person_chose_an_earlier_date(
    asked: Api,
) -> None:
    subject = await _weighed(asked)
    await weigh(asked)
    before = asked.hub.clock.now().utc
    asked.hub.clock.advance(3600)
    now = asked.hub.clock.now().utc.isoformat()

    await grant(asked, subject, covers_from=now)
    from_now = await _claimed(asked, "mes")
    await grant(asked, subject, covers_from=(before - timedelta(days=1)).isoformat())
    from_before = await _claimed(asked, "mes")

    assert (len(from_now), len(from_before)) == (0, 1)


async def test_nobody_consents_to_nothing(asked: Api) -> None:
    subject = await camille(asked)

    assert (await grant(asked, subject, kinds=[]))[0] == 422
    assert asked.hub.reader.ledger(subject) == ()  # type: ignore[arg-type]


async def test_how_consent_was_given_is_one_of_two_words(asked: Api) -> None:
    subject = await camille(asked)

    assert (await grant(asked, subject, method="paper"))[0] == 201
    assert (await grant(asked, subject, method="by telephone"))[0] == 422


async def test_no_consent_is_given_while_the_hub_does_not_know_since_when_it_would_hold(
    asked: Api,
) -> None:
    class Unset:
        def now(self) -> Instant:
            return replace(clock.now(), trusted=False)

    clock = asked.hub.clock
    subject = await camille(asked)
    asked.hub.clock = Unset()  # type: ignore[assignment]

    now = clock.now().utc.isoformat()
    status, answer = await grant(asked, subject, covers_from=now)
    since_a_date, _ = await grant(asked, subject)

    assert (status, "does not know the time" in answer["detail"]) == (409, True)
    assert since_a_date == 201


async def test_consent_is_recorded_with_the_address_that_was_shown(asked: Api) -> None:
    subject = await _weighed(asked)
    asked.hub.addresses = {"mes": ("https://elsewhere.example", "https://space.example/fhir")}
    _, shown = await asked.get("consents/text?to=mes")

    _, given = await grant(asked, subject, address=shown["address"])
    status, answer = await grant(asked, subject, address="https://space.example/fhir")

    assert (shown["address"], given["address"]) == ("https://elsewhere.example",) * 2
    assert (status, "another address" in str(answer)) == (422, True)


@pytest.mark.parametrize(
    ("addresses", "in_force"),
    [
        (("https://elsewhere.example",), False),
        (("https://elsewhere.example", "https://space.example/fhir"), True),
    ],
)
async def test_a_consent_is_not_in_force_where_its_destination_went(
    addresses: tuple[str, ...], in_force: bool, asked: Api
) -> None:
    subject = await _weighed(asked)
    await grant(asked, subject)
    asked.hub.addresses = {"mes": addresses}

    _, (given,) = await asked.get(f"consents?subject={subject}")

    assert given["living"] is in_force


async def test_a_consent_that_has_come_to_its_end_is_in_force_no_more(asked: Api) -> None:
    subject = await camille(asked)
    ends = (asked.hub.clock.now().utc + timedelta(hours=1)).isoformat()
    await grant(asked, subject, expires=ends)

    _, (before,) = await asked.get("consents")
    asked.hub.clock.advance(3600)
    _, (after,) = await asked.get("consents")

    assert (before["living"], after["living"]) == (True, False)


async def test_a_text_that_there_is_none_of_is_neither_shown_nor_agreed_to(asked: Api) -> None:
    subject = await camille(asked)

    shown = await asked.get("consents/text?language=de")
    agreed = [
        await grant(asked, subject, **text) for text in ({"language": "de"}, {"version": "0"})
    ]

    assert [status for status, _ in (shown, *agreed)] == [422, 422, 422]
    assert "'de'" in shown[1]["detail"]
    assert asked.hub.reader.ledger(subject) == ()  # type: ignore[arg-type]


async def test_consent_is_taken_back_also_from_a_destination_that_was_taken_out(
    asked: Api,
) -> None:
    subject = await _weighed(asked)
    await grant(asked, subject)
    asked.hub.routes, asked.hub.addresses = {"clinic": ROUTES["clinic"]}, {}

    _, (given,) = await asked.get("consents")
    status, _ = await asked.post(
        "consents/withdraw", subject=subject, destination="mes", withdrawn_by="Camille"
    )
    asked.hub.routes = ROUTES
    await weigh(asked)

    assert (given["living"], status) == (True, 201)
    assert await _claimed(asked, "mes") == []


async def test_nobody_takes_consent_back_from_where_nothing_ever_went(asked: Api) -> None:
    """It would be a typing mistake, and the consent that was meant would live on unnoticed."""
    subject = await _weighed(asked)
    await grant(asked, subject)

    status, answer = await asked.post(
        "consents/withdraw", subject=subject, destination="mess", withdrawn_by="Camille"
    )

    assert (status, "clinic, mes" in answer["detail"]) == (422, True)
    assert len(asked.hub.reader.ledger(subject)) == 1  # type: ignore[arg-type]


async def test_a_clock_that_is_ahead_ends_no_consent_as_it_is_given(asked: Api) -> None:
    subject = await camille(asked)
    asked.hub.clock.step(timedelta(days=9000))
    asked.hub.clock.trusted = False

    status, _ = await grant(asked, subject, expires="2030-01-01T00:00:00Z")

    assert status == 201
