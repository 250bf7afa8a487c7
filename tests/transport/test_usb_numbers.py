"""Devices that say their number only when asked are named by it, and by nothing else."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.drivers.api import HID, Frame, Manifest, Numbered, Reach, Session, Sighting
from gateway.drivers.cable_driver import NumberedCableDriver
from gateway.errors import DecodeError, LinkTimeout, ProtocolError, RadioUnavailable
from gateway.testing.clock import ManualClock
from gateway.transport.usb import UsbTransport
from gateway.transport.usb_device import UsbDevice

SOON = 5.0  # s
METER = (0x1A61, 0x3650)
MANIFEST = Manifest(
    "cgm/any", "A reader", Reach.HID, frozenset(), "none", (), usb=frozenset({METER})
)
HERS, HIS = b"JGGA001-A0001", b"JGGA002-B0002"


async def number(session: Session) -> str:
    """Ask as a driver does: one question, one answer, which is empty where there is no number."""
    inbox = await session.link.subscribe(HID)
    await session.link.write(HID, b"?")
    told = (await inbox.get(within=SOON)).data
    if told == b"-":
        raise ProtocolError("The device tells no serial number.")
    return told.decode()


async def hang_up(session: Session) -> None:
    return


def a_driver(ask: Callable[[Session], Awaitable[str]] = number) -> NumberedCableDriver:
    return NumberedCableDriver(MANIFEST, bytes.hex, hang_up, ask)


class Reader:
    """Firmware behind a socket, which answers one question of whoever connects."""

    def __init__(self, path: Path, number: bytes, plugging: str, port: str = "1-1.3") -> None:
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path.unlink(missing_ok=True)
        self._listening.bind(str(path))
        self._listening.listen(1)
        self._listening.settimeout(SOON)
        self.asked: list[bytes] = []
        self.number = number
        self.device = UsbDevice(
            f"unix:{path}", METER, None, port, "ADC Reader", Reach.HID, plugging
        )

    async def answer(self) -> None:
        """Answer a question, and wait until the link is closed."""
        await asyncio.to_thread(self._answer)

    def _answer(self) -> None:
        question = b""
        while not question:  # who only opens it and closes it again asks nothing
            host, _ = self._listening.accept()
            with host:
                host.settimeout(SOON)
                if question := host.recv(100):
                    self.asked.append(question)
                    host.send(self.number)
                    assert host.recv(100) == b""

    def unplug(self) -> None:
        self._listening.close()


@dataclass
class Usb:
    """A machine whose USB is watched, one look at a time."""

    there: list[Reader] = field(default_factory=list)
    seen: list[Sighting] = field(default_factory=list)
    driver: Numbered = field(default_factory=a_driver)

    def __post_init__(self) -> None:
        self._turn = asyncio.Queue[None]()
        self._looked = asyncio.Queue[None]()
        self.transport = UsbTransport(
            [self.driver], (), ManualClock(), self._pause, lambda: [it.device for it in self.there]
        )
        self.watching = asyncio.create_task(self.transport.watch(self._saw))

    def _saw(self, sighting: Sighting) -> None:
        self.seen.append(sighting)

    async def _pause(self, seconds: float) -> None:
        if not seconds:  # a driver's
            return
        self._looked.put_nowait(None)
        await self._turn.get()

    async def look(self) -> list[str]:
        """Let it look until nothing is being asked; returns what is there by name."""
        self.seen.clear()
        self._turn.put_nowait(None)
        ended = asyncio.create_task(self._looked.get())
        await asyncio.wait({ended, self.watching}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        return [self.transport.device_id(sighting) for sighting in self.seen]

    async def look_after(self, reader: Reader) -> list[str]:
        """Let it look, and once more after the reader was asked."""
        first = await self.look()
        assert first == []
        await reader.answer()
        await self._settled()
        return await self.look()

    async def _settled(self) -> None:
        asking = [*self.transport._numbers._asking.values()]
        await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), SOON)

    async def end(self) -> None:
        self.watching.cancel()
        await asyncio.gather(self.watching, return_exceptions=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hidraw0"


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    made: list[Reader] = []
    yield made
    for reader in made:
        reader.unplug()


async def test_a_reader_is_seen_only_once_it_said_its_number_and_is_asked_once(
    path: Path, readers: list[Reader]
) -> None:
    readers.append(reader := Reader(path, HERS, "1"))
    usb = Usb([reader])

    named = await usb.look_after(reader)
    again = await usb.look()
    await usb.end()

    assert named == again == ["usb:1a61:3650:JGGA001-A0001"]
    assert reader.asked == [b"?"]


async def test_two_peoples_readers_in_one_socket_are_two_devices(
    path: Path, readers: list[Reader]
) -> None:
    readers.append(hers := Reader(path, HERS, "1"))
    usb = Usb([hers])
    first = await usb.look_after(hers)
    hers.unplug()
    readers.append(his := Reader(path, HIS, "2"))
    usb.there = [his]
    second = await usb.look_after(his)
    await usb.end()

    assert first == ["usb:1a61:3650:JGGA001-A0001"]
    assert second == ["usb:1a61:3650:JGGA002-B0002"]


async def test_one_reader_is_the_same_device_in_every_socket(
    path: Path, readers: list[Reader]
) -> None:
    readers.append(here := Reader(path, HERS, "1", port="1-1.3"))
    usb = Usb([here])
    first = await usb.look_after(here)
    here.unplug()
    readers.append(there := Reader(path, HERS, "2", port="1-1.4"))
    usb.there = [there]
    second = await usb.look_after(there)
    await usb.end()

    assert first == second


async def test_a_reader_that_was_swapped_after_it_was_seen_is_not_opened(
    path: Path, readers: list[Reader]
) -> None:
    readers.append(hers := Reader(path, HERS, "1"))
    usb = Usb([hers])
    await usb.look_after(hers)
    (seen,) = usb.seen
    hers.unplug()
    readers.append(his := Reader(path, HIS, "2"))
    usb.there = [his]

    with pytest.raises(RadioUnavailable, match="plug the device in"):
        await usb.transport.open(seen, MANIFEST)  # before it was looked for again
    await usb.look_after(his)
    with pytest.raises(RadioUnavailable, match="plug the device in"):
        await usb.transport.open(seen, MANIFEST)
    await usb.end()


async def test_one_that_tells_no_number_is_seen_and_says_why_it_cannot_be_talked_with(
    path: Path, readers: list[Reader]
) -> None:
    readers.append(reader := Reader(path, b"-", "1"))
    usb = Usb([reader])

    named = await usb.look_after(reader)
    with pytest.raises(ProtocolError, match="tells no serial number"):
        await usb.transport.open(usb.seen[0], MANIFEST)
    await usb.end()

    assert named == ["usb:1a61:3650:1-1.3"]


async def test_one_that_tells_it_later_is_then_named_by_it(
    path: Path, readers: list[Reader]
) -> None:
    readers.append(reader := Reader(path, b"-", "1"))
    usb = Usb([reader])
    await usb.look_after(reader)
    with pytest.raises(ProtocolError):
        await usb.transport.open(usb.seen[0], MANIFEST)

    reader.number = HERS
    named = await usb.look_after(reader)
    await usb.end()

    assert named == ["usb:1a61:3650:JGGA001-A0001"]


async def silent(session: Session) -> str:
    raise LinkTimeout("the device does not answer: unplug it and plug it in again")


async def mistaken(session: Session) -> str:
    await session.record()
    return "none"


async def careless(session: Session) -> str:
    await session.set_bookmark("here")
    return "none"


async def gives_up(session: Session) -> str:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (silent, "does not answer: unplug it and plug it in again"),
        (mistaken, r"its driver failed \(RuntimeError\)"),
        (careless, r"its driver failed \(RuntimeError\)"),
        (gives_up, r"its driver failed \(CancelledError\)"),
    ],
)
async def test_one_that_cannot_be_asked_is_not_seen_but_told_of(
    ask: Callable[[Session], Awaitable[str]], told: str, path: Path, readers: list[Reader]
) -> None:
    readers.append(reader := Reader(path, HERS, "1"))
    usb = Usb([reader], driver=a_driver(ask))

    await usb.look()
    await usb._settled()
    seen = await usb.look()
    told_of = usb.transport.unseen
    usb.there = []
    await usb.look()
    await usb.end()

    assert seen == []
    assert isinstance(told_of, RadioUnavailable)
    assert re.search(told, str(told_of))
    assert usb.transport.unseen is None


async def test_one_that_cannot_be_asked_keeps_nobody_from_another(
    tmp_path: Path, readers: list[Reader]
) -> None:
    """The other takes its time: it is asked through several looks."""
    readers += [Reader(tmp_path / "hidraw0", HERS, "1"), Reader(tmp_path / "hidraw1", HIS, "2")]
    mute, slow = readers
    mute.unplug()  # and Linux does not notice
    usb = Usb([mute, slow])
    async with asyncio.timeout(SOON):
        while usb.transport.unseen is None:
            await usb.look()
    for _ in range(4):
        assert await usb.look() == []
    await slow.answer()
    await usb._settled()
    seen = await usb.look()
    told_of = usb.transport.unseen
    await usb.end()

    assert seen == ["usb:1a61:3650:JGGA002-B0002"]
    assert slow.asked == [b"?"]
    assert told_of is not None


async def test_one_that_is_pulled_out_while_it_is_asked_is_forgotten(
    path: Path, readers: list[Reader]
) -> None:
    readers.append(reader := Reader(path, HERS, "1"))
    usb = Usb([reader])
    await usb.look()
    usb.there = []

    seen = await usb.look()
    asking = usb.transport._numbers._asking
    await usb.end()

    assert (seen, asking) == ([], {})


async def test_a_watch_that_ends_ends_its_question_and_the_next_asks_it_again(
    path: Path, readers: list[Reader]
) -> None:
    readers.append(reader := Reader(path, HERS, "1"))
    usb = Usb([reader])
    await usb.look()
    await usb.end()
    usb.watching = asyncio.create_task(usb.transport.watch(usb._saw))
    readers[0] = replaced = Reader(path, HERS, "1")
    usb.there = [replaced]
    reader.unplug()

    named = await usb.look_after(replaced)
    await usb.end()

    assert named == ["usb:1a61:3650:JGGA001-A0001"]


async def test_the_session_in_which_a_number_is_asked_for_keeps_nothing(
    path: Path, readers: list[Reader]
) -> None:
    told: list[object] = []

    async def curious(session: Session) -> str:
        await session.describe(session.device.model_copy(update={"serial": "X"}))
        frame = Frame(HID, b"?", session.now())
        await session.remark("odd", frame)
        await session.set_aside(frame, DecodeError("odd", frame.data))
        await session.pause(0)
        told.extend([await session.bookmark(), session.setting("any"), session.device.serial])
        return await number(session)

    readers.append(reader := Reader(path, HERS, "1"))
    usb = Usb([reader], driver=a_driver(curious))

    named = await usb.look_after(reader)
    await usb.end()

    assert named == ["usb:1a61:3650:JGGA001-A0001"]
    assert told == [None, None, None]
