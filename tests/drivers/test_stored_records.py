from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.drivers.api import Frame, gatt
from gateway.drivers.stored_records import StoredRecords
from gateway.errors import LinkError, LinkLost, LinkRefused, LinkTimeout, ProtocolError
from gateway.testing.links import ScriptedLink, Written

CONTROL, DATA, CONTEXT = gatt("1808", "2a52"), gatt("1808", "2a18"), gatt("1808", "2a34")
ALL, SINCE_3 = bytes.fromhex("0101"), bytes.fromhex("0103010300")
SUCCESS = (CONTROL, bytes.fromhex("06000101"))


def device(*turns: Sequence[Written], then: type[LinkError] = LinkTimeout) -> ScriptedLink:
    """Answers its requests, each with the next of `turns`; later ones with silence."""
    waiting = list(turns)
    return ScriptedLink(
        {DATA: b"", CONTEXT: b""},
        {CONTROL: lambda _: waiting.pop(0) if waiting else []},
        then=then,
    )


class GoneInbox:
    """An empty inbox of a link that is gone, while others may still hold frames."""

    async def get(self, *, within: float) -> Frame:
        raise LinkLost("gone")


async def stored(link: ScriptedLink) -> StoredRecords:
    answers, data, context = [await link.subscribe(c) for c in (CONTROL, DATA, CONTEXT)]
    return StoredRecords(link, CONTROL, answers, data, context)


async def everything(records: StoredRecords) -> list[Frame]:
    frames: list[Frame] = []
    while (burst := await records.burst()) is not None:
        frames += burst
    return frames


def data(frames: list[Frame]) -> list[bytes]:
    return [frame.data for frame in frames]


async def test_records_of_all_inboxes_come_before_the_end() -> None:
    link = device([(DATA, b"1"), (CONTEXT, b"a"), (DATA, b"2"), SUCCESS])
    records = await stored(link)

    await records.report()

    assert data(await everything(records)) == [b"1", b"2", b"a"]
    assert await records.burst() is None


@pytest.mark.parametrize("code", [2, 3, 4, 5, 9])
async def test_a_device_without_filter_is_asked_for_all(code: int) -> None:
    link = device([(CONTROL, bytes((6, 0, 1, code)))], [(DATA, b"1"), SUCCESS])
    records = await stored(link)

    await records.report(3)

    assert data(await everything(records)) == [b"1"]
    assert link.written == [(CONTROL, SINCE_3), (CONTROL, ALL)]


async def test_a_device_that_cannot_report_at_all_ends_it() -> None:
    records = await stored(device([(CONTROL, bytes.fromhex("06000102"))]))
    await records.report()

    with pytest.raises(ProtocolError, match="op_code_not_supported"):
        await records.burst()


async def test_no_records_is_an_end_like_any_other() -> None:
    records = await stored(device([(CONTROL, bytes.fromhex("06000106"))]))
    await records.report(3)

    assert await everything(records) == []


async def test_an_answer_to_an_earlier_request_is_passed_over() -> None:
    abort, count = bytes.fromhex("06000301"), bytes.fromhex("05000100")
    link = device([(CONTROL, abort), (CONTROL, count), (DATA, b"1"), SUCCESS])
    records = await stored(link)

    await records.report()

    assert data(await everything(records)) == [b"1"]


async def test_what_came_before_the_link_was_lost_is_handed_over_first() -> None:
    records = await stored(device([(DATA, b"1"), (CONTEXT, b"a")], then=LinkLost))
    await records.report()

    assert data(await records.burst() or []) == [b"1", b"a"]
    with pytest.raises(LinkLost):
        await records.burst()


async def test_what_waits_behind_a_lost_link_is_handed_over_first() -> None:
    link = device([(DATA, b"1")], then=LinkLost)
    records = StoredRecords(link, CONTROL, GoneInbox(), await link.subscribe(DATA))
    await records.report()

    assert data(await records.burst() or []) == [b"1"]
    with pytest.raises(LinkLost):
        await records.burst()


async def test_after_silence_nothing_more_is_asked_on_this_link() -> None:
    link = device([(DATA, b"1")])
    records = await stored(link)
    await records.report()

    with pytest.raises(ProtocolError, match="silent"):
        await everything(records)

    with pytest.raises(ProtocolError, match="reconnected"):
        await records.count()
    assert link.written == [(CONTROL, ALL)]


@pytest.mark.parametrize(
    ("answer", "why"), [("06000108", "procedure_not_completed"), ("42", "cannot be read")]
)
async def test_what_came_before_a_report_went_wrong_is_handed_over_first(
    answer: str, why: str
) -> None:
    link = device([(DATA, b"1"), (CONTEXT, b"a"), (CONTROL, bytes.fromhex(answer))])
    records = await stored(link)
    await records.report()

    assert data(await records.burst() or []) == [b"1", b"a"]
    with pytest.raises(ProtocolError, match=why):
        await records.burst()


async def test_a_device_may_count() -> None:
    link = device([(CONTROL, bytes.fromhex("0500c00f"))])

    assert await (await stored(link)).count(3) == 4032
    assert link.written == [(CONTROL, bytes.fromhex("0403010300"))]


@pytest.mark.parametrize(("code", "count"), [(6, 0), (2, None), (4, None)])
async def test_a_count_may_be_none(code: int, count: int | None) -> None:
    stale = (CONTROL, bytes.fromhex("06000101"))
    records = await stored(device([stale, (CONTROL, bytes((6, 0, 4, code)))]))

    assert await records.count() == count
    assert not records.silent


async def test_a_count_that_never_comes_is_remembered() -> None:
    records = await stored(device([]))

    assert await records.count() is None
    assert records.silent


@pytest.mark.parametrize("code", [0x80, 0xFE])
async def test_a_procedure_already_in_progress_asks_for_a_new_connection(code: int) -> None:
    link = device()
    records = await stored(link)
    link.refuse = {CONTROL: code}

    with pytest.raises(ProtocolError, match="busy"):
        await records.report()


async def test_another_refusal_is_passed_on() -> None:
    link = device()
    records = await stored(link)
    link.refuse = {CONTROL: 0x03}

    with pytest.raises(LinkRefused):
        await records.report()


async def test_an_answer_that_cannot_be_read_ends_it() -> None:
    records = await stored(device([(CONTROL, b"\x42")]))
    await records.report()

    with pytest.raises(ProtocolError, match="cannot be read"):
        await records.burst()


@pytest.mark.parametrize(("code", "seen", "complete"), [(6, 0, True), (6, 1, False), (1, 0, False)])
async def test_a_device_that_cannot_count_is_believed_that_it_has_nothing(
    code: int, seen: int, complete: bool
) -> None:
    answers = [(CONTROL, bytes((6, 0, 1, code))), (CONTROL, bytes.fromhex("06000402"))]
    records = await stored(device(answers))
    await records.report()
    while await records.burst() is not None:
        pass

    assert await records.confirms(None, seen, twice=False) is complete
