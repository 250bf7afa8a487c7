"""GATT pieces that several virtual devices share: characteristics, information, battery, clock."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from bumble import att
from bumble.core import UUID
from bumble.gatt import Characteristic, Service

from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.identity import Identity, Pairing
from firmware_sims.packing import device_information
from firmware_sims.packing.date_time import current_time

READ = Characteristic.Properties.READ
WRITE = Characteristic.Properties.WRITE
WRITE_WITHOUT_RESPONSE = Characteristic.Properties.WRITE_WITHOUT_RESPONSE
NOTIFY = Characteristic.Properties.NOTIFY
INDICATE = Characteristic.Properties.INDICATE

MISSING_CRC, INVALID_CRC = 0x80, 0x81  # CGMS 1.0.2 section 1.6
DATA_FIELD_IGNORED = 0x80  # CTS 1.1 section 1.6
CONFIGURATION_IMPROPER, PROCEDURE_IN_PROGRESS, OUT_OF_RANGE = 0xFD, 0xFE, 0xFF  # CSS part B

_CURRENT_TIME_OCTETS = 10

Read = Callable[[], bytes]
Write = Callable[[bytes], Awaitable[None] | None]


def service(uuid: int | str, *characteristics: Any, includes: tuple[Any, ...] = ()) -> Any:
    """Return a primary service: of 16 bits by its number, of a maker by its text."""
    return Service(_uuid(uuid), characteristics, included_services=includes)


def characteristic(
    uuid: int | str,
    properties: Any,
    *,
    read: Read | None = None,
    write: Write | None = None,
    secure: bool = False,
) -> Any:
    """Return a characteristic; what is not allowed is answered with the right ATT error.

    A secure one wants an encrypted link for reads, writes and subscriptions.
    """
    rights = att.Attribute.Permissions
    permissions = rights.READABLE | rights.WRITEABLE
    if secure:
        permissions |= rights.READ_REQUIRES_ENCRYPTION | rights.WRITE_REQUIRES_ENCRYPTION

    def on_read(_link: Any) -> bytes:
        if read is None:
            raise att_error(att.ATT_READ_NOT_PERMITTED_ERROR)
        return read()

    def on_write(_link: Any, value: bytes) -> Awaitable[None] | None:
        if write is None:
            raise att_error(att.ATT_WRITE_NOT_PERMITTED_ERROR)
        return write(value)

    value = att.AttributeValue(read=on_read, write=on_write)
    return Characteristic(_uuid(uuid), properties, permissions, value)


def _uuid(uuid: int | str) -> Any:
    return UUID(uuid) if isinstance(uuid, str) else UUID.from_16_bits(uuid)


def att_error(code: int) -> Exception:
    """Return the exception that makes the server answer with an ATT error."""
    error: Exception = att.ATT_Error(code)
    return error


def is_secure(identity: Identity) -> bool:
    """Say whether a device's health data wants an encrypted link."""
    return identity.pairing is not Pairing.NONE


def device_information_service(identity: Identity, *, software: str = "") -> Any:
    """Return service 0x180A, readable by anybody; without software it says nothing of it."""

    def text(uuid: int, value: str) -> Any:
        return characteristic(uuid, READ, read=value.encode)

    return service(
        0x180A,
        text(0x2A29, identity.manufacturer),
        text(0x2A24, identity.model),
        text(0x2A25, identity.serial),
        text(0x2A26, identity.firmware),
        characteristic(0x2A23, READ, read=lambda: device_information.system_id(identity.address)),
        *([text(0x2A28, software)] if software else []),
    )


class Battery:
    """Service 0x180F and the charge behind it."""

    def __init__(self) -> None:
        self._percent: float = 100

    def service(self) -> Any:
        """Return the service."""
        return service(0x180F, characteristic(0x2A19, READ, read=self._read))

    def use(self, percent: float) -> None:
        """Spend some charge."""
        self._percent = max(0, self._percent - percent)

    def _read(self) -> bytes:
        return device_information.battery_level(int(self._percent))


class CurrentTime:
    """Service 0x1805 over a device's clock: readable, and settable by a collector."""

    def __init__(self, clock: DeviceClock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults

    def service(self) -> Any:
        """Return the service."""
        time = characteristic(0x2A2B, READ | WRITE | NOTIFY, read=self._read, write=self._write)
        return service(0x1805, time)

    def _read(self) -> bytes:
        return current_time(self._clock.device_local())

    def _write(self, value: bytes) -> None:
        if len(value) != _CURRENT_TIME_OCTETS:
            raise att_error(att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR)
        if self._faults.strikes(Fault.REFUSE_CLOCK):
            raise att_error(DATA_FIELD_IGNORED)
        self._clock.set_to(device_local(value))


def device_local(octets: bytes) -> datetime:
    """Return the time written in a Date Time; ATT error "out of range" for one that is none."""
    year = int.from_bytes(octets[:2], "little")
    try:
        return datetime(year, *octets[2:7])  # noqa: DTZ001 - a device's own clock has no zone
    except ValueError as error:
        raise att_error(OUT_OF_RANGE) from error
