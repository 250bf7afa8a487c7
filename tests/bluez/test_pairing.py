"""The person at the device and at the hub, while the daemon pairs over real Linux Bluetooth."""

from __future__ import annotations

from pathlib import Path

import pytest
from firmware_sims.identity import Pairing

from gateway.transport import pairing
from tests.bluez.air import PASSKEY, Air
from tests.bluez.daemon import at_home


async def test_the_code_that_a_cuff_shows_is_given_over_the_api(air: Air, tmp_path: Path) -> None:
    async with at_home(tmp_path) as home:
        cuff = await air.cuff(Pairing.PASSKEY, stored=2)
        await home.adopt(cuff.identity.address)
        question = await home.asked()
        await home.post("pairing", str(question["number"]), "answer", code="123 456")
        await home.readings(4)
        left = await home.get("pairing")

    assert (question["asks"], question["device"]) == ("type_code", f"ble:{cuff.identity.address}")
    sentence = question["sentence"].replace("\N{NO-BREAK SPACE}", " ")
    assert sentence.startswith("L'appareil « Cuff 1 » affiche un code")
    assert left == []


async def test_the_code_that_the_hub_shows_is_typed_on_a_cuff(air: Air, tmp_path: Path) -> None:
    async with at_home(tmp_path) as home:
        cuff = await air.cuff(Pairing.KEYPAD, stored=2)
        await home.adopt(cuff.identity.address)
        question = await home.asked()
        cuff.identity.panel.keyed.put_nowait(int(question["code"]))
        await home.readings(4)
        left = await home.get("pairing")

    assert (question["asks"], left) == ("show_code", [])


async def test_a_number_that_both_show_is_typed_and_compared_by_the_hub(
    air: Air, tmp_path: Path
) -> None:
    async with at_home(tmp_path) as home:
        cuff = await air.cuff(Pairing.NUMBERS, stored=2)
        await home.adopt(cuff.identity.address)
        question = await home.asked()
        shown = await cuff.identity.panel.shown.get()
        await home.post("pairing", str(question["number"]), "answer", code=f"{shown:06}")
        await home.readings(4)

    assert question["asks"] == "type_code"


async def test_where_the_owner_wants_to_be_asked_a_cuff_without_a_code_waits_for_them(
    air: Air, tmp_path: Path
) -> None:
    async with at_home(tmp_path, pairing_without_code="ask") as home:
        cuff = await air.cuff(Pairing.JUST_WORKS, stored=2)
        await home.adopt(cuff.identity.address)
        question = await home.asked()
        before = await home.get("readings")
        await home.post("pairing", str(question["number"]), "answer", agree=True)
        await home.readings(4)

    assert (question["asks"], before) == ("confirm", [])


async def test_a_refusal_leaves_the_cuff_alone_and_is_told(air: Air, tmp_path: Path) -> None:
    async with at_home(tmp_path, pairing_without_code="ask") as home:
        cuff = await air.cuff(Pairing.JUST_WORKS, stored=2)
        await home.adopt(cuff.identity.address)
        question = await home.asked()
        await home.post("pairing", str(question["number"]), "answer", agree=False)
        problem = await home.problem(cuff.identity.address)
        readings = await home.get("readings")

    assert "did not agree" in problem
    assert readings == []


async def test_a_question_that_nobody_answers_ends_by_itself(
    air: Air, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing, "ANSWER_WITHIN_S", 2.0)
    async with at_home(tmp_path) as home:
        cuff = await air.cuff(Pairing.PASSKEY)
        await home.adopt(cuff.identity.address)
        # Beside other work the link may be lost once before anything is asked.
        problem = await home.problem(cuff.identity.address, that_says="Pairing failed")

    assert "nobody answered in time" in problem


async def test_a_cuff_that_is_carried_away_while_its_code_is_asked_for_is_told(
    air: Air, tmp_path: Path
) -> None:
    async with at_home(tmp_path) as home:
        cuff = await air.cuff(Pairing.PASSKEY)
        await home.adopt(cuff.identity.address)
        await home.asked()
        await air.remove(cuff)
        problem = await home.problem(cuff.identity.address)
        left = await home.get("pairing")

    assert "no longer wanted an answer" in problem
    assert left == []


async def test_a_cuff_that_lost_its_bond_is_forgotten_over_the_api_and_paired_anew(
    air: Air, tmp_path: Path
) -> None:
    async with at_home(tmp_path) as home:
        first_life = await air.cuff(Pairing.JUST_WORKS, stored=1)
        address = first_life.identity.address
        await home.adopt(address)
        await home.readings(2)
        await air.remove(first_life)
        await air.cuff(Pairing.PASSKEY, stored=2)
        problem = await home.problem(address)
        forgotten = await home.post("devices", "forget", device=address)
        question = await home.asked()
        await home.post("pairing", str(question["number"]), "answer", code=str(PASSKEY))
        await home.readings(6)

    assert "does not know the gateway any more" in problem
    assert forgotten == {"id": f"ble:{address}", "was_bonded": True}


async def test_a_bond_outlives_the_daemon(air: Air, tmp_path: Path) -> None:
    async with at_home(tmp_path) as home:
        cuff = await air.cuff(Pairing.PASSKEY, stored=1)
        await home.adopt(cuff.identity.address)
        question = await home.asked()
        await home.post("pairing", str(question["number"]), "answer", code=str(PASSKEY))
        await home.readings(2)
    cuff.measure()
    async with at_home(tmp_path) as home:
        await home.readings(4)
        asked = await home.get("pairing")

    assert asked == []
