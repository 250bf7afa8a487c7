from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.and_medical import CUSTOM, DISCONNECT, AndCommand, decode_command, set_time
from gateway.drivers.api import gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER
from gateway.errors import DecodeError, LinkLost
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession

BP = gatt("1810", "2a35")
TAKEN = bytes.fromhex("06 7800 5000 5d00 ea07 03 0e 0a 19 00 4800")


def test_commands_have_names() -> None:
    assert decode_command(DISCONNECT) == AndCommand(2, True, "disconnect", "")
    assert decode_command(bytes.fromhex("0301a61e")).command == "set_buffer_size"


@pytest.mark.parametrize(
    ("data", "reason"),
    [("0201", "truncated"), ("030103", "bad_length"), ("0201ff", "unknown_command")],
)
def test_what_is_no_command_is_refused(data: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode_command(bytes.fromhex(data))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2255, 12, 31)))  # noqa: DTZ001
def test_a_time_that_is_set_reads_back(shown: datetime) -> None:
    command = decode_command(set_time(shown))

    assert command.command == "set_time"
    assert list(bytes.fromhex(command.payload)) == [
        shown.year - 2000,
        *(shown.month, shown.day, shown.hour, shown.minute, shown.second),
    ]


async def test_a_device_is_told_to_disconnect_once_it_is_silent() -> None:
    link = ScriptedLink(values={CUSTOM: b""}, pending=[(BP, TAKEN)])
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    assert link.written == [(CUSTOM, DISCONNECT)]
    assert len(session.readings) == 2


async def test_a_device_that_left_by_itself_is_no_trouble() -> None:
    class Left(ScriptedLink):
        async def write(
            self, channel: object, data: bytes, /, *, acknowledged: bool = True
        ) -> None:
            raise LinkLost("gone")

    session = RecordingSession(DRIVER, Left(values={CUSTOM: b""}, pending=[(BP, TAKEN)]))

    await DRIVER.converse(session)

    assert len(session.readings) == 2
