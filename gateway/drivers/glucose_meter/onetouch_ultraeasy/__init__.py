"""Driver for the LifeScan OneTouch UltraEasy and UltraMini glucose meters on its cable.

Protocol: docs/protocols/onetouch.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Line, Manifest, Model, Reach
from gateway.drivers.cable_driver import CableDriver
from gateway.drivers.glucose_meter.onetouch_ultraeasy import codec
from gateway.drivers.glucose_meter.onetouch_ultraeasy.session import converse

_MANIFEST = Manifest(
    name="glucose_meter/onetouch_ultraeasy",
    title="LifeScan OneTouch UltraEasy, UltraMini (cable)",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.BLOOD_GLUCOSE}),
    spec="LifeScan's specification as glucometerutils follows it",
    models=(Model("LifeScan OneTouch UltraEasy, UltraMini", "from one public implementation"),),
    line=Line(baud=9600),
    decodes={"onetouch-ultraeasy": SERIAL},
)

DRIVER: Driver = CableDriver(_MANIFEST, codec.answer, converse)
