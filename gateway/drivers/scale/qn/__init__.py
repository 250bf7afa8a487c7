"""Driver for QN scales, which Renpho, Arboleaf and others sell.

Protocol: docs/protocols/qn.md.
"""

from __future__ import annotations

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
from gateway.drivers.scale.qn import codec
from gateway.drivers.scale.qn.session import TOLD, TOLD_SHORT, converse
from gateway.errors import DecodeError

_NAMES = ("QN-SCALE", "RENPHO-SCALE")
_DATA, _SHORT = TOLD["ffe1"], TOLD_SHORT["fff1"]
"""Of each service one channel, for all have one format."""


class _QnScale:
    manifest = Manifest(
        name="scale/qn",
        title="QN scale (Renpho, Arboleaf)",
        reach=Reach.BLE,
        emits=frozenset({Kind.WEIGHT, Kind.BODY_COMPOSITION}),
        spec="captures of the maker's app, public clients; the maker has published nothing",
        models=(
            Model(
                "Renpho ES-CS20M, ES-26M, Arboleaf CS20M",
                "simulated, checked against public captures",
            ),
            Model("Renpho ES-30M, R-MSB01, without its resistances", "simulated"),
        ),
        services=frozenset({"ffe0", "fff0"}),
        decodes={"QN": _DATA, "QN-EXTENDED": _DATA, "QN-FFF0": _SHORT},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        if sighting.reach is not Reach.BLE:
            return Fit.NONE
        name = (sighting.name or "").upper()  # the services are those of a thousand gadgets
        return Fit.MODEL if name.startswith(_NAMES) else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel not in (_DATA, _SHORT):
            raise DecodeError("unknown_channel", frame.data)
        return codec.message(frame.data, extended=frame.hints.get("name") == codec.EXTENDED)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _QnScale()
