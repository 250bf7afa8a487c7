from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import SERIAL, Channel, Frame
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER, codec
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock
from gateway.wire.ieee11073 import Special


@given(flags=st.integers(0, 255), body=st.binary(min_size=18, max_size=18), cut=st.integers(1, 18))
def test_what_follows_the_fields_is_what_a_longer_frame_leaves_over(
    flags: int, body: bytes, cut: int
) -> None:
    whole = bytes([flags]) + body
    message = codec.measurement(whole)
    needed = len(whole) - len(message.trailing_octets or b"")

    if cut >= needed:
        assert codec.measurement(whole[:cut]).systolic == message.systolic
        return
    with pytest.raises(DecodeError, match="truncated"):
        codec.measurement(whole[:cut])


@given(
    pulse=st.integers(1, 255).filter(lambda pulse: pulse != 8),  # the other way: "no resolution"
    user=st.none() | st.integers(0, 255),
    status=st.none() | st.integers(0, 0xFFFF),
    order=st.sampled_from(["big", "little"]),
    is_user_told=st.booleans(),
)
def test_a_beurer_is_read_in_its_own_order_of_octets_and_in_the_specifications(
    pulse: int,
    user: int | None,
    status: int | None,
    order: Literal["big", "little"],
    is_user_told: bool,
) -> None:
    flags = 0x46 | 0x10 * (status is not None) | 0x08 * (is_user_told and user is not None)
    frame = bytes((flags,)) + bytes.fromhex("8000 5200 0000 ea07 08 0b 14 38 00")
    frame += pulse.to_bytes(2, order) + (b"" if user is None else bytes((user,)))
    frame += b"" if status is None else status.to_bytes(2, order)

    found = codec.beurer_measurement(frame)

    assert (found.pulse, found.user_id, found.status) == (pulse, user, status)
    assert found.trailing_octets is None


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("word", [0x0800, 0x07FF])
def test_a_beurer_that_found_no_pulse_says_so_in_either_order(
    order: Literal["little", "big"], word: int
) -> None:
    frame = bytes.fromhex("56 8000 5200 0000 ea07 08 0b 14 38 00") + word.to_bytes(2, order)

    found = codec.beurer_measurement(frame + b"\x01" + (4).to_bytes(2, order))

    assert isinstance(found.pulse, Special)
    assert found.status == 4


def test_a_channel_of_another_service_is_refused() -> None:
    for channel in (SERIAL, Channel("181d/2a9d")):
        with pytest.raises(DecodeError, match="unknown_channel"):
            DRIVER.decode(Frame(channel, b"", ManualClock().now()))
