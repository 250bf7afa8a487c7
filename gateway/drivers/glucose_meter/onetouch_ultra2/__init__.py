"""Driver for the LifeScan OneTouch Ultra2 glucose meter on its cable.

Protocol: docs/protocols/onetouch.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Line, Manifest, Model, Reach
from gateway.drivers.cable_driver import CableDriver
from gateway.drivers.glucose_meter.onetouch_ultra2 import codec
from gateway.drivers.glucose_meter.onetouch_ultra2.session import converse

_MANIFEST = Manifest(
    name="glucose_meter/onetouch_ultra2",
    title="LifeScan OneTouch Ultra2 (cable)",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.BLOOD_GLUCOSE}),
    spec="LifeScan's specification as glucometerutils follows it",
    models=(Model("LifeScan OneTouch Ultra2", "a public implementation and its tests"),),
    line=Line(baud=9600),
    decodes={"onetouch-ultra2": SERIAL},
)

DRIVER: Driver = CableDriver(_MANIFEST, codec.message, converse)
