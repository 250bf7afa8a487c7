"""What a Dexcom receiver (G4, G5, G6) says on its USB serial port. Little-endian throughout.

```
frame:       01 | length u16, all of it | command or result u8 | payload | CRC u16
page:        first index u32 | count u32 | type u8 | revision u8 | page u32 | r1 r2 r3 u32 | CRC u16
             | 500 bytes of records, the unused tail FF
XML record:  system u32 | display u32 | text[490], zero filled | CRC u16
EGV 1..3:    system u32 | display u32 | glucose u16 | trend and noise u8 | CRC u16          13 bytes
EGV 4:       system u32 | display u32 | glucose u16 | measured at (system) u32 | transmitter u32
             | rate s8 | trend and noise u8 | algorithm state u8 | CRC u16                  23 bytes
EGV 5:       as 4, with predicted u16 before the CRC                                        25 bytes
```
Times are seconds since 2009-01-01. Glucose is always mg/dL, in the low ten bits; 8000 only shown,
4000 computed on the transmitter, 2000 backfilled. Each CRC is over all that precedes it in its
frame, header or record. Sources: openaps/dexcom_reader, ecc1/dexcom, tidepool-org/uploader.
"""

import struct
from dataclasses import dataclass
from datetime import datetime

from firmware_sims.packing.crc_ccitt import xmodem

EPOCH_DEVICE_LOCAL = datetime(2009, 1, 1)  # noqa: DTZ001 - the receiver's clock has no zone
PAGE_DATA_BYTES = 500
_XML_BYTES = 490


def with_crc(octets: bytes) -> bytes:
    """Return the octets followed by their CRC."""
    return octets + xmodem(octets).to_bytes(2, "little")


def seconds(device_local: datetime) -> int:
    """Return a time as the receiver counts it."""
    return int((device_local - EPOCH_DEVICE_LOCAL).total_seconds())


def frame(code: int, payload: bytes = b"") -> bytes:
    """Return a frame, in either direction."""
    return with_crc(struct.pack("<BHB", 1, len(payload) + 6, code) + payload)


def xml_record(system_s: int, display_s: int, text: str) -> bytes:
    """Return a record of the partitions that hold XML."""
    padded = text.encode("ascii").ljust(_XML_BYTES, b"\0")
    return with_crc(struct.pack("<II", system_s, display_s) + padded)


def page_header(record_type: int, revision: int, page: int, first_index: int, count: int) -> bytes:
    """Return the 28 bytes that head a page; the three reserved words are zero."""
    fields = struct.pack("<IIBBIIII", first_index, count, record_type, revision, page, 0, 0, 0)
    return with_crc(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Egv:
    """One estimated glucose value. `measured_s`, `transmitter_s` and on: revisions 4 and 5."""

    system_s: int
    display_s: int
    glucose: int
    trend: int
    noise: int = 1
    display_only: bool = False
    on_transmitter: bool = False
    backfilled: bool = False
    measured_s: int = 0
    transmitter_s: int = 0
    rate: int = 0
    state: int = 6
    predicted: int = 13  # "unavailable"

    def encode(self, revision: int) -> bytes:
        """Return the record as a page of this revision holds it."""
        flags = self.display_only << 15 | self.on_transmitter << 14 | self.backfilled << 13
        trend_and_noise = self.noise << 4 | self.trend
        octets = struct.pack("<IIH", self.system_s, self.display_s, flags | self.glucose)
        if revision <= 3:
            return with_crc(octets + bytes([trend_and_noise]))
        octets += struct.pack(
            "<IIbBB", self.measured_s, self.transmitter_s, self.rate, trend_and_noise, self.state
        )
        if revision >= 5:
            octets += self.predicted.to_bytes(2, "little")
        return with_crc(octets)


def egv_bytes(revision: int) -> int:
    """Return the size of one EGV record."""
    return 13 if revision <= 3 else 23 if revision == 4 else 25
