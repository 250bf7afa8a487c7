"""Driver for Xiaomi's Mi scales, which say all they have in their advertisements.

Protocol: docs/protocols/xiaomi.md.
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
from gateway.drivers.scale.xiaomi import codec
from gateway.drivers.scale.xiaomi.session import V1, V2, converse
from gateway.errors import DecodeError

_DECODERS: Mapping[Channel, Callable[[bytes], object]] = {
    V1: codec.weight,
    V2: codec.composition,
}
_NAMES = ("MI_SCALE", "MI SCALE", "MIBCS", "MIBFS")
_OCTETS = {"181d": 10, "181b": 13}
"""How long the service data is: scales of other makers advertise these services too."""


class _XiaomiScale:
    manifest = Manifest(
        name="scale/xiaomi",
        title="Mi scale (Xiaomi), by its advertisements",
        reach=Reach.ADVERTISEMENT,
        emits=frozenset({Kind.WEIGHT, Kind.BODY_COMPOSITION}),
        spec="captures and tests of public decoders; the maker has published nothing",
        models=(
            Model("Mi Smart Scale (version 1)", "simulated, checked against public captures"),
            Model("Mi Body Composition Scale 1, 2", "simulated, checked against public captures"),
        ),
        decodes={"MI-V1": V1, "MI-V2": V2},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        data = sighting.service_data
        if not any(len(data.get(uuid, b"")) == octets for uuid, octets in _OCTETS.items()):
            return Fit.NONE
        named = (sighting.name or "").upper().startswith(_NAMES)
        return Fit.MODEL if named else Fit.FAMILY

    def decode(self, frame: Frame, /) -> object:
        if frame.channel not in _DECODERS:
            raise DecodeError("unknown_channel", frame.data)
        return _DECODERS[frame.channel](frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _XiaomiScale()
