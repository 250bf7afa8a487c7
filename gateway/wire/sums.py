"""Sums that serial devices append to what they send, beside those in `checksum`."""

from __future__ import annotations

from binascii import crc_hqx
from functools import reduce
from operator import xor


def sum8(data: bytes) -> int:
    """Add all bytes, modulo 256. Does not see bytes that changed places."""
    return sum(data) & 0xFF


def sum16(data: bytes) -> int:
    """Add all bytes, modulo 65536."""
    return sum(data) & 0xFFFF


def xor8(data: bytes) -> int:
    """Combine all bytes by exclusive or: the block check character (BCC) of many protocols."""
    return reduce(xor, data, 0)


def crc16_xmodem(data: bytes) -> int:
    """Compute the CRC-16/XMODEM: polynomial 0x1021, start 0. Check value 0x31C3."""
    return crc_hqx(data, 0)


def crc16_ccitt_false(data: bytes) -> int:
    """Compute the CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF. Check value 0x29B1."""
    return crc_hqx(data, 0xFFFF)
