"""Driver for Health o meter (Pelstar) scales and Rice Lake health scales.

Protocol: docs/protocols/health-o-meter-and-rice-lake.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Line, Manifest, Model, Reach, Setting
from gateway.drivers.cable_driver import CableDriver
from gateway.drivers.scale.health_o_meter import codec
from gateway.drivers.scale.health_o_meter.session import PROTOCOL, converse

_MANUAL = "from the maker's manual"

_MANIFEST = Manifest(
    name="scale/health_o_meter",
    title="Health o meter scale (Pelstar), Rice Lake health scale",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.WEIGHT}),
    spec="Pelstar Communication Protocols REV20230711; Rice Lake manuals",
    models=(
        Model("Health o meter with USB, RS-232 or Bluetooth dongle", _MANUAL),
        Model("Health o meter 522, 524, 553, 2595KL (protocol baby, 2400 baud)", _MANUAL),
        Model("Rice Lake 140-10-7, 150-10-7, 160-10-7, RL-350 (protocol rice_lake)", _MANUAL),
    ),
    line=Line(baud=9600),
    settings=(
        Setting(
            PROTOCOL,
            "`stream`: the scale sends by itself. `rice_lake`: it is asked every second."
            " `baby`: the packets of the 522, 524, 553 and 2595KL.",
            default="stream",
        ),
    ),
    decodes={
        "healthometer": SERIAL,
        "healthometer-522/524/553": SERIAL,
        "healthometer-2595KL": SERIAL,
        "ricelake": SERIAL,
    },
)

DRIVER: Driver = CableDriver(_MANIFEST, codec.message, converse)
