"""Driver for scales that follow the Bluetooth SIG Weight Scale and Body Composition Services.

Protocol: docs/protocols/bluetooth-sig-weight-and-composition.md.
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
    gatt,
    service_of,
)
from gateway.drivers.device_clock import SET_CLOCK
from gateway.drivers.scale.bluetooth_sig import codec, user_data
from gateway.drivers.scale.bluetooth_sig.consent import COMMIT_PROFILE, CONSENTS, REGISTER
from gateway.drivers.scale.bluetooth_sig.session import AND_WEIGHT, converse
from gateway.errors import DecodeError

WEIGHT_SCALE = "181d"
BODY_COMPOSITION = "181b"
USER_DATA = "181c"

_STANDARD: Mapping[Channel, Callable[[bytes], object]] = {
    gatt(WEIGHT_SCALE, "2a9d"): codec.weight,
    gatt(WEIGHT_SCALE, "2a9e"): codec.weight_feature,
    gatt(BODY_COMPOSITION, "2a9c"): codec.body_composition,
    gatt(BODY_COMPOSITION, "2a9b"): codec.composition_feature,
    gatt(USER_DATA, "2a85"): user_data.date_of_birth,
    gatt(USER_DATA, "2a8e"): user_data.height,
    gatt(USER_DATA, "2a99"): user_data.change_increment,
    gatt(USER_DATA, "2a9a"): user_data.user_index,
    gatt(USER_DATA, "2a9f"): user_data.control_point,
}
_DECODERS: Mapping[Channel, Callable[[bytes], object]] = {**_STANDARD, AND_WEIGHT: codec.and_weight}


class _BluetoothSigScale:
    manifest = Manifest(
        name="scale/bluetooth_sig",
        title="Scale, also for body composition (Bluetooth SIG)",
        reach=Reach.BLE,
        emits=frozenset({Kind.WEIGHT, Kind.HEIGHT, Kind.BODY_COMPOSITION}),
        spec="Bluetooth Weight Scale Service 1.0.1, Body Composition Service 1.0",
        models=(
            Model("any with the Weight Scale or Body Composition Service", "simulated"),
            Model(
                "A&D UC-352BLE",
                "simulated, checked against public captures; those from before the Weight Scale"
                " Service simulated, from the maker's sample program",
            ),
            Model("Beurer BF788", "checked against public captures"),
            Model(
                "Beurer BF105, BF500, BF600, BF720, BF850, BF950, Silvercrest SBF77",
                "simulated, and what public clients tell of their consent codes",
            ),
            Model("Detecto 6880, 7550", "from the maker's manual"),
        ),
        services=frozenset({WEIGHT_SCALE, BODY_COMPOSITION, service_of(AND_WEIGHT)}),
        settings=(CONSENTS, REGISTER, COMMIT_PROFILE, SET_CLOCK),
        decodes={
            **{channel.split("/")[1].upper(): channel for channel in _STANDARD},
            "AND-WEIGHT": AND_WEIGHT,
        },
    )

    def match(self, sighting: Sighting, /) -> Fit:
        if sighting.reach is Reach.BLE and self.manifest.services & sighting.services:
            return Fit.PROFILE
        return Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel not in _DECODERS:
            raise DecodeError("unknown_channel", frame.data)
        return _DECODERS[frame.channel](frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _BluetoothSigScale()
