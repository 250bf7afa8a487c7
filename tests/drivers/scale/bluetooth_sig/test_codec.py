from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import SERIAL, Channel, Frame
from gateway.drivers.scale.bluetooth_sig import DRIVER, codec
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock


@pytest.mark.conformance("R-BCP-3")
@given(flags=st.integers(0, 0xFFFF), body=st.binary(min_size=29, max_size=29))
def test_a_composition_is_as_long_as_its_flags_say(flags: int, body: bytes) -> None:
    sizes = {1: 7, 2: 1, **dict.fromkeys(range(3, 12), 2)}
    needed = 4 + sum(size for bit, size in sizes.items() if flags >> bit & 1)
    whole = flags.to_bytes(2, "little") + body

    codec.body_composition(whole[:needed])

    with pytest.raises(DecodeError, match="truncated"):
        codec.body_composition(whole[: needed - 1])


def test_a_channel_of_another_service_is_refused() -> None:
    for channel in (SERIAL, Channel("1810/2a35")):
        with pytest.raises(DecodeError, match="unknown_channel"):
            DRIVER.decode(Frame(channel, b"", ManualClock().now()))
