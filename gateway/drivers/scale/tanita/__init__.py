"""Driver for Tanita's body composition monitors and clinical scales with a serial or USB port.

Protocol: docs/protocols/tanita.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Line, Manifest, Model, Reach
from gateway.drivers.cable_driver import CableDriver
from gateway.drivers.scale.tanita import codec
from gateway.drivers.scale.tanita.session import converse

_MANUAL = "from the maker's manual"
_CAPTURE = "checked against public captures"

_MANIFEST = Manifest(
    name="scale/tanita",
    title="Tanita scale (serial output)",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.WEIGHT, Kind.BODY_COMPOSITION}),
    spec="Tanita manuals SC-240 p. 24, SC-330 p. 24, PW-650MA p. 25, BD-815U p. 12",
    models=(
        Model("Tanita SC-330, BC-601, MC-780", _CAPTURE),
        Model("Tanita SC-240, BC-420MA, PW-650MA, WB-3000, BD-815U, MC-980MA", _MANUAL),
    ),
    line=Line(baud=9600),
    decodes={"tanita": SERIAL, "tanita-bd-815u": SERIAL},
)

DRIVER: Driver = CableDriver(_MANIFEST, codec.weighing, converse)
