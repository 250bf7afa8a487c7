"""A device that nobody has any more is left alone, unless somebody is just being given it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.api.devices import leave_if_nobodys
from gateway.api.people import NewAssignment, assign
from gateway.domain.device import DeviceId
from gateway.testing.clock import START
from tests.api.hubs import JournalHub, api

SCALE = DeviceId("ble:C0:FF:EE:00:00:01")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[JournalHub]:
    async with api(tmp_path) as made:
        await made.hub.journal.adopt(SCALE, "scale/bluetooth_sig")
        yield made.hub


def is_adopted(hub: JournalHub) -> bool:
    (scale,) = hub.reader.devices()
    return scale.adopted


async def test_a_device_that_nobody_has_is_left_alone(hub: JournalHub) -> None:
    await leave_if_nobodys(hub, [SCALE])

    assert not is_adopted(hub)


@pytest.mark.parametrize("last", ["assign", "disown"])
async def test_a_device_that_somebody_is_given_meanwhile_stays_ours(
    last: str, hub: JournalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked at what there is before either has written."""
    both_looked, first_wrote = asyncio.Barrier(2), asyncio.Event()

    def held_back(name: str) -> Callable[..., Awaitable[Any]]:
        write = getattr(hub.journal, name)

        async def wait_and_write(*what: object) -> Any:
            await both_looked.wait()
            if name == last:
                await first_wrote.wait()
            written = await write(*what)
            first_wrote.set()
            return written

        return wait_and_write

    for name in ("assign", "disown"):
        monkeypatch.setattr(hub.journal, name, held_back(name))
    subject = (await hub.journal.add_subject("Camille")).id

    await asyncio.gather(
        assign(hub, NewAssignment(device=SCALE, subject=subject, since=START)),
        leave_if_nobodys(hub, [SCALE]),
    )

    assert is_adopted(hub)
