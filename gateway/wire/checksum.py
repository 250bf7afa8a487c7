"""Checksums that devices append to what they send."""

from __future__ import annotations

from functools import cache

from gateway.errors import DecodeError


def crc16_mcrf4xx(data: bytes) -> int:
    """Compute the CRC-16/MCRF4XX of `data`.

    Polynomial 0x1021 reflected, start 0xFFFF, no final inversion. Bluetooth calls it E2E-CRC.
    Source: CGM Service 1.0.2, section 3.11; check value 0x6F91 for "123456789".
    """
    crc, table = 0xFFFF, _mcrf4xx_table()
    for octet in data:
        crc = crc >> 8 ^ table[(crc ^ octet) & 0xFF]
    return crc


def without_e2e_crc(data: bytes) -> bytes:
    """Return `data` without the E2E-CRC at its end.

    Raises DecodeError `truncated` if there is no room for one, `crc` if it is wrong.
    """
    if len(data) < 2:
        raise DecodeError("truncated", data, len(data))
    if crc16_mcrf4xx(data) != 0:  # the CRC of data followed by its own CRC is zero
        raise DecodeError("crc", data, len(data) - 2)
    return data[:-2]


@cache
def _mcrf4xx_table() -> tuple[int, ...]:
    return tuple(_shifted_out(octet) for octet in range(256))


def _shifted_out(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc
