"""Driver for Abbott's FreeStyle Precision Neo and Optium Neo meters on a USB cable; it only reads.

Protocol: docs/protocols/freestyle.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers import freestyle_text
from gateway.drivers.api import HID, Manifest, Model, Numbered, Reach
from gateway.drivers.cable_driver import NumberedCableDriver
from gateway.drivers.glucose_meter.freestyle_neo import codec
from gateway.drivers.glucose_meter.freestyle_neo.session import NEO, converse, serial_number

_MANIFEST = Manifest(
    name="glucose_meter/freestyle_neo",
    title="Abbott FreeStyle Precision Neo, Optium Neo on USB",
    reach=Reach.HID,
    emits=frozenset({Kind.BLOOD_GLUCOSE, Kind.BLOOD_KETONE}),
    spec="Public descriptions glucometer-protocols, glucometerutils, tidepool-org/uploader",
    models=(
        Model("Abbott FreeStyle Precision Neo", "simulated, from public clients"),
        Model("Abbott FreeStyle Optium Neo", "simulated, from public clients"),
    ),
    usb=frozenset({NEO}),
    decodes={"freestyle-neo": HID},
)


def _message(data: bytes) -> object:
    return freestyle_text.message(data, codec.record)


DRIVER: Numbered = NumberedCableDriver(_MANIFEST, _message, converse, serial_number)
