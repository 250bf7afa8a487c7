"""Driver for the LifeScan OneTouch UltraEasy and UltraMini glucose meters on its cable.

Protocol: docs/protocols/onetouch.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import (
    SERIAL,
    Driver,
    Fit,
    Frame,
    Line,
    Manifest,
    Model,
    Reach,
    Session,
    Sighting,
)
from gateway.drivers.glucose_meter.onetouch_ultraeasy import codec
from gateway.drivers.glucose_meter.onetouch_ultraeasy.session import converse


class _OneTouchUltraEasy:
    manifest = Manifest(
        name="glucose_meter/onetouch_ultraeasy",
        title="LifeScan OneTouch UltraEasy, UltraMini (cable)",
        reach=Reach.SERIAL,
        emits=frozenset({Kind.BLOOD_GLUCOSE}),
        spec="LifeScan's specification as glucometerutils follows it",
        models=(Model("LifeScan OneTouch UltraEasy, UltraMini", "from one public implementation"),),
        line=Line(baud=9600),
        decodes={"onetouch-ultraeasy": SERIAL},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        return Fit.MODEL if sighting.driver == self.manifest.name else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        return codec.answer(frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _OneTouchUltraEasy()
