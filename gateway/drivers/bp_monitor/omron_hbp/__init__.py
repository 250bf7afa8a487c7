"""Driver for Omron's arm-in kiosk monitors of the HBP family, over USB or RS-232.

Protocol: docs/protocols/omron-hbp.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Line, Manifest, Model, Reach, Setting
from gateway.drivers.bp_monitor.omron_hbp import codec
from gateway.drivers.bp_monitor.omron_hbp.session import EXPERIMENTAL, converse
from gateway.drivers.cable_driver import CableDriver

_MANIFEST = Manifest(
    name="bp_monitor/omron_hbp",
    title="Omron HBP-9030 kiosk blood pressure monitor",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE}),
    spec="Omron HBP-9030 manual 2873643-0F, page 20: USB output format 5",
    models=(
        Model("Omron HBP-9030 (function item 32 set to 5)", "from the maker's manual"),
        Model("Omron HBP-9020, HBP-9021", "experimental: from one public client"),
    ),
    line=Line(baud=9600),
    settings=(
        Setting(
            EXPERIMENTAL,
            "Also read the HBP-9020's formats, known from one public client only; on RS-232"
            " it is often set to 2400 baud and even parity.",
            default=False,
        ),
    ),
    decodes={"omron-hbp-9030": SERIAL, "omron-hbp-9020": SERIAL},
)

DRIVER: Driver = CableDriver(_MANIFEST, codec.message, converse)
