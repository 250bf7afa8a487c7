"""Driver for Yonker cuffs, which have a service of their own.

Protocol: docs/protocols/yonker.md.
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
from gateway.drivers.bp_monitor.yonker import codec
from gateway.drivers.bp_monitor.yonker.session import DATA, SERVICE, converse
from gateway.errors import DecodeError

_NAMES = ("YK-IBPA", "YK-BPA", "YK-BPW")
"""Users have seen cuffs that do not advertise their service."""
_OXIMETERS = ("YK-81",)
"""They have the same service, and 81 is the first octet of what they measure too."""


class _Yonker:
    manifest = Manifest(
        name="bp_monitor/yonker",
        title="Yonker blood pressure monitors",
        reach=Reach.BLE,
        emits=frozenset({Kind.BLOOD_PRESSURE, Kind.HEART_RATE}),
        spec="a user's analysis and a public client; the maker has published nothing",
        models=(
            Model("YK-IBPA1", "simulated, from a public client and its test"),
            Model("YK-BPA2, YK-BPW5", "from a public client and its test"),
        ),
        services=frozenset({SERVICE}),
        decodes={"YONKER": DATA},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        if sighting.reach is not Reach.BLE:
            return Fit.NONE
        name = (sighting.name or "").upper()
        if name.startswith(_OXIMETERS):
            return Fit.NONE
        is_one = name.startswith(_NAMES) or SERVICE in sighting.services
        return Fit.FAMILY if is_one else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel != DATA:
            raise DecodeError("unknown_channel", frame.data)
        return codec.measurement(frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _Yonker()
