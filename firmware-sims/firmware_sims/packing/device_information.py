"""Device Information 0x180A and Battery 0x180F values.

System ID 0x2A23: manufacturer identifier u40 | organisationally unique identifier u24
PnP ID 0x2A50:    vendor id source u8 | vendor id u16 | product id u16 | product version u16

Spec: GATT Specification Supplement, "System ID", "PnP ID", "Battery Level".
"""


def system_id(address: str) -> bytes:
    """Return the System ID derived from a device address, AA:BB:CC:DD:EE:FF.

    The low three octets of the address, FFFE and the high three: the service's own rule for
    devices that have a public address and no other number.
    """
    octets = bytes.fromhex(address.replace(":", ""))
    manufacturer = octets[3:][::-1] + b"\xfe\xff"
    return manufacturer + octets[:3][::-1]


def pnp_id(*, vendor: int, product: int, version: int) -> bytes:
    """Return the PnP ID of a product whose vendor id was assigned by the USB forum (source 2)."""
    fields = (vendor, product, version)
    return b"\x02" + b"".join(field.to_bytes(2, "little") for field in fields)


def battery_level(percent: int) -> bytes:
    """Return the Battery Level octet."""
    return bytes([percent])


def text(value: str, *, padding: int = 0) -> bytes:
    """Return a string, as devices pad it: with NUL octets."""
    return value.encode() + bytes(padding)
