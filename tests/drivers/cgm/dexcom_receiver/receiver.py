"""A receiver for tests: pages of records behind the packets, made from the specification."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Iterable
from dataclasses import dataclass, field

PAGE_RECORDS = {2: 38, 4: 21, 5: 20}
DISPLAY_OFFSET = 225_564_413 - 206_396_297
"""As in a capture: the display is seven months ahead of the system clock."""
FIRMWARE = (
    b"<FirmwareHeader SchemaVersion='1' ProductId='%b' ProductName='Dexcom G4 Receiver'"
    b" SoftwareNumber='SW10050' FirmwareVersion='2.0.1.104' />"
)


def sealed(data: bytes) -> bytes:
    return data + struct.pack("<H", crc_hqx(data, 0))


def framed(command: int, payload: bytes = b"") -> bytes:
    return sealed(struct.pack("<BHB", 1, 6 + len(payload), command) + payload)


def egv(
    system: int, glucose: int, trend_and_noise: int = 0x14, offset: int = DISPLAY_OFFSET
) -> bytes:
    return sealed(struct.pack("<IIHB", system, system + offset, glucose, trend_and_noise))


def egv_5(system: int, glucose: int, measured: int, state: int = 6, predicted: int = 13) -> bytes:
    shown = system + DISPLAY_OFFSET
    return sealed(
        struct.pack("<IIHIIbBBH", system, shown, glucose, measured, 99, -3, 0x14, state, predicted)
    )


@dataclass
class Receiver:
    """Answers packets from its memory; notes what it was asked."""

    records: list[bytes] = field(default_factory=list)
    revision: int = 2
    serial: str = "SM44792675"
    system_now: int = 206_500_000
    display_offset: int = DISPLAY_OFFSET
    """What its wearer has it add to the system clock now."""
    blinded: bool = False
    first_index: int = 0
    asked: list[tuple[int, bytes]] = field(default_factory=list)
    noise: bytes = b""
    product: bytes = b"G4Receiver"
    backfilled: list[bytes] = field(default_factory=list)
    deaf: int = 0
    """How many requests it will not hear."""

    def answer(self, data: bytes) -> Iterable[bytes]:
        command, payload = data[3], data[4:-2]
        self.asked.append((command, payload))
        if self.deaf:
            self.deaf -= 1
            return []
        reply = framed(1, self._reply(command, payload))
        return [self.noise + reply[:7], reply[7:]]

    def _reply(self, command: int, payload: bytes) -> bytes:
        match command:
            case 10:
                return b""
            case 11:
                return FIRMWARE % self.product
            case 16 if payload == b"\x00":
                return struct.pack("<II", 0, 0)
            case 16:
                pages = self._pages(payload[0])
                return struct.pack("<II", 0, len(pages) - 1) if pages else b"\xff" * 8
            case 17 if payload[0] == 0:
                text = f'<ManufacturingParameters SerialNumber="{self.serial}" />'.encode()
                record = sealed(struct.pack("<II", 1, 2) + text.ljust(490, b"\0"))
                return self._head(0, 1, 0, 1, 0) + record
            case 17:
                return self._pages(payload[0])[int.from_bytes(payload[1:5], "little")]
            case 29:
                return struct.pack("<i", self.display_offset)
            case 34:
                return struct.pack("<I", self.system_now)
            case 39:
                return bytes((self.blinded,))
        raise AssertionError(f"the gateway must not say {command}")

    def _pages(self, partition: int = 4) -> list[bytes]:
        records = {4: self.records, 18: self.backfilled}[partition]
        size = PAGE_RECORDS[self.revision]
        pages = []
        for page, at in enumerate(range(0, len(records), size)):
            part = records[at : at + size]
            head = self._head(self.first_index + at, len(part), partition, self.revision, page)
            pages.append(head + b"".join(part).ljust(500, b"\xff"))
        return pages

    @staticmethod
    def _head(first: int, count: int, partition: int, revision: int, page: int) -> bytes:
        return sealed(struct.pack("<IIBBIIII", first, count, partition, revision, page, 0, 0, 0))
