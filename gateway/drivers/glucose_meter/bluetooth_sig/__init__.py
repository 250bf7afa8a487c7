"""Driver for blood glucose meters that follow the Bluetooth SIG Glucose Service.

Protocol: docs/protocols/bluetooth-sig-glucose.md.
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
    service_of,
)
from gateway.drivers.device_clock import SET_CLOCK
from gateway.drivers.glucose_meter.bluetooth_sig import caresens, codec, contour
from gateway.drivers.glucose_meter.bluetooth_sig.session import (
    CONTEXT,
    FEATURE,
    KETONE_STRIPS,
    MEASUREMENT,
    RECORD_ACCESS,
    converse,
)
from gateway.errors import DecodeError
from gateway.wire import racp

SERVICE = "1808"

_DECODERS: Mapping[Channel, Callable[[bytes], object]] = {
    MEASUREMENT: codec.decode_measurement,
    CONTEXT: codec.decode_context,
    FEATURE: codec.decode_feature,
    contour.CLOCK: contour.decode_clock,
    caresens.CLOCK: caresens.decode_clock,
    caresens.OLD_CLOCK: caresens.decode_clock,
}
_STANDARD = (MEASUREMENT, CONTEXT, FEATURE, RECORD_ACCESS)


class _BluetoothSigGlucoseMeter:
    manifest = Manifest(
        name="glucose_meter/bluetooth_sig",
        title="Blood glucose meter (Bluetooth SIG)",
        reach=Reach.BLE,
        emits=frozenset({Kind.BLOOD_GLUCOSE, Kind.BLOOD_KETONE, Kind.INTERSTITIAL_GLUCOSE}),
        spec="Bluetooth Glucose Service 1.0.1",
        models=(
            Model("any with the Glucose Service", "simulated"),
            Model("Accu-Chek Guide, Guide Me, Instant", "checked against public captures"),
            Model("Contour Next One, Plus", "simulated, from a public client; its clock too"),
            Model(
                "CareSens",
                "simulated, from the maker's sample programs and public clients; the mark of ketone"
                " checked against a public capture",
            ),
            Model("Trividia, Nipro TRUE METRIX AIR", "records checked against a public capture"),
            Model("Beurer GL50evo", "from the maker's data form"),
            Model("FORA", "checked against public captures of their ketone records"),
        ),
        services=frozenset({SERVICE}),
        bonds_first=frozenset({service_of(contour.CLOCK)}),
        settings=(SET_CLOCK, KETONE_STRIPS),
        decodes={
            **{channel.split("/")[1].upper(): channel for channel in _STANDARD},
            "CONTOUR-CLOCK": contour.CLOCK,
            "CARESENS-CLOCK": caresens.CLOCK,
            "CARESENS-OLD-CLOCK": caresens.OLD_CLOCK,
        },
    )

    def match(self, sighting: Sighting, /) -> Fit:
        is_one = sighting.reach is Reach.BLE and SERVICE in sighting.services
        return Fit.PROFILE if is_one else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel == RECORD_ACCESS:
            return racp.decode(frame.data, frame.hints)
        if frame.channel not in _DECODERS:
            raise DecodeError("unknown_channel", frame.data)
        return _DECODERS[frame.channel](frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _BluetoothSigGlucoseMeter()
