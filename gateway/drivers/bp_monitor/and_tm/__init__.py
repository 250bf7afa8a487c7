"""Driver for A&D's kiosk monitors TM-2655P and TM-2657P, and InBody's BPBIO320; listens only.

Protocol: docs/protocols/and-tm.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Line, Manifest, Model, Reach
from gateway.drivers.bp_monitor.and_tm import codec
from gateway.drivers.bp_monitor.and_tm.session import converse
from gateway.drivers.cable_driver import CableDriver

_MANIFEST = Manifest(
    name="bp_monitor/and_tm",
    title="A&D TM-265x kiosk blood pressure monitor",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE}),
    spec="A&D external input/output, as public captures and clients show it",
    models=(
        Model("A&D TM-2657P", "checked against a public capture"),
        Model("A&D TM-2655P", "checked against the field values of public captures"),
        Model("InBody BPBIO320", "checked against a public capture"),
    ),
    line=Line(baud=2400),
    decodes={
        "and-tm-2655p": SERIAL,
        "and-tm-2657p": SERIAL,
        "and-tm-2655/2657": SERIAL,
        "inbody-bpbio320": SERIAL,
    },
)

DRIVER: Driver = CableDriver(_MANIFEST, codec.message, converse)
