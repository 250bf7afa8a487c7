"""Driver for Contour meters with a USB plug or socket, Bayer's and Ascensia's; it only reads.

Protocol: docs/protocols/contour.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import HID, Manifest, Model, Numbered, Reach
from gateway.drivers.cable_driver import NumberedCableDriver
from gateway.drivers.glucose_meter.contour_usb import codec
from gateway.drivers.glucose_meter.contour_usb.session import METERS, converse, serial_number

_MANIFEST = Manifest(
    name="glucose_meter/contour_usb",
    title="Bayer, Ascensia Contour on USB",
    reach=Reach.HID,
    emits=frozenset({Kind.BLOOD_GLUCOSE}),
    spec="ASTM E1381-95 and E1394-91 as public clients and captures have them",
    models=(
        Model("Bayer Contour USB", "simulated, checked against public captures"),
        Model("Bayer Contour Next USB", "simulated, checked against public captures"),
        Model("Ascensia Contour Next One", "simulated, checked against parts of public captures"),
        Model(
            "Ascensia Contour Next, with a USB socket", "simulated, checked against public captures"
        ),
        Model("Bayer Contour Next Link, Next Link 2.4", "from public clients"),
        Model("Ascensia Contour Plus One, Plus Blue", "from public clients"),
    ),
    usb=METERS,
    decodes={"contour-usb": HID},
)

DRIVER: Numbered = NumberedCableDriver(_MANIFEST, codec.message, converse, serial_number)
