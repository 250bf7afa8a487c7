import struct
from datetime import timedelta
from typing import Any

import pytest
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.glucose_meter.onetouch_ultraeasy import (
    ACKNOWLEDGE,
    DISCONNECT,
    OneTouchUltraEasy,
)
from firmware_sims.ledger import Ledger
from firmware_sims.packing.onetouch import packet
from firmware_sims.serial_device import ask

from tests.firmware_sims.people import NOON
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of

DISCONNECTED = bytes.fromhex("02 06 08 03 C2 62")
VERSION = bytes.fromhex("05 0D 02")


def meter(stored: int = 0, mmol: bool = False, **where: Any) -> OneTouchUltraEasy:
    device = OneTouchUltraEasy(placement(**where), mmol=mmol)
    device.remember(stored, timedelta(hours=5))
    return device


class Talk:
    """A host that keeps the numbers as the link layer wants them."""

    def __init__(self, device: OneTouchUltraEasy) -> None:
        self.device = device
        self.number = self.expected = 0
        assert ask(device, DISCONNECTED) == packet(DISCONNECT | ACKNOWLEDGE)

    def ask(self, message: bytes) -> bytes:
        """Return the message that answers one, after checking both packets."""
        acknowledged, answer = self.device.answer(packet(self.number | self.expected << 1, message))
        self.number ^= 1
        assert acknowledged == packet(ACKNOWLEDGE | self.expected | self.number << 1)
        assert answer == packet(self.expected | self.number << 1, answer[3:-3])
        self.expected ^= 1
        acknowledge = packet(ACKNOWLEDGE | self.number | self.expected << 1)
        assert ask(self.device, acknowledge) == b""
        return answer[3:-3]

    def record(self, index: int) -> bytes:
        return self.ask(b"\x05\x1f" + index.to_bytes(2, "little"))


def test_the_published_packets_are_reproduced() -> None:
    assert packet(DISCONNECT) == DISCONNECTED
    assert packet(3, VERSION) == frame_of("ultraeasy-version")
    assert packet(ACKNOWLEDGE | 2)[:4] == frame_of("crc-distinguish")


def test_the_memory_holds_what_was_produced_newest_first() -> None:
    ledger = Ledger()
    device = meter(stored=4, ledger=ledger)
    device.measure()
    talk = Talk(device)

    count = talk.record(501)
    records = [struct.unpack("<2xII", talk.record(index)) for index in range(5)]

    assert count == bytes.fromhex("05 0F 05 00")
    assert records == [
        (int(each.measured_at.timestamp()), int(each.values["glucose"]))
        for each in ledger.produced[::-1]
    ]


def test_a_repeated_packet_gets_the_same_answer_and_is_not_done_twice() -> None:
    forbidden = ForbiddenCommands()
    device = meter(stored=1, forbidden=forbidden)
    Talk(device)
    erase = packet(0, b"\x05\x1a")

    first, again = ask(device, erase), ask(device, erase)

    assert first == again != b""
    assert (forbidden.received, len(device.memory)) == (["erase memory"], 1)


def test_numbers_begin_where_the_host_says() -> None:
    device = meter()
    Talk(device)

    answer = ask(device, packet(3, VERSION))

    assert answer.startswith(packet(ACKNOWLEDGE | 1))


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("05 0B 02 00 00 00 00 84 6A E8 73 00", b"\x05\x06C176SA034"),
        ("05 09 02 09 00 00 00 00", b"\x05\x06\x01\0\0\0"),
        ("05 20 02 00 00 00 00", b"\x05\x06" + struct.pack("<I", int(NOON.timestamp()))),
        ("05 0D 02", b"\x05\x06\x11P02.00.00\x0025/05/07"),
    ],
)
def test_other_questions_are_answered(message: str, answer: bytes) -> None:
    assert Talk(meter(mmol=True)).ask(bytes.fromhex(message)) == answer


def test_setting_the_clock_is_recorded_and_does_nothing() -> None:
    forbidden = ForbiddenCommands()
    talk = Talk(meter(forbidden=forbidden))
    talk.ask(bytes.fromhex("05 20 01 00 00 00 00"))

    clock = talk.ask(bytes.fromhex("05 20 02 00 00 00 00"))

    assert forbidden.received == ["set clock"]
    assert clock[2:] == struct.pack("<I", int(NOON.timestamp()))


def test_a_damaged_packet_is_not_answered() -> None:
    assert ask(meter(), frame_with_wrong_crc()) == b""


def frame_with_wrong_crc() -> bytes:
    return packet(0, VERSION)[:-1] + b"\0"


def test_packets_are_found_in_noise_and_in_pieces() -> None:
    device = meter()
    whole = packet(0, VERSION)

    early, rest = device.split(b"\x02\x01noise" + whole[:4])
    late, rest = device.split(rest + whole[4:] + b"\x02")

    assert (early, late, rest) == ([], [whole], b"\x02")
