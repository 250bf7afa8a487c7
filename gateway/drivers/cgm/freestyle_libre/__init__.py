"""Driver for the reader of Abbott's FreeStyle Libre on its USB cable; it only ever reads.

Protocol: docs/protocols/freestyle.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers import freestyle_text
from gateway.drivers.api import HID, Manifest, Model, Numbered, Reach
from gateway.drivers.cable_driver import NumberedCableDriver
from gateway.drivers.cgm.freestyle_libre import codec
from gateway.drivers.cgm.freestyle_libre.session import LIBRE, LIBRE_2, converse, serial_number

_MANIFEST = Manifest(
    name="cgm/freestyle_libre",
    title="Abbott FreeStyle Libre reader on USB",
    reach=Reach.HID,
    emits=frozenset({Kind.INTERSTITIAL_GLUCOSE, Kind.BLOOD_GLUCOSE, Kind.BLOOD_KETONE}),
    spec="Public descriptions glucometer-protocols, glucometerutils, tidepool-org/uploader",
    models=(Model("Abbott FreeStyle Libre reader (the first)", "simulated, from public clients"),),
    usb=frozenset({LIBRE, LIBRE_2}),
    decodes={"freestyle-libre-reader(HID)": HID, "freestyle-libre": HID},
)


def _message(data: bytes) -> object:
    return freestyle_text.message(data, codec.record)


DRIVER: Numbered = NumberedCableDriver(_MANIFEST, _message, converse, serial_number)
