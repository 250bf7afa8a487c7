"""Driver for the serial edition of Beurer's BM55, BM58 and BM65 (USB with a PL2303 chip).

Protocol: docs/protocols/beurer-serial.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Line, Manifest, Model, Reach
from gateway.drivers.bp_monitor.beurer_serial import codec
from gateway.drivers.bp_monitor.beurer_serial.session import converse
from gateway.drivers.cable_driver import CableDriver

_MANIFEST = Manifest(
    name="bp_monitor/beurer_serial",
    title="Beurer BM55, BM58, BM65 (serial edition)",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE}),
    spec="Public clients BM65DataDownloader, gobm65, bm58",
    models=(Model("Beurer BM65, BM58, BM55 with a PL2303 chip", "four public clients agree"),),
    line=Line(baud=4800),
    decodes={"beurer-bm65": SERIAL, "beurer-bm58": SERIAL, "beurer-bm55": SERIAL},
)

DRIVER: Driver = CableDriver(_MANIFEST, codec.message, converse)
