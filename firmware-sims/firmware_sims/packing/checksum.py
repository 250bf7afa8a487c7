"""The end-to-end check of CGM frames: CRC-16, polynomial 0x1021, initial value 0xFFFF.

Octets and result are taken least significant bit first (CRC-16/MCRF4XX). Written here as the
definition says, a division over the reflected bit stream, rather than with the usual shortcut.
Spec: Continuous Glucose Monitoring Service 1.0.2, section 3.11 "E2E-CRC".
"""

_POLYNOMIAL = 0x1021
_INITIAL = 0xFFFF


def crc16(octets: bytes) -> int:
    """Return the E2E-CRC of some octets as a number."""
    remainder = _INITIAL
    for octet in octets:
        remainder ^= _reflected(octet, 8) << 8
        for _ in range(8):
            carry = remainder & 0x8000
            remainder = (remainder << 1) & 0xFFFF
            if carry:
                remainder ^= _POLYNOMIAL
    return _reflected(remainder, 16)


def with_crc(octets: bytes) -> bytes:
    """Return the octets followed by their CRC, least significant octet first."""
    return octets + crc16(octets).to_bytes(2, "little")


def _reflected(value: int, bits: int) -> int:
    return int(f"{value:0{bits}b}"[::-1], 2)
