"""Driver for TaiDoc and FORA monitors over Bluetooth, by the service of the maker's own.

Protocol: docs/protocols/taidoc.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import Driver, Fit, Frame, Manifest, Model, Reach, Session, Sighting
from gateway.drivers.bp_monitor.taidoc import codec
from gateway.drivers.bp_monitor.taidoc.memory import LAYOUT
from gateway.drivers.bp_monitor.taidoc_ble.session import PIPE, SERVICE, converse
from gateway.errors import DecodeError

_NAMES = ("FORA D40", "TAIDOC TD3261", "FORA P60", "TAIDOC TD3128")
"""By their names only: the service is an example of the chip's maker, and many things have it."""


class _TaiDoc:
    manifest = Manifest(
        name="bp_monitor/taidoc_ble",
        title="TaiDoc, FORA blood pressure monitor (Bluetooth)",
        reach=Reach.BLE,
        emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE, Kind.BLOOD_GLUCOSE}),
        spec="public clients; the maker has published nothing",
        models=(
            Model("FORA D40 (TD-3261), also its glucose", "simulated, from public clients"),
            Model("TaiDoc TD-3128", "simulated, from public clients"),
            Model("FORA P60", "from public clients"),
        ),
        services=frozenset({SERVICE}),
        settings=(LAYOUT,),
        decodes={"taidoc/ble": PIPE},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        name = (sighting.name or "").upper()
        is_one = sighting.reach is Reach.BLE and name.startswith(_NAMES)
        return Fit.MODEL if is_one else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel != PIPE:
            raise DecodeError("unknown_channel", frame.data)
        return codec.message(frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _TaiDoc()
