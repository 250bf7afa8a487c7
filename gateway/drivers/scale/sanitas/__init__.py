"""Driver for Sanitas SBF70 and its relatives, which have a service of their own.

Protocol: docs/protocols/sanitas.md.
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
from gateway.drivers.scale.sanitas import codec
from gateway.drivers.scale.sanitas.session import DATA, converse
from gateway.errors import DecodeError

_NAMES = (
    "SBF70",
    "SBF75",
    "BF700",
    "BF-700",
    "BF710",
    "BF800",
    "BF-800",
    "LIBRA-B",
    "LIBRA-W",
    "AICDSCALE1",
)
_WHOLE, _SAVED = "SBF70-3PART", "SBF70-SAVED"


class _SanitasScale:
    manifest = Manifest(
        name="scale/sanitas",
        title="Sanitas SBF70, Beurer BF700, BF710, BF800 and relatives",
        reach=Reach.BLE,
        emits=frozenset({Kind.WEIGHT, Kind.BODY_COMPOSITION}),
        spec="captures of the maker's app, public clients; the maker has published nothing",
        models=(
            Model("Sanitas SBF70", "simulated, checked against public captures"),
            Model("Sanitas SBF75, Beurer BF710", "checked against public captures"),
            Model("Beurer BF700, BF800", "simulated, weights checked against public captures"),
            Model("Runtastic Libra", "by relation"),
        ),
        services=frozenset({"ffe0"}),
        decodes={"SBF70": DATA, _WHOLE: DATA, _SAVED: DATA},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        if sighting.reach is not Reach.BLE:
            return Fit.NONE
        name = (sighting.name or "").upper()  # the service is that of a thousand serial modules
        return Fit.MODEL if any(known in name for known in _NAMES) else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel != DATA:
            raise DecodeError("unknown_channel", frame.data)
        name = frame.hints.get("name")
        if name not in {_WHOLE.lower(), _SAVED.lower()}:
            return codec.frame(frame.data)
        frames = list(map(codec.frame, codec.split(frame.data, frame.hints.get("parts"))))
        if name == _SAVED.lower():
            return codec.saved(it for it in frames if isinstance(it, codec.SavedPart))
        return codec.measured(it for it in frames if isinstance(it, codec.Part))

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _SanitasScale()
