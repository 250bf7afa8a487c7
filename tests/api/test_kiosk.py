"""The kiosk, corrections and suggestions over the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.app.kiosk import watch_kiosk
from gateway.clock import Instant
from gateway.domain.device import Device, DeviceId
from gateway.domain.kiosk import ClosedBy, KioskEnded
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.domain.subject import SubjectId
from gateway.errors import JournalFull
from tests.api.hubs import Api, api
from tests.api.test_routes import grant

SCALE = "ble:C0:FF:EE:00:00:01"
DRIVER = "scale/bluetooth_sig"


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        await made.hub.journal.adopt(DeviceId(SCALE), DRIVER)
        yield made


async def weigh(asked: Api, kg: str) -> str:
    """Let somebody step on the scale three minutes from now; return the reading's id."""
    asked.hub.clock.advance(180)
    reading = Reading(
        device=DeviceId(SCALE),
        kind=Kind.WEIGHT,
        values={Measure.WEIGHT: Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)},
        received=asked.hub.clock.now(),
    )
    (entry,) = await asked.hub.journal.record(Device(id=DeviceId(SCALE), driver=DRIVER), [reading])
    return str(entry.id)


async def test_what_sets_out_while_a_guest_is_erased_is_stopped_too(asked: Api) -> None:
    asked.hub.routes = {name: frozenset({Kind.WEIGHT}) for name in ("mes", "clinic")}
    await asked.post("kiosk/open", devices=[SCALE])
    await weigh(asked, "70.20")

    await asked.post("kiosk/close")

    assert asked.hub.stopped == [
        *(("mes", True), ("clinic", True)),
        *(("mes", False), ("clinic", False)),
    ]


@pytest.mark.parametrize("name", ["Odile", "odile ", "O" * 80])
async def test_a_guest_who_types_the_name_of_somebody_known_is_not_taken_for_them(
    asked: Api, name: str
) -> None:
    """Nor are they told that somebody of that name is known here."""
    await asked.post("people", label=name)
    for _ in range(2):
        await asked.post("kiosk/open", devices=[SCALE])
        await asked.post("kiosk/keep", label=name)

    cut = name.strip()[:75]
    labels = {each["label"] for each in (await asked.get("people"))[1]}
    assert labels == {name.strip(), f"{cut} (2)", f"{cut} (3)"}


async def test_the_next_opening_ends_the_turn_before_and_nothing_of_it_is_shown(
    asked: Api,
) -> None:
    _, first = await asked.post("kiosk/open", devices=[SCALE], opened_by="staff")
    await weigh(asked, "70.20")

    _, second = await asked.post("kiosk/open", devices=[SCALE])

    assert (await asked.get("kiosk"))[1] == second
    assert second["subject"] != first["subject"]
    assert (await asked.get("readings"))[1] == []
    assert [person["id"] for person in (await asked.get("people"))[1]] == [second["subject"]]


@pytest.mark.parametrize(("consents", "unsent"), [(True, 1), (False, 0)])
async def test_closing_says_what_was_erased(consents: bool, unsent: int, asked: Api) -> None:
    _, session = await asked.post("kiosk/open", devices=[SCALE])
    if consents:
        await grant(asked, session["subject"])
    await weigh(asked, "70.20")

    status, ended = await asked.post("kiosk/close")

    assert (status, ended["erased"], ended["unsent"]) == (201, 1, unsent)
    assert await asked.get("kiosk") == (200, None)


async def test_a_guest_who_stays_is_called_as_they_wish(asked: Api) -> None:
    await asked.post("kiosk/open", devices=[SCALE])
    await asked.post("kiosk/keep", label="Camille")
    await asked.post("kiosk/close")

    assert [person["label"] for person in (await asked.get("people"))[1]] == ["Camille"]


async def _pair(asked: Api, subject: str) -> tuple[str, str, str]:
    """Give them what the health space takes for theirs."""
    await asked.hub.journal.set_pairing(SubjectId(subject), "mes", b"tokens")
    asked.hub.paired.append((subject, "mes", "123456"))
    return asked.hub.paired[-1]


