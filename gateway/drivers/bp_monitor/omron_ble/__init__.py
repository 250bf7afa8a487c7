"""Driver for Omron cuffs whose memory is read over Bluetooth by the maker's own protocol.

Protocol: docs/protocols/omron-ble.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import (
    Channel,
    Driver,
    Fit,
    Frame,
    Manifest,
    Model,
    Reach,
    Session,
    Sighting,
)
from gateway.drivers.bp_monitor.omron_ble import codec
from gateway.drivers.bp_monitor.omron_ble.session import KEY, MODEL, NEW, OLD, PROGRAM_KEY, converse
from gateway.errors import DecodeError

_SCALES = ("blesmart_0001", "hbf-", "krd-", "bcm-", "viva")
"""How Omron's scales call themselves, most of which have the cuffs' service: in an advertisement by
group and model (a cuff's group is 0000), to who is bonded by the model. Spec: openScale,
OmronWlcHandler; StanfordSpezi/SpeziDevices."""

_FRAME, _LITTLE, _BIG = Channel("omron/frame"), Channel("omron/14le"), Channel("omron/14be")


class _OmronBle:
    manifest = Manifest(
        name="bp_monitor/omron_ble",
        title="Omron blood pressure monitors with the maker's own service",
        reach=Reach.BLE,
        emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE}),
        spec="public clients omblepy and hass-omron; the maker has published nothing",
        models=(
            Model("HEM-7142T2", "simulated, records checked against public captures"),
            Model("HEM-716BT2", "records checked against public captures"),
            Model("HEM-7600T, HEM-7322T", "simulated, records checked against a public capture"),
            Model("HEM-7361T", "simulated, from a public client"),
        ),
        services=frozenset({OLD, NEW}),
        bonds_first=frozenset({NEW}),
        settings=(MODEL, KEY, PROGRAM_KEY),
        decodes={"OMRON-FRAME": _FRAME, "OMRON-14LE": _LITTLE, "OMRON-14BE": _BIG},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        """Go by the service: one commercial name stands for cuffs of different protocols.

        A scale with that service is none: its memory, read as a cuff's, could pass for pressures.
        """
        is_one = sighting.reach is Reach.BLE and self.manifest.services & sighting.services
        is_scale = (sighting.name or "").lower().startswith(_SCALES)
        return Fit.FAMILY if is_one and not is_scale else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel == _FRAME:
            return codec.frame(frame.data)
        if frame.channel in (_LITTLE, _BIG):
            order = codec.Order.LITTLE if frame.channel == _LITTLE else codec.Order.BIG
            return codec.record(frame.data, order)
        raise DecodeError("unknown_channel", frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _OmronBle()
