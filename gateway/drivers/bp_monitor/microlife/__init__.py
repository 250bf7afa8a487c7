"""Driver for Microlife cuffs, which have a service of their own.

Protocol: docs/protocols/microlife.md.
"""

from __future__ import annotations

import re

from gateway.domain.reading import Kind
from gateway.drivers.api import (
    Driver,
    Fit,
    Frame,
    Manifest,
    Model,
    Reach,
    Session,
    Sighting,
)
from gateway.drivers.bp_monitor.microlife import codec
from gateway.drivers.bp_monitor.microlife.line import COMMANDS, DATA, SERVICE
from gateway.drivers.bp_monitor.microlife.session import (
    CUFF_CHECK,
    OLDER_RECORD,
    RECORD,
    converse,
)
from gateway.drivers.device_clock import SET_CLOCK
from gateway.errors import DecodeError

_MODEL_NUMBER = re.compile(r"BP3[A-Z]{2}\d-\d")
"""As BP3GY1-2N and BP3KX1-1BCVS: no other maker's devices are called so."""
_NAMES = ("A6 BT", "A6 BASIS PLUS BT", "A7 TOUCH BT", "B3 BT", "B6 CONNECT")
_SHORT_NAMES = ("A6", "B6", "PROGRESS")
"""What the maker's kit goes by besides: too short to mean a cuff without its service."""


class _Microlife:
    manifest = Manifest(
        name="bp_monitor/microlife",
        title="Microlife blood pressure monitors",
        reach=Reach.BLE,
        emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE}),
        spec="the maker's kits for apps, as published with them, and public clients",
        models=(
            Model("BP3GY1-2N, B6 Connect", "simulated, from public clients"),
            Model("B3 BT, BP3K series", "simulated, from the maker's kit, and names seen"),
            Model("A6 BT, A6 BASIS PLUS BT, A7 Touch BT", "simulated, from the maker's kit"),
        ),
        services=frozenset({SERVICE}),
        settings=(SET_CLOCK, CUFF_CHECK),
        decodes={
            "MICROLIFE": DATA,
            "MICROLIFE-CMD": COMMANDS,
            "MICROLIFE-RECORD": RECORD,
            "MICROLIFE-OLDER-RECORD": OLDER_RECORD,
        },
    )

    def match(self, sighting: Sighting, /) -> Fit:
        """Go by the name: lamps, scales and much else have the service FFF0 too."""
        name = (sighting.name or "").upper()
        is_named = _MODEL_NUMBER.match(name) or name.startswith(_NAMES)
        is_one = is_named or (SERVICE in sighting.services and name.startswith(_SHORT_NAMES))
        return Fit.FAMILY if is_one and sighting.reach is Reach.BLE else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        reader = _READERS.get(frame.channel)
        if reader is None:
            raise DecodeError("unknown_channel", frame.data)
        return reader(frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


_READERS = {
    DATA: codec.frame,
    COMMANDS: codec.command,
    RECORD: codec.record,
    OLDER_RECORD: codec.older_record,
}

DRIVER: Driver = _Microlife()
