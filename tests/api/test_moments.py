"""Moments at the ends of the calendar: refused in a sentence where they are none in UTC."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.device import Device, DeviceId
from tests.api.hubs import Api, api

SCALE = "ble:C0:FF:EE:00:00:01"
NONE_IN_UTC = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
LAST_ONES = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
TAKING = (
    ("consents/grant", "covers_from"),
    ("consents/grant", "covers_until"),
    ("consents/grant", "expires"),
    ("assignments", "since"),
    ("assignments/end", "until"),
    ("assignments/past", "since"),
    ("assignments/past", "until"),
)


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        device = Device(id=DeviceId(SCALE), driver="scale/bluetooth_sig")
        await made.hub.journal.adopt(device.id, device.driver)
        yield made


async def ask(asked: Api, target: str, changes: dict[str, str]) -> tuple[int, Any]:
    _, person = await asked.post("people", label="Camille")
    subject = str(person["id"])
    if target == "consents/grant":
        given = {"subject": subject, "destination": "mes", "given_by": "Camille", "language": "fr"}
        return await asked.post(target, **given | {"covers_from": "2026-01-01T00:00:00Z"} | changes)
    told = {"device": SCALE, "subject": subject}
    if target != "assignments":
        await asked.post("assignments", **told, since="2026-01-01T00:00:00Z")
    if target == "assignments/past":
        told |= {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    return await asked.post(target, **told | changes)


@pytest.mark.parametrize("moment", NONE_IN_UTC)
@pytest.mark.parametrize(("target", "field"), TAKING)
async def test_a_moment_that_is_none_in_utc_is_refused(
    target: str, field: str, moment: str, asked: Api
) -> None:
    status, answer = await ask(asked, target, {field: moment})

    (fault,) = answer["detail"]
    assert (status, fault["loc"]) == (422, ["body", field])
    assert "outside of the years 1 to 9999" in fault["msg"]


@pytest.mark.parametrize("moment", LAST_ONES)
@pytest.mark.parametrize(("target", "field"), TAKING)
async def test_the_last_moments_of_the_calendar_are_answered(
    target: str, field: str, moment: str, asked: Api
) -> None:
    status, _ = await ask(asked, target, {field: moment})

    assert status in (201, 404, 422)
    for shown in ("assignments", "consents", "devices", "people"):
        assert (await asked.get(shown))[0] == 200
