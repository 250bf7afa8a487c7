"""What a person is asked while a device pairs, and what becomes of it, whatever the stack."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from gateway.transport.settings import WithoutCode

ANSWER_WITHIN_S = 28.0
"""The Security Manager gives up after 30 s (Core 5.4, Vol 3, Part H, 3.4); a little before that we
still know why."""

BOND_LOST = (
    "The device does not know the gateway any more: let the gateway forget it and pair it again"
    " ('devices forget')."
)
"""Told of a device that has no key of ours, or another one."""

TAKEN = (
    "it says that it is another device, which is adopted already; if it is that one, disown that"
    " one first"
)
"""Told of a device whose address rotates and that claims one under which another is adopted."""

T = TypeVar("T")


def pairing_failed(why: str) -> str:
    """Say that it did, and what helps."""
    return f"Pairing failed ({why}): bring the device into its pairing mode and try again."


class Owner(Protocol):
    """The person who stands at the device. Devices are named by their address.

    `within` is how long (s) the device waits; an answer that comes later is worth nothing. A
    question that is no longer wanted is cancelled.
    """

    async def type_code(self, address: str, within: float, /) -> int | None:
        """Return the six digits that the device shows; None if they refuse."""
        ...

    async def show_code(self, address: str, code: int, within: float, /) -> None:
        """Show six digits to be typed on the device, until cancelled."""
        ...

    async def confirm(self, address: str, within: float, /) -> bool:
        """Return whether the device may pair without any code."""
        ...


class Interview:
    """Asks the owner on behalf of one transport, and remembers why a pairing fails.

    `owner` None: there is no one to ask.
    """

    def __init__(self, owner: Owner | None, without_code: WithoutCode = WithoutCode.ACCEPT) -> None:
        self._owner = owner
        self._without_code = without_code
        self._failures: dict[str, tuple[str, str]] = {}
        self._asking: dict[asyncio.Future[Any], str] = {}
        self._shown: dict[str, asyncio.Task[None]] = {}

    @property
    def attended(self) -> bool:
        """Whether there is someone to ask."""
        return self._owner is not None

    def failure(self, address: str) -> str | None:
        """Say why a pairing with this device fails, if one does: what has to be done better."""
        return self._failures[address][0] if address in self._failures else None

    def fails(self, address: str, why: str, if_denied: str | None = None) -> None:
        """Take note of why; it may be more certain once a stack says that it was denied."""
        self._failures[address] = why, if_denied or why

    def denied(self, address: str) -> None:
        """Take note that the pairing was refused; else its device may only be out of reach."""
        if address in self._failures:
            self.fails(address, self._failures[address][1])

    def worked(self, address: str) -> None:
        """Take note that the device answers: whatever was asked of the owner, it was right."""
        self._failures.pop(address, None)
        if (showing := self._shown.pop(address, None)) is not None:
            showing.cancel()

    def stop(self) -> None:
        """Ask no longer: the device, or the stack, has given up."""
        for asking in self._asking:
            asking.cancel()

    def leave(self, address: str) -> None:
        """Ask no longer about a device whose link is closed, and forget how its pairing went."""
        self.worked(address)
        for asking, about in self._asking.items():
            if about == address:
                asking.cancel()

    async def agrees(self, address: str) -> bool:
        """Say whether a device may pair without a code; `failure` says why not."""
        match self._without_code:
            case WithoutCode.ACCEPT:
                return True
            case WithoutCode.REFUSE:
                self.fails(address, "the device has no code, and pairing without is off")
                return False
        if self._owner is None:
            self.fails(address, "the device has no code, and there is no one to ask")
            return False
        agreed = await self._answer(address, self._owner.confirm(address, ANSWER_WITHIN_S))
        if agreed:
            self._failures.pop(address, None)
        elif agreed is False:
            self.fails(address, "the owner did not agree to pair without a code")
        return agreed is True

    async def typed(self, address: str) -> int | None:
        """Return the code that the device shows; None if nobody gives it, `failure` says why.

        Until the device answers, the code counts as wrong.
        """
        if self._owner is None:
            self.fails(address, "the device shows a code, and there is no one to type it")
            return None
        code = await self._answer(address, self._owner.type_code(address, ANSWER_WITHIN_S))
        if code is not None:
            self.fails(
                address,
                "the device did not accept the code, or went out of reach",
                "the device did not accept the code",
            )
        return code

    def show(self, address: str, code: int) -> bool:
        """Begin to show a code, unless it is shown already; False if there is no one to see it."""
        if self._owner is None:
            self.fails(address, "the device wants a code shown, and nobody is there")
            return False
        if address not in self._shown:
            self.fails(
                address,
                "the code that is shown here was not typed on the device, or it went out of reach",
                "the code that is shown here was not typed on the device",
            )
            self._shown[address] = self._ask(address, self._show(self._owner, address, code))
        return True

    async def _show(self, owner: Owner, address: str, code: int) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await owner.show_code(address, code, ANSWER_WITHIN_S)
        finally:
            self._shown.pop(address, None)

    async def _answer(self, address: str, question: Coroutine[object, object, T]) -> T | None:
        """Await the owner; None when they refuse, take too long, or are no longer wanted.

        A device that hangs up meanwhile ends its pairing before anybody tells us to ask no longer.
        """
        self.fails(address, "the device no longer wanted an answer")
        asking = self._ask(address, question)
        try:
            await asyncio.wait({asking}, timeout=ANSWER_WITHIN_S)
            if not asking.done():
                self.fails(address, "nobody answered in time what the device asks")
                return None
            if asking.cancelled():
                return None
            if (answer := asking.result()) is None:
                self.fails(address, "what the device asks for was not given")
            return answer
        finally:
            asking.cancel()

    def _ask(self, address: str, question: Coroutine[object, object, T]) -> asyncio.Task[T]:
        asking = asyncio.ensure_future(question)
        self._asking[asking] = address
        asking.add_done_callback(lambda done: self._asking.pop(done, None))
        return asking
