"""Driver for CGM sensors that follow the Bluetooth SIG Continuous Glucose Monitoring Service.

Protocol: docs/protocols/bluetooth-sig-cgm.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from gateway.drivers.cgm.bluetooth_sig import codec, control_point
from gateway.drivers.cgm.bluetooth_sig.sensor import (
    CONTROL_POINT,
    FEATURE,
    MEASUREMENT,
    RECORD_ACCESS,
    RUN_TIME,
    START,
    STATUS,
    WARM_UP_MIN,
)
from gateway.drivers.cgm.bluetooth_sig.session import converse
from gateway.errors import DecodeError
from gateway.wire import racp

SERVICE = "181f"

_DECODERS: Mapping[Channel, Callable[[bytes, bool | None], object]] = {
    MEASUREMENT: codec.decode_measurement,
    STATUS: codec.decode_status,
    START: codec.decode_session_start,
    RUN_TIME: codec.decode_run_time,
    CONTROL_POINT: control_point.decode,
}


class _BluetoothSigCgm:
    manifest = Manifest(
        name="cgm/bluetooth_sig",
        title="Continuous glucose monitor (Bluetooth SIG)",
        reach=Reach.BLE,
        emits=frozenset({Kind.INTERSTITIAL_GLUCOSE}),
        spec="Bluetooth Continuous Glucose Monitoring Service 1.0.2",
        models=(
            Model("any with the CGM Service", "simulated"),
            Model("Accu-Chek SmartGuide", "checked against public captures"),
        ),
        services=frozenset({SERVICE}),
        settings=(WARM_UP_MIN,),
        decodes={
            **{channel.split("/")[1].upper(): channel for channel in (*_DECODERS, FEATURE)},
            "2A52-CGM": RECORD_ACCESS,
        },
    )

    def match(self, sighting: Sighting, /) -> Fit:
        is_one = sighting.reach is Reach.BLE and SERVICE in sighting.services
        return Fit.PROFILE if is_one else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel == FEATURE:
            return codec.decode_feature(frame.data)
        if frame.channel == RECORD_ACCESS:
            return racp.decode(frame.data, {**frame.hints, "service": "CGMS"})
        if frame.channel not in _DECODERS:
            raise DecodeError("unknown_channel", frame.data)
        e2e_crc = frame.hints.get("e2e_crc")
        return _DECODERS[frame.channel](frame.data, e2e_crc if isinstance(e2e_crc, bool) else None)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _BluetoothSigCgm()