@pytest.mark.parametrize("stays", [False, True])
async def test_what_a_guest_was_given_is_revoked_at_the_end_and_who_stays_keeps_it(
    stays: bool, asked: Api
) -> None:
    _, turn = await asked.post("kiosk/open", devices=[SCALE])
    theirs = await _pair(asked, turn["subject"])
    if stays:
        await asked.post("kiosk/keep", label="Camille")

    await asked.post("kiosk/close")

    assert asked.hub.paired == ([theirs] if stays else [])
    assert bool(asked.hub.stopped) is not stays


async def test_so_is_what_they_were_given_while_the_turn_was_being_ended(
    asked: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, turn = await asked.post("kiosk/open", devices=[SCALE])
    close = asked.hub.journal.close_kiosk

    async def close_slowly(by: ClosedBy, session: int) -> KioskEnded | None:
        await _pair(asked, turn["subject"])
        return await close(by, session)

    monkeypatch.setattr(asked.hub.journal, "close_kiosk", close_slowly)
    await asked.post("kiosk/close")

    assert asked.hub.paired == []


async def test_a_turn_is_opened_for_whom_the_staff_says_and_for_a_guest_else(asked: Api) -> None:
    _, camille = await asked.post("people", label="Camille")

    status, hers = await asked.post("kiosk/open", devices=[SCALE], subject=camille["id"])
    _, guests = await asked.post("kiosk/open", devices=[SCALE])
    nowhere, _ = await asked.post("kiosk/open", devices=[])

    assert (status, hers["subject"], hers["keep"]) == (201, camille["id"], True)
    assert (guests["subject"] != camille["id"], guests["keep"]) == (True, False)
    assert nowhere == 422


async def test_no_session_is_opened_while_the_hub_does_not_know_the_time(asked: Api) -> None:
    class Unset:
        def now(self) -> Instant:
            return replace(clock.now(), trusted=False)

    clock = asked.hub.clock
    asked.hub.clock = Unset()  # type: ignore[assignment]

    status, answer = await asked.post("kiosk/open", devices=[SCALE])

    assert (status, "does not know the time" in answer["detail"]) == (409, True)


@pytest.mark.parametrize(("minutes", "status"), [(0, 422), (1, 201), (60, 201), (61, 422)])
async def test_no_turn_is_longer_than_the_longest_nor_over_as_it_begins(
    minutes: int, status: int, asked: Api
) -> None:
    opened, _ = await asked.post("kiosk/open", devices=[SCALE], minutes=minutes)
    await asked.post("kiosk/open", devices=[SCALE])
    prolonged, _ = await asked.post("kiosk/prolong", minutes=minutes)

    assert (opened, prolonged) == (status, status)


async def test_a_turn_nobody_ends_is_ended_at_its_limit(asked: Api) -> None:
    class Over(Exception):
        """The turn was ended."""

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        asked.hub.clock.advance(timedelta(minutes=4).total_seconds())
        if asked.hub.reader.kiosk() is None:
            raise Over

    await asked.post("kiosk/open", devices=[SCALE], minutes=10)

    with pytest.raises(Over):
        await watch_kiosk(asked.hub, pass_time, lambda _devices, _within_s: None)

    assert (await asked.get("people"))[1] == []


async def test_a_kiosk_where_nobody_sits_is_not_looked_at_until_somebody_sits_down(
    asked: Api,
) -> None:
    waited: list[tuple[bool, float]] = []

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        if len(waited) == 1:
            await asked.post("kiosk/open", devices=[SCALE])
        waited.append((event.is_set(), seconds))
        if len(waited) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await watch_kiosk(asked.hub, pass_time, lambda _devices, _within_s: None)

    assert waited == [(False, 86400.0), (True, 86400.0), (False, 5.0)]


async def test_readings_are_expected_of_the_devices_of_the_turn_that_is_open(asked: Api) -> None:
    class Over(Exception):
        """The turn was ended."""

    expected: list[tuple[set[DeviceId], float]] = []

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        asked.hub.clock.advance(seconds)
        if asked.hub.reader.kiosk() is None:
            raise Over
        if len(expected) == 2:
            await asked.post("kiosk/close")

    def expect(devices: Iterable[DeviceId], within_s: float) -> None:
        expected.append((set(devices), within_s))

    cuff = DeviceId("ble:C0:FF:EE:00:00:02")
    await asked.hub.journal.adopt(cuff, "bp_monitor/bluetooth_sig")
    await asked.post("kiosk/open", devices=[cuff])
    await asked.post("kiosk/open", devices=[SCALE])

    with pytest.raises(Over):
        await watch_kiosk(asked.hub, pass_time, expect)

    assert expected == [({SCALE}, 10.0)] * 2


async def test_a_turn_that_a_full_disk_does_not_let_end_is_ended_once_there_is_space(
    asked: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Over(Exception):
        """The turn was ended."""

    close, refusals = asked.hub.journal.close_kiosk, [JournalFull("the disk is full")] * 2

    async def close_kiosk(by: ClosedBy, session: int) -> KioskEnded | None:
        if refusals:
            raise refusals.pop()
        return await close(by, session)

    async def pass_time(event: asyncio.Event, seconds: float) -> None:
        asked.hub.clock.advance(timedelta(minutes=4).total_seconds())
        if asked.hub.reader.kiosk() is None:
            raise Over

    await asked.post("kiosk/open", devices=[SCALE], minutes=10)
    monkeypatch.setattr(asked.hub.journal, "close_kiosk", close_kiosk)

    with pytest.raises(Over):
        await watch_kiosk(asked.hub, pass_time, lambda _devices, _within_s: None)

    assert caplog.text.count("a turn at the kiosk could not be ended yet") == 2


async def test_a_reading_is_reassigned_and_dismissed(asked: Api) -> None:
    _, ada = await asked.post("people", label="Ada")
    _, bo = await asked.post("people", label="Bo")
    reading = await weigh(asked, "70.20")
    await asked.post(f"readings/{reading}/claim", subject=ada["id"])

    await asked.post(f"readings/{reading}/reassign", subject=bo["id"])
    _, reassigned = await asked.get(f"readings/{reading}")
    await asked.post(f"readings/{reading}/dismiss")
    _, dismissed = await asked.get(f"readings/{reading}")

    assert (reassigned["subject"], dismissed["attribution"]) == (bo["id"], "dismissed")
    assert (await asked.get("readings?unclaimed=true"))[1] == []
    assert await asked.get("corrections") == (200, [])


async def test_a_correction_that_is_not_owed_cannot_be_done(asked: Api) -> None:
    status, _ = await asked.post("corrections/7/done")

    assert status == 409


async def test_a_weighing_of_nobody_suggests_whose_it_may_be(asked: Api) -> None:
    _, ada = await asked.post("people", label="Ada")
    first = await weigh(asked, "70.20")
    await asked.post(f"readings/{first}/claim", subject=ada["id"])

    second = await weigh(asked, "70.60")
    guest = await weigh(asked, "91.00")

    suggestion = (await asked.get(f"readings/{second}"))[1]["suggestion"]
    assert (suggestion["subject"], suggestion["differs_kg"]) == (ada["id"], "0.40")
    assert (await asked.get(f"readings/{second}"))[1]["subject"] is None
    assert (await asked.get(f"readings/{guest}"))[1]["suggestion"] is None


async def test_who_leaves_ends_no_turn_that_began_while_theirs_was_being_ended(
    asked: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on its way is stopped first, and a pairing revoked: that can take seconds."""
    await asked.post("kiosk/open", devices=[SCALE])
    stopping, stopped = asyncio.Event(), asyncio.Event()

    async def takes_long(_subject: str, _destination: str) -> int:
        stopping.set()
        await stopped.wait()
        return 0

    with monkeypatch.context() as slow:
        slow.setattr(asked.hub, "quiesce", takes_long)
        leaving = asyncio.create_task(asked.post("kiosk/close"))
        await stopping.wait()
    _, begun = await asked.post("kiosk/open", devices=[SCALE])
    measured = await weigh(asked, "81.30")

    stopped.set()
    ended = await leaving

    assert ended == (201, None)
    assert (await asked.get("kiosk"))[1] == begun
    assert [each["id"] for each in (await asked.get("readings"))[1]] == [measured]
