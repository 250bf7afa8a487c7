"""Reading the memory of a Contour meter, with what its clock shows in the same conversation.

The meter gives its whole memory or nothing. It is left as it is, and so is its clock.
"""

from __future__ import annotations

from gateway.drivers.api import Session
from gateway.drivers.glucose_meter.contour_usb.codec import Header
from gateway.drivers.glucose_meter.contour_usb.line import Line
from gateway.drivers.glucose_meter.contour_usb.memory import Memory
from gateway.drivers.glucose_meter.contour_usb.readings import clock_of, readings
from gateway.errors import ProtocolError

METERS = frozenset(
    (0x1A79, product)
    for product in (0x6002, 0x6200, 0x6210, 0x6300, 0x7350, 0x7410, 0x7800, 0x7900, 0x7950)
)
"""The USB ids. 1a79:6001 is a cable for older meters, and no HID device."""

_NAME = "Contour"
_MODELS = {
    "6200": "Contour Next Link",
    "6210": "Contour Next Link 2.4",
    "6300": "Contour Next Link",
    "7350": "Contour Next",
    "7390": "Contour USB",
    "7410": "Contour Next USB",
    "7800": "Contour Next One, Plus One",
    "7900": "Contour Next",
    "7950": "Contour Plus Blue",
}
_LOOKS_AGAIN_S = 600.0  # some meters live on a coin cell, and none measures while it is plugged in


async def converse(session: Session) -> None:
    """Read the memory, and again when it says that it has more, until the link is gone."""
    line = await Line.open(session)
    safe: Header | None = None
    while True:
        header = await line.offer()
        if safe is None or header is None or header.record_count != safe.record_count:
            memory = await line.memory()
            await _record(session, memory)
            safe = memory.header
        await session.pause(_LOOKS_AGAIN_S)


async def serial_number(session: Session) -> str:
    """Ask for the serial number: it stands in the header."""
    line = await Line.open(session)
    return _serial(await line.offer() or await line.header())


async def _record(session: Session, memory: Memory) -> None:
    header = memory.header
    serial, product = _serial(header), header.product
    update = {
        "manufacturer": "Bayer" if product.startswith("Bayer") else "Ascensia",
        "model": _MODELS.get(product[-4:], product),
        "serial": serial,
        "software": header.versions,
    }
    await session.describe(session.device.model_copy(update=update))
    if clock_of(memory) is None:
        await session.remark("clock_lost: set the date and the time of the device")
    if memory.notes:
        await session.remark(f"notes_passed_over: {memory.notes}")
    made = list(readings(memory, session.device.id))
    if made:
        await session.record(*made)


def _serial(header: Header) -> str:
    if header.serial is None:
        raise ProtocolError(f"The device tells no serial number: is it a {_NAME}?")
    return header.serial
