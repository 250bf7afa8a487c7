"""What has stopped coming, as the API tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.api.hub import Status
from gateway.domain.device import Device, DeviceId
from gateway.testing.clock import START
from tests.api.hubs import Api, api
from tests.journal.making import SCALE, weight

DAY = timedelta(days=1)
ROTATING = Device(id=DeviceId("ble-rotating:4A:00:00:00:00:01"), driver="scale/test")
ON_A_CABLE = Device(id=DeviceId("serial:scale"), driver="scale/test")


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        yield made


async def weighed_daily(asked: Api, device: Device = SCALE) -> Any:
    """Add a person who stood on the scale each of the last ten mornings; returns their id."""
    subject = (await asked.post("people", label="Camille"))[1]["id"]
    await asked.hub.journal.adopt(device.id, device.driver)
    since = (START - 30 * DAY).isoformat()
    await asked.post("assignments", device=device.id, subject=subject, since=since)
    readings = [weight(n, at=START - n * DAY, device=device.id) for n in range(10)]
    await asked.hub.journal.record(device, readings)
    return subject


async def missed(asked: Api, after: timedelta) -> Any:
    """Let time pass from the last reading on, and ask."""
    asked.hub.clock.advance((START + after - asked.hub.clock.now().utc).total_seconds())
    return (await asked.get("missed"))[1]


async def test_a_scale_that_fell_silent_is_missed_and_back_with_its_next_reading(
    asked: Api,
) -> None:
    subject = await weighed_daily(asked)

    assert await missed(asked, DAY) == []
    (told,) = await missed(asked, 3 * DAY)
    assert told["since"].startswith(START.isoformat()[:19])
    del told["since"]
    assert told == {"subject": subject, "kind": "weight", "device": SCALE.id, "usual_days": 1}
    await asked.hub.journal.record(SCALE, [weight(99, at=START + 3 * DAY)])
    assert await missed(asked, 3 * DAY) == []


async def test_a_scale_whose_address_rotates_is_missed_too(asked: Api) -> None:
    await weighed_daily(asked, ROTATING)

    assert [told["device"] for told in await missed(asked, 3 * DAY)] == [ROTATING.id]


async def test_what_is_on_a_cable_is_not_missed(asked: Api) -> None:
    await weighed_daily(asked, ON_A_CABLE)

    assert await missed(asked, 3 * DAY) == []


async def test_what_is_a_persons_device_no_longer_is_not_missed(asked: Api) -> None:
    subject = await weighed_daily(asked)
    until = (START + DAY).isoformat()
    await asked.post("assignments/end", device=SCALE.id, subject=subject, until=until)

    assert await missed(asked, 3 * DAY) == []


async def test_what_is_talked_with_now_is_not_missed(
    asked: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await weighed_daily(asked)
    talking = Status(version="0", running=True, sessions=[SCALE.id])
    monkeypatch.setattr(asked.hub, "status", lambda: talking)

    assert await missed(asked, 3 * DAY) == []


async def test_nothing_is_missed_while_the_hub_does_not_know_the_time(asked: Api) -> None:
    await weighed_daily(asked)
    asked.hub.clock.trusted = False

    assert await missed(asked, 3 * DAY) == []
