"""Driver for TaiDoc and FORA glucose meters over Bluetooth, by the service of the maker's own.

They are asked as the maker's blood pressure monitors are: docs/protocols/taidoc.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import Driver, Fit, Frame, Manifest, Model, Reach, Session, Sighting
from gateway.drivers.bp_monitor.taidoc import codec
from gateway.drivers.bp_monitor.taidoc.codec import Layout
from gateway.drivers.bp_monitor.taidoc_ble.session import PIPE, SERVICE, talk
from gateway.errors import DecodeError

_NAMES = ("FORA GD40", "TAIDOC TD4272", "TAIDOC TD4257", "FORA MD6", "TAIDOC TD4172")


class _TaiDocMeter:
    manifest = Manifest(
        name="glucose_meter/taidoc_ble",
        title="TaiDoc, FORA glucose meter (Bluetooth, the maker's own service)",
        reach=Reach.BLE,
        emits=frozenset({Kind.BLOOD_GLUCOSE}),
        spec="public clients; the maker has published nothing",
        models=(
            Model("FORA GD40 (TD-4272)", "simulated, from public clients"),
            Model("TaiDoc TD-4257", "from public clients"),
            Model("FORA MD6 (TD-4172), its glucose only", "from public clients"),
        ),
        services=frozenset({SERVICE}),
        decodes={"taidoc/meter": PIPE},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        name = (sighting.name or "").upper()
        is_one = sighting.reach is Reach.BLE and name.startswith(_NAMES)
        return Fit.MODEL if is_one else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel != PIPE:
            raise DecodeError("unknown_channel", frame.data)
        return codec.message(frame.data, Layout.METER)

    async def converse(self, session: Session, /) -> None:
        await talk(session, Layout.METER)


DRIVER: Driver = _TaiDocMeter()
