"""What no driver may write to a device over Bluetooth or HID, whoever wrote the driver.

    181F  2AAA, 2AAC    start, stop and calibrate a sensor session, set its alerts: therapy
    any   2A52          op 02, delete stored records
    181C  2A9F          op 03 and 05, delete a user of a scale
    181E  2AA4          delete bonds
    A&D custom          unpair, erase the memory
    FFE0  FFE1          E7 or F7 with 32, 43 or 49: delete a user of a Sanitas scale, what it saved
    FFF0  FFF2          4D FF with 03, 06, 08 or 0A: erase a Microlife cuff's memory, its users
    AF9DF7A1  ..A2      1A, 0A 01 and 11 to a OneTouch: erase its memory, move its limits, unlock it
    FFE0  FFE3, FFE4    22, and A0 for another than the guest FE: empty a QN scale's memory, write
    FFF0  FFF2          over a user of it
    1523  1524          51 52 to a TaiDoc or FORA device: erase its memory
    HID                 21 or 60 with a text that begins with $ and is no question: set or erase
                        something in a FreeStyle device
    HID                 ABC or 00 00 00 and a length, with more than EOT, ACK or NAK: a command to a
                        Contour meter, or to the pump behind it

A link refuses them before a byte is sent. Codecs may know these bytes, so that `decode` can read
them; a person who wants one of them done uses the device's own buttons or its maker's app.

Source: CGM Service 1.0.2, 3.7; Glucose Service 1.0.1, 3.4; User Data Service 1.1; Bond Management
Service 1.0; `drivers.and_medical`; oliexdev/openScale for FFE1; Microlife's kit for apps for FFF2;
`drivers.glucose_meter.onetouch_ble`; `drivers.bp_monitor.taidoc`; `drivers.freestyle_text` and
`drivers.glucose_meter.contour_usb` for HID; docs/protocols/qn.md.
"""

from __future__ import annotations

from gateway.drivers import and_medical
from gateway.drivers.api import HID, Channel, gatt
from gateway.drivers.freestyle_text import TEXT, TEXT_OF_LIBRE, is_question

_ALWAYS = {
    gatt("181f", "2aaa"): "starting a sensor session",
    gatt("181f", "2aac"): "starting, stopping or calibrating a sensor session",
    gatt("181e", "2aa4"): "deleting bonds",
}
_BY_OP = {
    gatt("181c", "2a9f"): {0x03: "deleting a user's data", 0x05: "deleting a user"},
}
_DELETE_RECORDS = 0x02
_AND_COMMANDS = {b"\x01\x10": "unpairing the device", b"\x01\x12": "erasing its memory"}

_SANITAS = gatt("ffe0", "ffe1")
_SANITAS_COMMANDS = {
    b"\x32": "deleting a user",
    b"\x43": "deleting saved weighings",
    b"\x49": "deleting saved weighings",
}

_MICROLIFE = gatt("fff0", "fff2")
_MICROLIFE_HOST = b"\x4d\xff"
_MICROLIFE_COMMANDS = {
    b"\x03": "erasing a cuff's memory",
    b"\x06": "writing over a user",
    b"\x08": "erasing the last measurement",
    b"\x0a": "erasing what a cuff is known by",
}

_QN = (gatt("ffe0", "ffe3"), gatt("ffe0", "ffe4"), _MICROLIFE)
_QN_COMMANDS = (b"\x22", b"\xa0")
_QN_GUEST = (b"\xa0", b"\xfe")

_ONETOUCH = gatt("af9df7a1-e595-11e3-96b4-0002a5d5c51b", "af9df7a2-e595-11e3-96b4-0002a5d5c51b")
_ONETOUCH_OPERATION_AT = 5  # after the piece's header, the packet's and the prefix
_ONETOUCH_OPERATIONS = {
    b"\x1a": "erasing the memory",
    b"\x0a\x01": "changing what the meter calls low and high",
    b"\x11": "answering the meter's challenge with its maker's key",
}
_TAIDOC = gatt("00001523-1212-efde-1523-785feabcd123", "00001524-1212-efde-1523-785feabcd123")
_CONTOUR = (b"ABC", b"\0\0\0")
_CONTOUR_DATA_AT = 4
_CONTOUR_SAYS = (b"", b"\x04", b"\x06", b"\x15")
_FREESTYLE = (bytes((TEXT,)), bytes((TEXT_OF_LIBRE,)))


def refuse_forbidden(channel: Channel, data: bytes) -> None:
    """Raise ValueError, as for any mistake in a driver, if this must never be written."""
    what = _forbidden(channel, data)
    if what is not None:
        raise ValueError(f"no driver may write this: {what}")


def _forbidden(channel: Channel, data: bytes) -> str | None:
    if channel in _ALWAYS:
        return _ALWAYS[channel]
    if channel.endswith("/2a52") and data[:1] == bytes((_DELETE_RECORDS,)):
        return "deleting stored records"
    if channel == and_medical.CUSTOM:
        return _AND_COMMANDS.get(data[1:3])
    if channel == _SANITAS and data[:1] in (b"\xe7", b"\xf7"):
        return _SANITAS_COMMANDS.get(data[1:2])
    if channel == _MICROLIFE and data[:2] == _MICROLIFE_HOST:
        return _MICROLIFE_COMMANDS.get(data[4:5])
    if channel in _QN and data[:1] in _QN_COMMANDS:
        return _qn(data)
    if channel == _ONETOUCH:
        return _onetouch(data[_ONETOUCH_OPERATION_AT:])
    if channel == _TAIDOC and data[:2] == b"\x51\x52":
        return "erasing the memory"
    if channel == HID:
        return _hid(data)
    return _BY_OP.get(channel, {}).get(data[0]) if data else None


def _onetouch(asked: bytes) -> str | None:
    kinds = (what for it, what in _ONETOUCH_OPERATIONS.items() if asked.startswith(it))
    return next(kinds, None)


def _qn(data: bytes) -> str | None:
    guest = (data[:1], data[3:4]) == _QN_GUEST
    return None if guest else "emptying a QN scale's memory, or writing over a user of it"


def _hid(data: bytes) -> str | None:
    if data[:1] in _FREESTYLE and data[2:3] == b"$":
        asks = is_question(data[2 : 2 + data[1]])
        return None if asks else "setting or erasing something in a FreeStyle device"
    if data[:3] in _CONTOUR:
        said = data[_CONTOUR_DATA_AT : _CONTOUR_DATA_AT + sum(data[3:_CONTOUR_DATA_AT])]
        return None if said in _CONTOUR_SAYS else "giving a command to a Contour meter"
    return None
