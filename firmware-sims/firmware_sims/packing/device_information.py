"""Device Information 0x180A and Battery 0x180F values.

System ID 0x2A23: manufacturer identifier u40 | organisationally unique identifier u24

Spec: GATT Specification Supplement, "System ID", "Battery Level".
"""


def system_id(address: str) -> bytes:
    """Return the System ID derived from a device address, AA:BB:CC:DD:EE:FF.

    The low three octets of the address, FFFE and the high three: the service's own rule for
    devices that have a public address and no other number.
    """
    octets = bytes.fromhex(address.replace(":", ""))
    manufacturer = octets[3:][::-1] + b"\xfe\xff"
    return manufacturer + octets[:3][::-1]


def battery_level(percent: int) -> bytes:
    """Return the Battery Level octet."""
    return bytes([percent])


def text(value: str, *, padding: int = 0) -> bytes:
    """Return a string, as devices pad it: with NUL octets."""
    return value.encode() + bytes(padding)
