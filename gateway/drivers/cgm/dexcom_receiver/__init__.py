"""Driver for the receivers of Dexcom G4, G5 and G6 on their USB cable; it only ever reads.

Protocol: docs/protocols/dexcom-receiver.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import (
    SERIAL,
    Fit,
    Frame,
    Line,
    Manifest,
    Model,
    Numbered,
    Reach,
    Session,
    Sighting,
)
from gateway.drivers.cgm.dexcom_receiver.answers import answer
from gateway.drivers.cgm.dexcom_receiver.session import converse, serial_number


class _DexcomReceiver:
    manifest = Manifest(
        name="cgm/dexcom_receiver",
        title="Dexcom receiver (G4, G5, G6) on USB",
        reach=Reach.SERIAL,
        emits=frozenset({Kind.INTERSTITIAL_GLUCOSE}),
        spec="Public implementations openaps/dexcom_reader, ecc1/dexcom, tidepool-org/uploader",
        models=(
            Model("Dexcom G4, G4 with Share", "checked against public captures"),
            Model("Dexcom G5, G6 receiver", "from two public implementations"),
        ),
        usb=frozenset({(0x22A3, 0x0047)}),
        line=Line(baud=115200),
        decodes={
            "dexcom": SERIAL,
            "dexcom-g4": SERIAL,
            "dexcom-g5": SERIAL,
            "dexcom-g6": SERIAL,
        },
    )

    def match(self, sighting: Sighting, /) -> Fit:
        if sighting.driver == self.manifest.name or sighting.usb in self.manifest.usb:
            return Fit.MODEL
        return Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        return answer(frame.data, asked=frame.hints.get("direction") == "host->device")

    async def converse(self, session: Session, /) -> None:
        await converse(session)

    async def number(self, session: Session, /) -> str:
        return await serial_number(session)


DRIVER: Numbered = _DexcomReceiver()
