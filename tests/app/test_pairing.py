"""The questions of devices that pair, from the stack to whoever answers over the API."""

from __future__ import annotations

import asyncio

import pytest

from gateway.api.hub import Asked
from gateway.app.pairing import PairingDesk, asking
from gateway.testing.clock import ManualClock

CUFF, METER = "C0:FF:EE:00:00:01", "C0:FF:EE:00:00:02"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def desk(clock: ManualClock) -> PairingDesk:
    return PairingDesk(clock)


async def begun(question: object) -> asyncio.Task[object]:
    task = asyncio.ensure_future(question)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    return task


async def test_a_code_reaches_who_waits_for_it(desk: PairingDesk) -> None:
    waiting = await begun(desk.type_code(CUFF, 28))
    ((question, _),) = desk.questions()

    assert desk.answer(question.number, 123456)
    assert desk.questions() == []
    assert await waiting == 123456


async def test_a_yes_is_no_code(desk: PairingDesk) -> None:
    waiting = await begun(desk.type_code(CUFF, 28))
    ((question, _),) = desk.questions()
    desk.answer(question.number, True)

    assert await waiting is None


async def test_each_answer_reaches_the_device_that_was_asked_about(desk: PairingDesk) -> None:
    cuff, meter = [await begun(desk.type_code(address, 28)) for address in (CUFF, METER)]
    (first, _), (second, _) = desk.questions()

    assert desk.answer(second.number, 222222)
    answered, _ = await asyncio.wait({cuff, meter}, return_when=asyncio.FIRST_COMPLETED)
    assert answered == {meter}
    assert await meter == 222222
    assert desk.answer(first.number, 111111)
    assert await cuff == 111111


@pytest.mark.parametrize(("answer", "agreed"), [(True, True), (None, False)])
async def test_a_pairing_without_a_code_is_agreed_to_or_not(
    desk: PairingDesk, answer: bool | None, agreed: bool
) -> None:
    waiting = await begun(desk.confirm(CUFF, 28))
    ((question, _),) = desk.questions()
    desk.answer(question.number, answer)

    assert await waiting is agreed


async def test_the_time_that_is_left_runs_out(desk: PairingDesk, clock: ManualClock) -> None:
    waiting = await begun(desk.type_code(CUFF, 28))
    clock.advance(20)
    left = [left for _, left in desk.questions()]
    clock.advance(20)

    assert left == [8]
    assert [left for _, left in desk.questions()] == [0]
    waiting.cancel()


async def test_a_question_that_is_no_longer_wanted_cannot_be_answered(desk: PairingDesk) -> None:
    waiting = await begun(desk.type_code(CUFF, 28))
    ((question, _),) = desk.questions()
    waiting.cancel()
    await asyncio.wait({waiting})

    assert desk.questions() == []
    assert not desk.answer(question.number, 123456)


async def test_only_the_first_answer_counts(desk: PairingDesk) -> None:
    waiting = await begun(desk.type_code(CUFF, 28))
    ((question, _),) = desk.questions()

    assert desk.answer(question.number, 111111)
    assert not desk.answer(question.number, 222222)
    assert await waiting == 111111


async def test_each_device_has_its_own_question_and_the_newest_of_it(desk: PairingDesk) -> None:
    tasks = [
        await begun(asked)
        for asked in (
            desk.type_code(CUFF, 28),
            desk.show_code(METER, 42, 28),
            desk.type_code(CUFF, 28),
        )
    ]
    shown = [asking(question, left, None) for question, left in desk.questions()]

    assert [(it.number, it.device, it.asks, it.code) for it in shown] == [
        (3, f"ble:{CUFF}", Asked.TYPE_CODE, None),
        (2, f"ble:{METER}", Asked.SHOW_CODE, "000042"),
    ]
    tasks[0].cancel()
    await asyncio.wait({tasks[0]})
    assert desk.answer(3, 123456)  # the older one takes the newer with it no more
    assert await tasks[2] == 123456
    tasks[1].cancel()
