"""A Contour meter wants its clock written and its bond made before anyone subscribes."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.drivers.api import Channel, Frame
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER, contour
from gateway.drivers.glucose_meter.bluetooth_sig.session import MEASUREMENT
from gateway.errors import DecodeError, LinkRefused
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.glucose_meter.bluetooth_sig.meter import RACP, Meter, records, values

CLOCK = "00001026-0002-11e2-9e96-0800200c9a66"


class Noting(ScriptedLink):
    """Keeps the order of what was done."""

    def __init__(self, link: ScriptedLink) -> None:
        super().__init__({**link.values, contour.CLOCK: b""}, link.answers)
        self.did: list[str] = []
        self.indicates = True

    async def read(self, channel: Channel, /) -> Frame:
        self.did.append(f"read {channel[-36:]}")
        return await super().read(channel)

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        self.did.append(f"write {channel[-36:]}")
        await super().write(channel, data, acknowledged=acknowledged)

    async def subscribe(self, channel: Channel, /) -> Any:
        self.did.append(f"subscribe {channel[-36:]}")
        if channel == contour.CLOCK and not self.indicates:
            raise LinkRefused("it does not indicate", 0x06)
        return await super().subscribe(channel)


async def test_the_clock_is_subscribed_to_and_written_before_any_other_subscription() -> None:
    link = Noting(Meter(records(1, 2)).link())
    session = RecordingSession(DRIVER, link, settings={"set_clock": "Europe/Paris"})

    await DRIVER.converse(session)

    assert link.did[:3] == [f"subscribe {CLOCK}", f"write {CLOCK}", f"subscribe {MEASUREMENT}"]
    assert link.written[0] == (contour.CLOCK, bytes.fromhex("01 ea07030e091a35 3c00"))
    assert values(session) == [101, 102]


async def test_without_the_owners_word_the_clock_is_only_looked_at() -> None:
    link = Noting(Meter(records(1, 2)).link())

    await DRIVER.converse(RecordingSession(DRIVER, link))

    assert link.did[:2] == [f"read {CLOCK}", f"subscribe {MEASUREMENT}"]
    assert {channel for channel, _ in link.written} == {RACP}


async def test_a_clock_that_cannot_be_looked_at_is_told_to_the_owner() -> None:
    link = Noting(Meter(records(1, 2)).link())
    link.refuse = {contour.CLOCK: 0x02}
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    assert values(session) == [101, 102]
    assert [remark.split(":")[0] for remark in session.remarks] == ["clock_left_alone"]


async def test_what_the_clock_indicates_is_confirmed_and_nothing_else() -> None:
    link = Noting(Meter(records(1, 2)).link())
    link.answers = {**link.answers, contour.CLOCK: lambda _: [(contour.CLOCK, b"\x01\x00")]}
    session = RecordingSession(DRIVER, link, settings={"set_clock": "Europe/Paris"})

    await DRIVER.converse(session)

    assert (values(session), session.remarks) == ([101, 102], ["clock_set"])
    assert not link.pending


async def test_a_clock_that_does_not_indicate_is_written_all_the_same() -> None:
    link = Noting(Meter(records(1, 2)).link())
    link.indicates = False
    session = RecordingSession(DRIVER, link, settings={"set_clock": "Europe/Paris"})

    await DRIVER.converse(session)

    assert f"write {CLOCK}" in link.did
    assert values(session) == [101, 102]


async def test_another_meter_is_subscribed_to_at_once() -> None:
    link = Meter(records(1, 1)).link()

    await DRIVER.converse(RecordingSession(DRIVER, link))

    assert link.subscribed[0] == MEASUREMENT


@pytest.mark.parametrize(("data", "reason"), [("02", "unknown_op_code"), ("01ea07", "truncated")])
def test_what_is_no_clock_is_refused(data: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        contour.decode_clock(bytes.fromhex(data))
