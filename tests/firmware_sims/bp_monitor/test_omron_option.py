import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from bumble.core import AdvertisingData
from firmware_sims.bp_monitor.omron_option import OPTION_SERVICE, omron_cuff
from firmware_sims.episodic import EpisodicDevice, People
from firmware_sims.faults import Fault
from firmware_sims.radio import VirtualRadio

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import body, fittings, identity


def cuff(*, stored: int = 3, faults: dict[Fault, int] | None = None) -> EpisodicDevice:
    given = fittings(faults=faults)
    people: People = {1: body("Odile"), 2: body("Marcel")}
    device = omron_cuff(identity(), people, given)
    device.remember(stored, every=timedelta(hours=1))
    return device


async def ready(collector: Collector, first: int) -> list[bytes]:
    """Take what was not collected yet, and be ready to ask; return the answers to come."""
    answers: list[bytes] = []
    control = collector.find(OPTION_SERVICE, 0x2A52)
    await control.subscribe(answers.append, prefer_notify=False)
    await collector.subscribe(0x1810, 0x2A35)
    await collector.received(0x2A35, first)
    return answers


async def asked(collector: Collector, answers: Sequence[bytes], octets: str) -> str:
    before = len(answers)
    control = collector.find(OPTION_SERVICE, 0x2A52)
    await control.write_value(bytes.fromhex(octets), with_response=True)
    while len(answers) == before:
        await collector.read(0x180F, 0x2A19)
    return answers[-1].hex()


async def test_what_was_collected_is_told_again_when_asked_for() -> None:
    device = cuff()
    async with discovered(device) as collector:
        answers = await ready(collector, 3)
        ended = await asked(collector, answers, "0101")
        frames = collector.values[0x2A35]

    assert ended == "06000101"
    assert device.held == 0
    assert frames[3:] == frames[:3]


@pytest.mark.parametrize(
    ("request_", "answer", "users"),
    [
        ("0103040200", "06000101", [1]),
        ("0102040100", "06000101", [1, 2]),
        ("0103010200", "06000109", []),
        ("0106", "06000104", []),
        ("0401", "05000300", []),
        ("1000", "11000200", []),
    ],
)
async def test_records_are_chosen_by_their_number(
    request_: str, answer: str, users: list[int]
) -> None:
    async with discovered(cuff()) as collector:
        answers = await ready(collector, 3)

        assert await asked(collector, answers, request_) == answer
        assert [frame[16] for frame in collector.values[0x2A35][3:]] == users


async def test_its_call_says_how_far_each_user_has_counted() -> None:
    device = cuff()
    found: asyncio.Queue[Any] = asyncio.Queue()
    async with VirtualRadio() as radio:
        central = await radio.central()
        central.on("advertisement", found.put_nowait)
        await central.start_scanning(active=True)
        await radio.add(device)
        async with asyncio.timeout(5):
            heard = await found.get()

    company, told = heard.data.get(AdvertisingData.Type.MANUFACTURER_SPECIFIC_DATA)
    assert (company, told.hex()) == (0x020E, "0101" + "020002" + "010001")
    assert device.store.call is not None


async def test_a_link_that_drops_in_a_report_forgets_nothing_of_it() -> None:
    device = cuff()
    async with discovered(device) as collector:
        answers = await ready(collector, 3)
        device.faults.arm(Fault.DISCONNECT_MID_RECORD)
        control = collector.find(OPTION_SERVICE, 0x2A52)
        await control.write_value(b"\x01\x01", with_response=True)
        await collector.until_lost()

    assert answers == []
    assert len(collector.values[0x2A35]) == 4
