"""Driver for blood pressure monitors that follow the Bluetooth SIG Blood Pressure Service.

Protocol: docs/protocols/bluetooth-sig-blood-pressure.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.domain.reading import Kind
from gateway.drivers import and_medical
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
    gatt,
)
from gateway.drivers.bp_monitor.bluetooth_sig import codec, omron
from gateway.drivers.bp_monitor.bluetooth_sig.cuff import is_beurer
from gateway.drivers.bp_monitor.bluetooth_sig.memory import RECORD, RECORD_ACCESS
from gateway.drivers.bp_monitor.bluetooth_sig.session import converse
from gateway.drivers.device_clock import SET_CLOCK
from gateway.errors import DecodeError
from gateway.wire import racp

SERVICE = "1810"
_OMRON_ADVERTISEMENT = Channel(f"advertisement/{omron.COMPANY:04x}")

_STANDARD: Mapping[Channel, Callable[[bytes], object]] = {
    gatt(SERVICE, "2a35"): codec.measurement,
    gatt(SERVICE, "2a36"): codec.intermediate,
    gatt(SERVICE, "2a49"): codec.feature,
    gatt(SERVICE, "2b34"): codec.enhanced_measurement,
    gatt(SERVICE, "2b35"): codec.enhanced_intermediate,
}
_DECODERS: Mapping[Channel, Callable[[bytes], object]] = {
    **_STANDARD,
    and_medical.CUSTOM: and_medical.decode_command,
    _OMRON_ADVERTISEMENT: omron.advertisement,
}
_BEURER = "BEURER-BM85"


class _BluetoothSigBloodPressure:
    manifest = Manifest(
        name="bp_monitor/bluetooth_sig",
        title="Blood pressure monitor (Bluetooth SIG)",
        reach=Reach.BLE,
        emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE}),
        spec="Bluetooth Blood Pressure Service 1.1.1",
        models=(
            Model("any with the Blood Pressure Service", "simulated"),
            Model(
                "Beurer BM48, BM59, BM85, ELITE 900",
                "simulated, checked against public captures of a BM85",
            ),
            Model("boso medicus, QardioArm", "checked against public captures"),
            Model("Silvercrest SBM69", "from public clients"),
            Model("A&D UA-651BLE", "simulated, from a public client; its clock and farewell too"),
            Model(
                "Omron with the standard service (BP5250, HEM-7361T, ...)",
                "simulated, from public clients; its option service and its advertisements too",
            ),
        ),
        services=frozenset({SERVICE}),
        settings=(SET_CLOCK,),
        decodes={
            **{channel.split("/")[1].upper(): channel for channel in (*_STANDARD, RECORD)},
            _BEURER: gatt(SERVICE, "2a35"),
            "2A52-CUFF": RECORD_ACCESS,
            "AND-CMD": and_medical.CUSTOM,
            "OMRON-ADV": _OMRON_ADVERTISEMENT,
        },
    )

    def match(self, sighting: Sighting, /) -> Fit:
        if sighting.reach is not Reach.BLE:
            return Fit.NONE
        if is_beurer(sighting.name):
            return Fit.MODEL
        return Fit.PROFILE if SERVICE in sighting.services else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel == RECORD:
            e2e_crc = frame.hints.get("e2e_crc") is True
            return codec.record_segment(frame.data, e2e_crc=e2e_crc)
        if frame.channel == RECORD_ACCESS:
            return racp.decode(frame.data, frame.hints)
        if frame.hints.get("name") == _BEURER.lower():
            return codec.beurer_measurement(frame.data)
        if frame.channel not in _DECODERS:
            raise DecodeError("unknown_channel", frame.data)
        return _DECODERS[frame.channel](frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _BluetoothSigBloodPressure()
