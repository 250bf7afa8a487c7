"""Driver for TaiDoc and FORA blood pressure monitors on their CP2102 cable.

Protocol: docs/protocols/taidoc.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Line, Manifest, Model, Reach
from gateway.drivers.bp_monitor.taidoc import codec
from gateway.drivers.bp_monitor.taidoc.memory import LAYOUT
from gateway.drivers.bp_monitor.taidoc.session import converse
from gateway.drivers.cable_driver import CableDriver

_MANIFEST = Manifest(
    name="bp_monitor/taidoc",
    title="TaiDoc, FORA blood pressure monitor (cable)",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE, Kind.BLOOD_GLUCOSE}),
    spec="glucometer-protocols td42xx (framing); public clients (values)",
    models=(
        Model("TaiDoc TD-3128", "two public implementations"),
        Model("FORA P30 (TD-3129), D40 (TD-3261)", "public implementations"),
        Model("FORA P20 (setting `layout`)", "one public implementation"),
    ),
    line=Line(baud=19200),
    settings=(LAYOUT,),
    decodes={"taidoc/fora": SERIAL},
)

DRIVER: Driver = CableDriver(_MANIFEST, codec.message, converse)
