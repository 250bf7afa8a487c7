"""Answering bluetoothd while it pairs, without bluetoothd: what it would get, and when."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from dbus_fast import DBusError

from gateway.transport import pairing as pairing_module
from gateway.transport.ble.agent import Agent
from gateway.transport.settings import WithoutCode

CUFF, CUFF_PATH = "C0:FF:EE:00:00:01", "/org/bluez/hci0/dev_C0_FF_EE_00_00_01"
STRANGER_PATH = "/org/bluez/hci0/dev_C0_FF_EE_00_00_02"


class Person:
    """Says what the test says; `hesitates`: is for ever about to."""

    def __init__(
        self, typing: int | None = None, *, agrees: bool = False, hesitates: bool = False
    ) -> None:
        self.typing = typing
        self.agrees = agrees
        self.hesitates = hesitates
        self.asked = asyncio.Event()
        self.left_alone = asyncio.Event()
        self.shown: int | None = None

    async def type_code(self, address: str, within: float, /) -> int | None:
        await self._think(address)
        return self.typing

    async def show_code(self, address: str, code: int, within: float, /) -> None:
        self.shown = code
        try:
            self.hesitates = True
            await self._think(address)
        finally:
            self.shown = None
            self.left_alone.set()

    async def confirm(self, address: str, within: float, /) -> bool:
        await self._think(address)
        return self.agrees

    async def _think(self, address: str) -> None:
        assert address == CUFF
        self.asked.set()
        if self.hesitates:
            await asyncio.Event().wait()


def call(agent: Agent, method: str, *arguments: object) -> Coroutine[object, object, Any]:
    """Call what dbus-fast calls; what it leaves in the class returns nothing."""
    coroutine: Coroutine[object, object, Any] = getattr(Agent, method).__wrapped__(
        agent, *arguments
    )
    return coroutine


def pairing(owner: Person | None, without_code: WithoutCode = WithoutCode.ACCEPT) -> Agent:
    agent = Agent(owner, without_code)
    agent.admit(CUFF.lower())
    return agent


async def test_the_owner_is_asked_for_the_code_of_a_connected_device() -> None:
    agent = pairing(Person(typing=123456))

    assert await call(agent, "request_passkey", CUFF_PATH) == 123456


@pytest.mark.parametrize("path", [STRANGER_PATH, "/org/bluez/hci0", ""])
async def test_nobody_pairs_from_outside(path: str) -> None:
    agent = pairing(Person(typing=123456))

    for method in ("request_passkey", "request_authorization"):
        with pytest.raises(DBusError, match="not pairing"):
            await call(agent, method, path)


async def test_a_device_that_is_no_longer_connected_may_not_pair() -> None:
    agent = pairing(Person(typing=123456))
    agent.dismiss(CUFF)

    with pytest.raises(DBusError, match="not pairing"):
        await call(agent, "request_authorization", CUFF_PATH)


async def test_without_a_code_a_connected_device_is_let_in() -> None:
    agent = pairing(None)
    await call(agent, "request_authorization", CUFF_PATH)
    await call(agent, "authorize_service", CUFF_PATH, "1810")

    assert agent.failure(CUFF) is None


@pytest.mark.parametrize(
    ("owner", "why"),
    [(None, "no one to type it"), (Person(typing=None), "was not given")],
)
async def test_a_code_that_nobody_gives_is_refused_with_the_reason(
    owner: Person | None, why: str
) -> None:
    agent = pairing(owner)
    with pytest.raises(DBusError):
        await call(agent, "request_passkey", CUFF_PATH)

    assert why in (agent.failure(CUFF) or "")


async def test_an_owner_who_hesitates_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing_module, "ANSWER_WITHIN_S", 0.01)
    agent = pairing(Person(hesitates=True))
    with pytest.raises(DBusError):
        await call(agent, "request_passkey", CUFF_PATH)

    assert agent.failure(CUFF) == "nobody answered in time what the device asks"


@pytest.mark.parametrize("end", ["cancel", "release"])
async def test_when_bluetoothd_gives_up_the_owner_is_left_alone(end: str) -> None:
    owner = Person(hesitates=True)
    agent = pairing(owner)
    asking = asyncio.ensure_future(call(agent, "request_passkey", CUFF_PATH))
    await owner.asked.wait()
    await call(agent, end)

    with pytest.raises(DBusError, match="no longer wanted an answer"):
        await asking


async def test_a_device_that_is_gone_while_its_owner_thinks_has_failed_to_pair() -> None:
    owner = Person(hesitates=True)
    agent = pairing(owner)
    asking = asyncio.ensure_future(call(agent, "request_passkey", CUFF_PATH))
    await owner.asked.wait()
    failing = agent.failure(CUFF)
    agent.dismiss(CUFF)

    with pytest.raises(DBusError):
        await asking
    assert failing == "the device no longer wanted an answer"
    assert agent.failure(CUFF) is None


async def test_a_code_counts_as_wrong_until_the_device_answers_if_it_is_there() -> None:
    agent = pairing(Person(typing=123456))
    agent.denied(CUFF)
    await call(agent, "request_passkey", CUFF_PATH)
    before = agent.failure(CUFF)
    agent.denied(CUFF)
    denied = agent.failure(CUFF)
    agent.worked(CUFF)

    assert before == "the device did not accept the code, or went out of reach"
    assert denied == "the device did not accept the code"
    assert agent.failure(CUFF) is None


async def test_what_the_agent_cannot_do_it_refuses() -> None:
    agent = pairing(Person(typing=123456))

    with pytest.raises(DBusError, match="PIN"):
        await call(agent, "request_pin_code", CUFF_PATH)


async def test_a_number_to_compare_is_typed_as_the_device_shows_it() -> None:
    agent = pairing(Person(typing=123456))
    await call(agent, "request_confirmation", CUFF_PATH, 123456)

    with pytest.raises(DBusError, match="not the one that the device shows"):
        await call(agent, "request_confirmation", CUFF_PATH, 654321)


async def test_a_code_is_shown_once_until_the_device_answers() -> None:
    person = Person()
    agent = pairing(person)
    for digits_typed in range(3):
        await call(agent, "display_passkey", CUFF_PATH, 12, digits_typed)
    await person.asked.wait()
    shown, failing = person.shown, agent.failure(CUFF)
    agent.denied(CUFF)
    denied = agent.failure(CUFF)
    agent.worked(CUFF)
    await asyncio.sleep(0)

    assert (shown, person.shown) == (12, None)
    assert denied == "the code that is shown here was not typed on the device"
    assert failing == f"{denied}, or it went out of reach"
    assert agent.failure(CUFF) is None


async def test_a_code_is_not_shown_for_longer_than_the_device_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pairing_module, "ANSWER_WITHIN_S", 0.01)
    person = Person()
    agent = pairing(person)
    await call(agent, "display_passkey", CUFF_PATH, 12, 0)
    async with asyncio.timeout(5):
        await person.left_alone.wait()

    assert person.shown is None


@pytest.mark.parametrize(
    ("without_code", "person", "why"),
    [
        (WithoutCode.ACCEPT, None, None),
        (WithoutCode.ASK, Person(agrees=True), None),
        (WithoutCode.ASK, Person(agrees=False), "did not agree"),
        (WithoutCode.ASK, None, "no one to ask"),
        (WithoutCode.REFUSE, Person(agrees=True), "pairing without is off"),
    ],
)
async def test_a_device_without_a_code_is_let_in_as_the_owner_wants(
    without_code: WithoutCode, person: Person | None, why: str | None
) -> None:
    agent = pairing(person, without_code)
    agreed = await agent.agrees(CUFF)

    assert agreed is (why is None)
    assert (why or "") in (agent.failure(CUFF) or "")
    if not agreed:
        with pytest.raises(DBusError):
            await call(agent, "request_authorization", CUFF_PATH)
