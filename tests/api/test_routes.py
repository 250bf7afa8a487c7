"""What the API answers, over a real journal."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.api.hub import Counter
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from tests.api.hubs import Api, api

SCALE = "ble:C0:FF:EE:00:00:01"


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        yield made


async def weigh(asked: Api, kg: str = "72.40") -> None:
    reading = Reading(
        device=DeviceId(SCALE),
        kind=Kind.WEIGHT,
        values={Measure.WEIGHT: Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)},
        received=asked.hub.clock.now(),
    )
    device = Device(id=DeviceId(SCALE), driver="scale/bluetooth_sig")
    await asked.hub.journal.record(device, [reading])


async def camille(asked: Api) -> str:
    status, person = await asked.post("people", label="Camille")
    assert status == 201
    return str(person["id"])


async def grant(asked: Api, subject: str, **changes: Any) -> tuple[int, Any]:
    given = {
        "subject": subject,
        "destination": "mes",
        "covers_from": "2026-01-01T00:00:00Z",
        "given_by": "Camille",
        "language": "fr",
    }
    status, answer = await asked.post("consents/grant", **given | changes)
    return status, answer


async def test_a_destination_that_is_not_there_is_named_beside_those_that_are(
    asked: Api, tmp_path: Path
) -> None:
    async with api(tmp_path / "sends nowhere", {}) as nowhere:
        told = [await each.get("consents/text?to=nowhere") for each in (asked, nowhere)]

    assert [answer["detail"] for _, answer in told] == [
        "There is no destination 'nowhere' in the configuration: mes.",
        "There is no destination 'nowhere' in the configuration.",
    ]


async def test_a_persons_id_does_not_say_who_they_are(asked: Api) -> None:
    subject = await camille(asked)

    assert "camille" not in subject.lower()
    assert await asked.get("people") == (200, [{"id": subject, "label": "Camille"}])


@pytest.mark.parametrize(
    ("target", "asked_for"),
    [
        ("kiosk/prolong", {"minutes": "\ud800"}),
        ("readings/nothing/reassign", {"subject": "\ud800"}),
        ("devices/disown", {"\ud800": 1}),
        ("devices/disown", {"device": float("inf")}),
        (f"corrections/{2**63}/done", {}),
    ],
)
async def test_what_can_be_no_answer_or_no_row_is_refused(
    target: str, asked_for: dict[str, object], asked: Api
) -> None:
    assert (await asked.post(target, **asked_for))[0] == 422


async def test_what_does_not_fit_is_told_without_repeating_it(asked: Api) -> None:
    status, answer = await asked.post("pairings", subject="Odile", code=["123456"])

    assert (status, "123456" in str(answer)) == (422, False)


async def test_nobody_has_a_name_that_turns_a_line_around_or_steers_a_terminal(asked: Api) -> None:
    _, odile = await asked.post("people", label="\u202eelidO\x1b[2J")
    refused, _ = await asked.post("people", label="\u202e\u2066 ")

    assert odile["label"] == "elidO[2J"
    assert refused == 422


@pytest.mark.parametrize("again", ["zo\xe9", "ZOE\N{COMBINING ACUTE ACCENT}", "\u202aZo\xe9\u202c"])
async def test_a_name_that_looks_like_one_that_is_here_is_taken(again: str, asked: Api) -> None:
    await asked.post("people", label="Zoe\N{COMBINING ACUTE ACCENT}")

    status, _ = await asked.post("people", label=again)

    assert status == 409


async def test_an_unclaimed_reading_is_shown_as_nobodys(asked: Api) -> None:
    await weigh(asked)

    _, (reading,) = await asked.get("readings")

    assert reading["subject"] is None
    assert reading["attribution"] == "unclaimed"
    assert reading["values"] == {"weight": {"value": "72.40", "unit": "kg"}}
    assert [(d["state"], d["reason"]) for d in reading["deliveries"]] == [("withheld", "unclaimed")]


async def test_assigning_a_device_gives_its_person_the_unclaimed_readings(asked: Api) -> None:
    subject = await camille(asked)
    await weigh(asked)

    status, _ = await asked.post(
        "assignments", device=SCALE, subject=subject, since="2026-01-01T00:00:00Z"
    )

    assert status == 201
    _, (reading,) = await asked.get("readings")
    assert reading["subject"] == subject


async def test_a_device_out_of_reach_needs_its_driver_named(asked: Api) -> None:
    status, answer = await asked.post("devices/adopt", device="ble:C0:FF:EE:00:00:99")

    assert status == 422
    assert "switch it on" in answer["detail"]


@pytest.mark.parametrize("said", ["C0:FF:EE:00:00:99", "ble:c0:ff:ee:00:00:99"])
async def test_a_device_out_of_reach_is_adopted_by_its_address_however_it_is_written(
    asked: Api, said: str
) -> None:
    status, answer = await asked.post("devices/adopt", device=said, driver="scale/bluetooth_sig")

    assert (status, answer) == (201, {"id": "ble:C0:FF:EE:00:00:99"})


async def test_what_would_never_be_seen_is_not_adopted(asked: Api) -> None:
    status, answer = await asked.post(
        "devices/adopt", device="/dev/ttyUSB0", driver="scale/bluetooth_sig"
    )

    _, devices = await asked.get("devices")
    assert (status, devices) == (422, [])
    assert "/dev/ttyUSB0 is not in reach" in answer["detail"]
    assert "'scan'" in answer["detail"]


async def test_a_grant_covers_what_the_destination_takes(asked: Api) -> None:
    status, answer = await grant(asked, await camille(asked))

    assert status == 201
    assert set(answer["kinds"]) == {"weight", "blood_pressure"}
    assert len(answer["text"]["sha256"]) == 64


async def test_the_ledger_shows_what_is_in_force(asked: Api) -> None:
    subject = await camille(asked)
    await grant(asked, subject)
    asked.hub.left = 1

    _, withdrawn = await asked.post(
        "consents/withdraw", subject=subject, destination="mes", withdrawn_by="Camille"
    )

    assert withdrawn["left"] == 1
    _, lines = await asked.get(f"consents?subject={subject}")
    assert [(line["entry"], line["living"]) for line in lines] == [
        ("grant", False),
        ("withdrawal", False),
    ]


async def test_an_unknown_destination_is_refused_by_name(asked: Api) -> None:
    status, answer = await grant(asked, await camille(asked), destination="elsewhere")

    assert status == 422
    assert "'elsewhere'" in answer["detail"]
    assert "mes" in answer["detail"]


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_text_is_shown_before_it_is_agreed_to(asked: Api, language: str) -> None:
    status, text = await asked.get(f"consents/text?language={language}")

    assert status == 200
    assert text["language"] == language
    assert len(text["text"]) > 500


async def test_an_unknown_field_is_refused(asked: Api) -> None:
    status, _ = await asked.post("people", label="Camille", born="1970-01-01")

    assert status == 422


async def test_pages_follow_each_other_without_gap_or_repeat(asked: Api) -> None:
    for kg in ("70.0", "71.0", "72.0"):
        asked.hub.clock.advance(60)
        await weigh(asked, kg)

    _, first = await asked.get("readings?limit=2")
    _, rest = await asked.get(f"readings?limit=2&before={first[-1]['position']}")

    shown = [r["values"]["weight"]["value"] for r in first + rest]
    assert shown == ["72.0", "71.0", "70.0"]


async def test_the_outbox_counts_why_readings_wait(asked: Api) -> None:
    await weigh(asked)
    await asked.hub.journal.claim("mes", 10, asked.hub.clock.now().utc)

    _, counts = await asked.get("outbox")

    assert [(c["state"], c["reason"], c["count"]) for c in counts] == [("withheld", "unclaimed", 1)]


@pytest.mark.parametrize("label", ["", "   ", "x" * 81])
async def test_a_person_without_a_name_that_can_be_read_is_not_added(
    label: str, asked: Api
) -> None:
    status, _ = await asked.post("people", label=label)

    assert status == 422
    assert await asked.get("people") == (200, [])


async def test_a_device_that_measures_somebody_no_more_does_not_by_an_earlier_word_either(
    asked: Api,
) -> None:
    subject = await camille(asked)
    for since in ("2026-03-14T09:00:00Z", "2020-01-01T00:00:00Z"):
        await asked.post("assignments", device=SCALE, subject=subject, since=since)

    ended, _ = await asked.post(
        "assignments/end", device=SCALE, subject=subject, until="2026-03-14T09:10:00Z"
    )
    await weigh(asked)

    assert ended == 201
    _, (reading,) = await asked.get("readings")
    assert (reading["subject"], reading["attribution"]) == (None, "unclaimed")


async def test_a_device_whose_address_rotates_is_ours_no_more_as_any_other(asked: Api) -> None:
    rotating = DeviceId("ble-rotating:4A:00:00:00:00:01")
    await asked.hub.journal.adopt(rotating, "scale/bluetooth_sig")

    status, answer = await asked.post("devices/disown", device=rotating)

    assert (status, answer) == (201, {"id": rotating})
    assert [known.adopted for known in asked.hub.reader.devices()] == [False]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 201),
        ({"until": "2026-03-14T09:26:54Z"}, 422),  # a second from now
        ({"since": "2026-03-13T00:00:00Z", "until": "2026-03-12T00:00:00Z"}, 422),
        ({"until": "2026-03-12T00:00:00"}, 422),  # where?
        ({"subject": "p-nobody"}, 409),
        ({"device": "ble:C0:FF:EE:00:00:09"}, 409),
    ],
)
async def test_whose_a_device_was_is_said_of_a_period_that_is_over(
    changes: dict[str, str], status: int, asked: Api
) -> None:
    await weigh(asked)
    period = {"device": SCALE, "since": "2026-03-12T00:00:00Z", "until": "2026-03-13T00:00:00Z"}

    answer = await asked.post(
        "assignments/past", **{**period, "subject": await camille(asked), **changes}
    )

    assert answer[0] == status
    assert bool((await asked.get("assignments"))[1]) is (status == 201)


@pytest.mark.parametrize("named", [SCALE, "c0:ff:ee:00:00:01"], ids=["id", "address"])
async def test_of_a_counters_device_it_is_said_of_each_reading(named: str, asked: Api) -> None:
    await weigh(asked)
    asked.hub.counter = Counter(devices=[named], lasts=timedelta(minutes=10))
    period = {"since": "2026-03-12T00:00:00Z", "until": "2026-03-13T00:00:00Z"}

    status, answer = await asked.post(
        "assignments/past", device=SCALE, subject=await camille(asked), **period
    )

    assert (status, "of each reading" in answer["detail"]) == (409, True)
