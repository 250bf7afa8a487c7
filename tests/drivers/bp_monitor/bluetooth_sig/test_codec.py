from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import SERIAL, Channel, Frame
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER, codec
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock
from tests.drivers.gatt_lines import is_message_or_decode_error

DECODERS: list[Callable[[bytes], object]] = [
    codec.measurement,
    codec.beurer_measurement,
    codec.intermediate,
    codec.enhanced_measurement,
    codec.enhanced_intermediate,
    codec.feature,
    codec.record_segment,
]


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary(max_size=40))
def test_any_bytes_are_a_message_or_a_decode_error(
    decode: Callable[[bytes], object], data: bytes
) -> None:
    is_message_or_decode_error(decode, data)


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


def test_a_channel_of_another_service_is_refused() -> None:
    for channel in (SERIAL, Channel("181d/2a9d")):
        with pytest.raises(DecodeError, match="unknown_channel"):
            DRIVER.decode(Frame(channel, b"", ManualClock().now()))
