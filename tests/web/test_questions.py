"""A device that is being paired asks on the owner's page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.device import DeviceId
from tests.web.window import Window, a_window

CUFF = "C4:00:00:00:00:01"
WITHIN_S = 28


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    async with a_window(tmp_path) as opened:
        device = DeviceId(f"ble:{CUFF}")
        await opened.hub.journal.adopt(device, "bp_monitor/bluetooth_sig")
        await opened.enter()
        yield opened


async def asking(window: Window) -> asyncio.Task[int | None]:
    """Let a device ask for the code that it shows."""
    task = asyncio.create_task(window.hub.desk.type_code(CUFF, WITHIN_S))
    await asyncio.sleep(0)
    return task


async def test_the_code_that_a_device_shows_is_typed_on_the_page(window: Window) -> None:
    task = await asking(window)
    page = await window.get("/")

    await window.send("/device/answer", number=page.field("number"), code="012 345")

    assert "affiche un code à six chiffres" in page.text
    assert await task == 12345


async def test_a_script_finds_the_question_alone(window: Window) -> None:
    task = await asking(window)

    part = await window.get("/questions", **{"x-part": "questions"})

    assert "affiche un code à six chiffres" in part.text
    assert "<html" not in part.html
    task.cancel()


async def test_the_owner_may_refuse(window: Window) -> None:
    task = await asking(window)
    page = await window.get("/")

    await window.send("/device/answer", number=page.field("number"), agree="no", code="")

    assert await task is None


@pytest.mark.parametrize("code", ["", "12", "abcdef"])
async def test_what_is_no_code_leaves_the_question_open(window: Window, code: str) -> None:
    task = await asking(window)
    page = await window.get("/")

    answer = await window.send("/device/answer", number=page.field("number"), code=code)

    assert answer.status == 303
    assert not task.done()
    task.cancel()
