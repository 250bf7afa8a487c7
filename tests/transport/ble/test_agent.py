"""Answering bluetoothd while it pairs, without bluetoothd: what it would get, and when."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from dbus_fast import DBusError

from gateway.transport.ble import agent as agent_module
from gateway.transport.ble.agent import Agent

CUFF, CUFF_PATH = "C0:FF:EE:00:00:01", "/org/bluez/hci0/dev_C0_FF_EE_00_00_01"
STRANGER_PATH = "/org/bluez/hci0/dev_C0_FF_EE_00_00_02"


class Owner:
    """Types what the test says; `typing` None: for ever about to."""

    def __init__(self, typing: int | None = None, *, hesitates: bool = False) -> None:
        self.typing = typing
        self.hesitates = hesitates
        self.asked = asyncio.Event()

    async def __call__(self, address: str) -> int | None:
        assert address == CUFF
        self.asked.set()
        if self.hesitates:
            await asyncio.Event().wait()
        return self.typing


def call(agent: Agent, method: str, *arguments: object) -> Coroutine[object, object, Any]:
    """Call what dbus-fast calls; what it leaves in the class returns nothing."""
    coroutine: Coroutine[object, object, Any] = getattr(Agent, method).__wrapped__(
        agent, *arguments
    )
    return coroutine


def pairing(owner: Owner | None) -> Agent:
    agent = Agent(owner)
    agent.admit(CUFF.lower())
    return agent


async def test_the_owner_is_asked_for_the_code_of_a_connected_device() -> None:
    agent = pairing(Owner(typing=123456))

    assert await call(agent, "request_passkey", CUFF_PATH) == 123456


@pytest.mark.parametrize("path", [STRANGER_PATH, "/org/bluez/hci0", ""])
async def test_nobody_pairs_from_outside(path: str) -> None:
    agent = pairing(Owner(typing=123456))

    for method in ("request_passkey", "request_authorization"):
        with pytest.raises(DBusError, match="not pairing"):
            await call(agent, method, path)


async def test_a_device_that_is_no_longer_connected_may_not_pair() -> None:
    agent = pairing(Owner(typing=123456))
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
    [(None, "no one to type it"), (Owner(typing=None), "was not given")],
)
async def test_a_code_that_nobody_gives_is_refused_with_the_reason(
    owner: Owner | None, why: str
) -> None:
    agent = pairing(owner)
    with pytest.raises(DBusError):
        await call(agent, "request_passkey", CUFF_PATH)

    assert why in (agent.failure(CUFF) or "")


async def test_an_owner_who_hesitates_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "PASSKEY_WITHIN_S", 0.01)
    agent = pairing(Owner(hesitates=True))
    with pytest.raises(DBusError):
        await call(agent, "request_passkey", CUFF_PATH)

    assert agent.failure(CUFF) == "nobody typed the code that the device shows"


@pytest.mark.parametrize("end", ["cancel", "release"])
async def test_when_bluetoothd_gives_up_the_owner_is_left_alone(end: str) -> None:
    owner = Owner(hesitates=True)
    agent = pairing(owner)
    asking = asyncio.ensure_future(call(agent, "request_passkey", CUFF_PATH))
    await owner.asked.wait()
    await call(agent, end)

    with pytest.raises(DBusError, match="no longer wanted"):
        await asking


async def test_a_code_counts_as_wrong_until_the_device_answers() -> None:
    agent = pairing(Owner(typing=123456))
    await call(agent, "request_passkey", CUFF_PATH)
    before = agent.failure(CUFF)
    agent.worked(CUFF)

    assert before == "the device did not accept the code"
    assert agent.failure(CUFF) is None


async def test_what_the_agent_cannot_do_it_refuses() -> None:
    agent = pairing(Owner(typing=123456))

    with pytest.raises(DBusError, match="compared"):
        await call(agent, "request_confirmation", CUFF_PATH, 123456)
    with pytest.raises(DBusError, match="PIN"):
        await call(agent, "request_pin_code", CUFF_PATH)
    with pytest.raises(DBusError, match="shown"):
        await call(agent, "display_passkey", CUFF_PATH, 123456, 0)
