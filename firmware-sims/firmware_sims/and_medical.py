"""What A&D adds to its cuffs and scales: a pairing window, and a service of its own.

233BF001 takes commands: octets that follow u8 | 01 write, 00 read | command u8 | payload.
  01 01 YY MM DD hh mm ss  set the clock     01 03  disconnect     00 04  read the clock
  01 10  forget the bond     01 12  forget the memory     01 A6 nn  size of the buffer
A device that shows "Pr" lets itself be paired, until somebody did or it hangs up; otherwise it
refuses. Its clock also stands as a Date Time beside the measurement, to be read and written.
Sources: A&D BLE data-format sheet and LivecareBluetoothSDK, as the command vectors have them;
UC-352BLE's service listing (ThingML-BLE). Guess: the answer to a read has the form of a command.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from firmware_sims.bp_monitor.bluetooth_sig import Cuff
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings, Instrument, People
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.gatt import (
    NOTIFY,
    READ,
    WRITE,
    characteristic,
    device_local,
    is_secure,
    service,
)
from firmware_sims.identity import Identity, advertisement
from firmware_sims.packing.date_time import date_time
from firmware_sims.peripheral import Peripheral
from firmware_sims.scale.and_older import SERVICE as OLDER_SCALE_SERVICE
from firmware_sims.scale.and_older import OlderScale
from firmware_sims.scale.bluetooth_sig import Scale
from firmware_sims.store_and_forward import StoreAndForward

SERVICE = "233BF000-5A34-1B6D-975C-000D5690ABE4"
COMMANDS = "233BF001-5A34-1B6D-975C-000D5690ABE4"
_SET_CLOCK, _DISCONNECT, _READ_CLOCK = b"\x01\x01", b"\x01\x03", b"\x00\x04"
_FORBIDDEN = {b"\x01\x10": "forget the bond", b"\x01\x12": "erase memory"}


class AndMedical:
    """The addition. `show_pr` opens the pairing window."""

    def __init__(self, clock: DeviceClock, forbidden: ForbiddenCommands, *, secure: bool) -> None:
        self._clock = clock
        self._forbidden = forbidden
        self._secure = secure
        self._store: StoreAndForward | None = None
        self._peripheral: Peripheral | None = None
        self._shows_pr = False
        self._commands = characteristic(
            COMMANDS, WRITE | NOTIFY, write=self._command, secure=secure
        )

    def show_pr(self) -> None:
        """Let itself be paired, and call although nothing was measured."""
        self._shows_pr = True
        if self._store is not None:
            self._store.summon()

    def is_pairable(self) -> bool:
        """Say whether it shows "Pr"."""
        return self._shows_pr

    def characteristics(self) -> Sequence[Any]:
        """Return the clock, which stands beside the measurement."""
        read = lambda: date_time(self._clock.device_local())  # noqa: E731
        write = lambda octets: self._clock.set_to(device_local(octets))  # noqa: E731
        return [characteristic(0x2A08, READ | WRITE, read=read, write=write, secure=self._secure)]

    def services(self) -> Sequence[Any]:
        """Return the service that takes commands."""
        return [service(SERVICE, self._commands)]

    def may_send(self, slot: int | None) -> bool:
        """Everybody's records."""
        return True

    def begin(self, store: StoreAndForward, peripheral: Peripheral) -> None:
        """Close the window once somebody paired."""
        self._store, self._peripheral = store, peripheral
        if self._shows_pr:
            store.summon()

        async def close() -> None:
            await peripheral.until(lambda: peripheral.pairings > 0)
            self._shows_pr = False

        store.beside(close())

    def link_lost(self) -> None:
        """Show "Pr" no longer."""
        self._shows_pr = False

    def _command(self, octets: bytes) -> None:
        command, payload = octets[1:3], octets[3:]
        if len(octets) < 3 or octets[0] != len(octets) - 1:
            return
        if command in _FORBIDDEN:
            self._forbidden.record(_FORBIDDEN[command])
        elif command == _DISCONNECT and self._store is not None:
            self._store.dismiss()
        elif command == _SET_CLOCK and len(payload) == 6:
            year = (2000 + payload[0]).to_bytes(2, "little")
            self._clock.set_to(device_local(year + payload[1:]))
        elif command == _READ_CLOCK:
            shown = self._clock.device_local()
            self._answer(_READ_CLOCK + bytes([shown.year - 2000]) + date_time(shown)[2:])

    def _answer(self, octets: bytes) -> None:
        if self._store is not None and self._peripheral is not None:
            answer = bytes([len(octets)]) + octets
            self._store.beside(self._peripheral.notify(self._commands, answer))


class AndDevice(EpisodicDevice):
    """A virtual A&D cuff or scale."""

    def __init__(
        self,
        identity: Identity,
        people: People,
        instrument: Instrument,
        fittings: Fittings,
        addition: AndMedical,
    ) -> None:
        self._and = addition
        pairable = replace(identity, pairable=addition.is_pairable)
        super().__init__(pairable, people, instrument, fittings, addition)

    def pairing_mode(self) -> None:
        """Hold the button until it shows "Pr"."""
        self._and.show_pr()


def ua_651ble(identity: Identity, people: People, fittings: Fittings) -> AndDevice:
    """Make a virtual cuff."""
    addition = _addition(identity, fittings)
    cuff = Cuff(
        people,
        fittings.clock,
        secure=is_secure(identity),
        beside=addition.characteristics(),
    )
    return AndDevice(identity, people, cuff, fittings, addition)


def uc_352ble(
    identity: Identity, people: People, fittings: Fittings, *, imperial: bool = False
) -> AndDevice:
    """Make a virtual scale; it measures no composition."""
    addition = _addition(identity, fittings)
    scale = Scale(
        people,
        fittings.clock,
        imperial=imperial,
        composition=False,
        secure=is_secure(identity),
        beside=addition.characteristics(),
    )
    return AndDevice(identity, people, scale, fittings, addition)


def older_uc_352ble(
    identity: Identity, people: People, fittings: Fittings, *, imperial: bool = False
) -> AndDevice:
    """Make a virtual scale from before there was a Weight Scale Service."""
    addition = _addition(identity, fittings)
    scale = OlderScale(
        people,
        fittings.clock,
        imperial=imperial,
        secure=is_secure(identity),
        beside=addition.characteristics(),
    )
    device = AndDevice(identity, people, scale, fittings, addition)
    device.store.call = lambda: advertisement(identity, vendor_service=OLDER_SCALE_SERVICE)
    return device


def _addition(identity: Identity, fittings: Fittings) -> AndMedical:
    return AndMedical(fittings.clock, fittings.forbidden, secure=is_secure(identity))
