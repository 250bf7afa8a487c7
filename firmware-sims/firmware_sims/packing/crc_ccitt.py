"""Two CRC-16 that share the polynomial 0x1021 and differ in their initial value.

Dexcom receivers start from 0000 (CRC-16/XMODEM: "123456789" gives 31C3), LifeScan meters from FFFF
(CRC-16/CCITT-FALSE: 29B1). Neither reflects anything. Written as the division that a CRC is: the
remainder of the message, sixteen zero bits appended, by the polynomial.
"""

_DIVISOR = 0x11021


def xmodem(octets: bytes) -> int:
    """Return the check of Dexcom frames, records and page headers."""
    return _remainder(octets, initial=0x0000)


def ccitt_false(octets: bytes) -> int:
    """Return the check of LifeScan packets."""
    return _remainder(octets, initial=0xFFFF)


def _remainder(octets: bytes, *, initial: int) -> int:
    bits = 8 * len(octets) + 16
    # An initial value is the same as inverting the first sixteen bits of the message.
    message = int.from_bytes(octets, "big") << 16 ^ initial << max(bits - 16, 0)
    for place in range(bits - 1, 15, -1):
        if message >> place & 1:
            message ^= _DIVISOR << (place - 16)
    return message
