"""Commands of A&D's own service: octets that follow u8 | 01 write, 00 read | command u8 | payload.

Source: A&D BLE data-format sheet, as LivecareBluetoothSDK has it.
"""


def command(number: int, payload: bytes = b"", *, write: bool) -> bytes:
    """Return one command."""
    octets = bytes([write, number]) + payload
    return bytes([len(octets)]) + octets
