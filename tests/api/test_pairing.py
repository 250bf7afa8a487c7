"""What a device asks while it pairs, over the API: in words, and answered once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.device import DeviceId
from tests.api.hubs import Api, api

ADDRESS = "C0:FF:EE:00:00:01"
CUFF = f"ble:{ADDRESS}"


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        await made.hub.journal.adopt(DeviceId(CUFF), "bp_monitor/bluetooth_sig")
        yield made


async def begun(asked: Api, asks: str) -> asyncio.Task[Any]:
    """Let the cuff ask; returns what will be its answer."""
    desk = asked.hub.desk
    question = {
        "type_code": lambda: desk.type_code(ADDRESS, 28),
        "show_code": lambda: desk.show_code(ADDRESS, 42, 28),
        "confirm": lambda: desk.confirm(ADDRESS, 28),
    }[asks]()
    task: asyncio.Task[Any] = asyncio.ensure_future(question)
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("asks", "french", "english"),
    [
        (
            "type_code",
            "L'appareil « Cuff » affiche un code à six chiffres : donnez ce code ici.",
            'The device "Cuff" shows a code of six digits: give that code here.',
        ),
        (
            "show_code",
            "Tapez ce code sur l'appareil « Cuff » : 000 042",
            'Type this code on the device "Cuff": 000 042',
        ),
    ],
)
async def test_what_a_device_asks_is_told_in_the_language_of_the_household_or_the_one_asked_for(
    asked: Api, asks: str, french: str, english: str
) -> None:
    task = await begun(asked, asks)
    _, (told,) = await asked.get("pairing")
    _, (translated,) = await asked.get("pairing?language=en")
    task.cancel()

    assert (told["asks"], told["device"], told["seconds_left"]) == (asks, CUFF, 28)
    said = told["sentence"].replace("\N{NO-BREAK SPACE}", " ")
    assert (said, translated["sentence"]) == (french, english)


async def test_another_language_is_refused(asked: Api) -> None:
    task = await begun(asked, "confirm")
    status, answer = await asked.get("pairing?language=de")
    task.cancel()

    assert (status, "fr and en" in answer["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("asks", "body", "answer"),
    [
        ("type_code", {"code": "123456"}, 123456),
        ("type_code", {"code": " 000 042 "}, 42),
        ("type_code", {"agree": False}, None),
        ("confirm", {"agree": True}, True),
        ("confirm", {"agree": False}, False),
    ],
)
async def test_an_answer_reaches_the_device_once(
    asked: Api, asks: str, body: dict[str, Any], answer: object
) -> None:
    task = await begun(asked, asks)
    first, _ = await asked.post("pairing/1/answer", **body)
    second, refusal = await asked.post("pairing/1/answer", **body)

    assert (first, second) == (201, 404)
    assert "not asked any more" in refusal["detail"]
    assert await task == answer
    assert await asked.get("pairing") == (200, [])


@pytest.mark.parametrize(
    ("asks", "body"),
    [
        ("type_code", {"code": "12345"}),
        ("type_code", {"code": "abcdef"}),
        ("type_code", {"agree": True}),
        ("type_code", {}),
        ("confirm", {"code": "123456"}),
        ("show_code", {"code": "000042"}),
    ],
)
async def test_what_is_no_answer_to_the_question_leaves_it_open(
    asked: Api, asks: str, body: dict[str, Any]
) -> None:
    task = await begun(asked, asks)
    status, _ = await asked.post("pairing/1/answer", **body)
    _, open_still = await asked.get("pairing")
    task.cancel()

    assert (status, len(open_still)) == (422, 1)


async def test_a_bond_is_forgotten_and_the_device_stays_ours(asked: Api) -> None:
    asked.hub.bonds.add(CUFF)

    assert await asked.post("devices/forget", device=CUFF) == (
        201,
        {"id": CUFF, "was_bonded": True},
    )
    assert await asked.post("devices/forget", device=CUFF) == (
        201,
        {"id": CUFF, "was_bonded": False},
    )
    assert (await asked.get("devices"))[1][0]["adopted"] is True


async def test_a_device_is_read_now_because_somebody_says_so(asked: Api) -> None:
    assert await asked.post("devices/read", device=CUFF) == (201, {"id": CUFF})
    assert asked.hub.hastened == [CUFF]


@pytest.mark.parametrize("what", ["forget", "read"])
async def test_what_is_no_device_of_ours_cannot_be(asked: Api, what: str) -> None:
    status, answer = await asked.post(f"devices/{what}", device="ble:C0:FF:EE:00:00:09")

    assert (status, "no such device" in answer["detail"]) == (404, True)
