"""What the tests of FreeStyle devices share: answers, and a device behind its reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain import device as domain
from gateway.domain.device import DeviceId
from gateway.drivers.api import HID, Driver, Reach, Sighting
from gateway.errors import DecodeError, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession


def summed(message: bytes, status: bytes = b"OK") -> bytes:
    """An answer with its checksum."""
    return message + b"CKSM:%08X\r\nCMD %s\r\n" % (sum(message), status)


def log(*lines: bytes) -> bytes:
    """An answer that is a list of records."""
    told = b"".join(line + b"\r\n" for line in lines)
    return summed(told + b"%d,%08X\r\n" % (len(lines), sum(told)) if lines else b"Log Empty\r\n")


def is_total(decode: Callable[[bytes], object], data: bytes) -> None:
    """Assert that decoding gives a value or a DecodeError that points into what it carries."""
    fault = None
    try:
        decode(data)
    except DecodeError as error:
        fault = error

    assert fault is None or (fault.reason and 0 <= fault.offset <= len(fault.payload))


DEVICE = DeviceId("usb:1a61:3650:counter")
KEEP_ALIVE = b"\x22\x01\x05".ljust(64, b"\xee")


def reports(answer: bytes) -> list[bytes]:
    """An answer in reports, the last filled up with what was there before."""
    parts = [answer[at : at + 62] for at in range(0, len(answer), 62)]
    return [(b"\x60" + bytes((len(part),)) + part).ljust(64, b"\xaa") for part in parts]


@dataclass
class Device:
    """A device that answers questions, made from the description of its protocol."""

    answers: dict[bytes, bytes | list[bytes]]
    """What it says to a question; of several, one after the other, and the last for ever."""
    message_type: int = 0x60
    deaf_for: int = 0
    asked: list[bytes] = field(default_factory=list)
    noise: bytes = b""
    """A report that it sends between any two."""

    def answer(self, report: bytes) -> list[bytes]:
        assert len(report) == 64
        if self.deaf_for:
            self.deaf_for -= 1
            return []
        if report[0] == 0x01:
            assert not any(report[1:])
            return self._with_noise([b"\x71\x01\x01".ljust(64, b"\0")])
        if report[0] != self.message_type:
            return [b"\x30\x01\x85".ljust(64, b"\0")]
        question = report[2 : 2 + report[1]]
        assert not any(report[2 + report[1] :])
        self.asked.append(question)
        said = self.answers.get(question, b"CKSM:00000000\r\nCMD Fail!\r\n")
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        return self._with_noise(reports(said))

    def _with_noise(self, said: list[bytes]) -> list[bytes]:
        if not self.noise:
            return said
        return [each for report in said for each in (self.noise, report)] + [self.noise]


def clock(shown: datetime | None) -> dict[bytes, bytes | list[bytes]]:
    """What a device says of its clock; None if it was lost."""
    date, time = "255,255,255", "255,255"
    if shown is not None:
        date = f"{shown.month},{shown.day},{shown.year % 100}"
        time = f"{shown.hour},{shown.minute}"
    return {
        b"$date?": summed(f"{date}\r\n".encode()),
        b"$time?": summed(f"{time}\r\n".encode()),
    }


def session_of(
    driver: Driver, device: Device, clock: ManualClock, usb: tuple[int, int]
) -> RecordingSession:
    """A session with a device that speaks when spoken to, and is otherwise silent."""
    link = ScriptedLink(
        answers={HID: lambda data: [(HID, each) for each in device.answer(data)]},
        then=LinkTimeout,
        clock=clock,
    )
    return RecordingSession(
        driver=driver,
        link=link,
        clock=clock,
        device=domain.Device(id=DEVICE, driver=driver.manifest.name),
        sighting=Sighting("/dev/hidraw0", Reach.HID, usb=usb),
    )
