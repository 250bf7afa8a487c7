"""Driver for LifeScan's OneTouch meters with Bluetooth, which have a service of their own.

Protocol: docs/protocols/onetouch-ble.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import Driver, Fit, Frame, Manifest, Model, Reach, Session, Sighting
from gateway.drivers.device_clock import SET_CLOCK
from gateway.drivers.glucose_meter.onetouch_ble import codec
from gateway.drivers.glucose_meter.onetouch_ble.meter import NOTIFIED, SERVICE
from gateway.drivers.glucose_meter.onetouch_ble.session import converse
from gateway.errors import DecodeError

_NAME = "ONETOUCH"
"""Then a blank and the end of the serial number. A public client looks for meters by it."""
_LIFESCAN = 0x016D
"""The maker's number in what a meter was seen to advertise, where its service has no room left."""
_STANDARD = "1808"


class _OneTouchBle:
    manifest = Manifest(
        name="glucose_meter/onetouch_ble",
        title="LifeScan OneTouch glucose meters with Bluetooth",
        reach=Reach.BLE,
        emits=frozenset({Kind.BLOOD_GLUCOSE}),
        spec="public clients and analyses; the maker has published nothing",
        models=(
            Model("OneTouch Verio Flex", "simulated, from public clients"),
            Model("OneTouch Verio Reflect", "from public clients"),
            Model("OneTouch Select Plus Flex", "packets checked against public captures"),
        ),
        services=frozenset({SERVICE}),
        bonds_first=frozenset({SERVICE}),
        settings=(SET_CLOCK,),
        decodes={"ONETOUCH-BLE": NOTIFIED},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        """Go by the service, or by maker or name of what offers no service of the standard."""
        if sighting.reach is not Reach.BLE:
            return Fit.NONE
        is_named = (sighting.name or "").upper().startswith(_NAME)
        is_made = is_named or _LIFESCAN in sighting.manufacturer_data
        is_one = is_made and _STANDARD not in sighting.services
        return Fit.FAMILY if is_one or SERVICE in sighting.services else Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        if frame.channel != NOTIFIED:
            raise DecodeError("unknown_channel", frame.data)
        return codec.message(frame.data)

    async def converse(self, session: Session, /) -> None:
        await converse(session)


DRIVER: Driver = _OneTouchBle()
