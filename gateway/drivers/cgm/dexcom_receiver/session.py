"""Reading a Dexcom receiver on its USB cable: who it is, what its clock shows, what is new.

The newest page is read first, then older ones back to the last record that is safe; they are
recorded oldest first, with the bookmark. The newest page grows, so it is read again each time. A
receiver that was emptied or replaced has another record at that index, or none: then the whole
memory is read, which identity makes harmless. A touchscreen receiver keeps what its transmitter
sent later in a partition of its own. A receiver in blinded mode hides the values from its wearer:
so do we.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.clock import Instant
from gateway.domain.reading import ClockSample
from gateway.drivers.api import SERIAL, Frame, Session
from gateway.drivers.cgm.dexcom_receiver import database
from gateway.drivers.cgm.dexcom_receiver.database import (
    Egv,
    EgvPage,
    Manufacturing,
    PageRange,
    Partition,
    Unreadable,
    moment,
)
from gateway.drivers.cgm.dexcom_receiver.packet import (
    Command,
    Result,
    packet,
    packets,
    request,
)
from gateway.drivers.cgm.dexcom_receiver.readings import Receiver, Stored, readings
from gateway.drivers.framing import FramedInbox, framed
from gateway.errors import DecodeError, LinkTimeout, ProtocolError

POLL_S = 120.0
"""A sensor measures every five minutes; asking more often only warms the cable."""

_TRIES = 3  # a page that takes longer than this three times needs a person to plug it in again
_ANSWER_WITHIN_S = {Command.PING: 1.0, Command.READ_PAGES: 5.0}
_OTHERS_WITHIN_S = 2.0
_BATCH = 500  # readings in one commit: a first reading of a full memory has some 8600
_BACKFILLING = frozenset({"ScoutReceiver", "OrionReceiver"})
"""The products (G5 and G6 touchscreen) that have a partition of backfilled values."""
_PAGES = 2000  # a G4 holds some 30 days in 230 pages: more is a range that cannot be right


async def converse(session: Session) -> None:
    """Read what is new every two minutes, until the link is gone."""
    receiver = _Line(await framed(session, packets))
    await receiver.ask(Command.PING)
    memory = await _introduce(session, receiver)
    while True:
        blinded = await receiver.ask(Command.READ_BLINDED_MODE)
        if any(blinded.data):
            await session.remark("blinded: the receiver hides its values, so they are not read")
        else:
            await _collect(session, receiver, memory)
        await session.pause(POLL_S)


async def serial_number(session: Session) -> str:
    """Ask for the serial number and for nothing else."""
    receiver = _Line(await framed(session, packets))
    await receiver.ask(Command.PING)
    return await _serial(receiver)


class _Line:
    """Questions and answers over the cable."""

    def __init__(self, inbox: FramedInbox) -> None:
        self._inbox = inbox
        self._aside: set[tuple[Partition, str, int]] = set()

    async def set_aside(
        self, key: tuple[Partition, str, int], frame: Frame, error: DecodeError
    ) -> None:
        """Keep what cannot be read, once in a session, however often it is read again."""
        if key not in self._aside:
            self._aside.add(key)
            await self._inbox.set_aside(frame, error)

    async def ask(self, command: Command, payload: bytes = b"") -> Frame:
        """Send a request and return the payload of the answer, with when it came.

        Raises ProtocolError if the receiver refuses, LinkTimeout if it stays silent.
        """
        within = _ANSWER_WITHIN_S.get(command, _OTHERS_WITHIN_S)
        try:
            frame = await self._inbox.ask(request(command, payload), within=within, tries=_TRIES)
        except LinkTimeout as error:
            raise LinkTimeout(
                "the receiver does not answer: unplug it, restart it, and plug it in again"
            ) from error
        answer = packet(frame.data)
        if answer.command != Result.ACK:
            raise ProtocolError(
                f"The receiver refused {command.name.lower()} (result {answer.command}): "
                "unplug it, restart it, and plug it in again."
            )
        return Frame(SERIAL, answer.payload, frame.received)

    async def page(self, partition: Partition, number: int) -> Frame:
        """Return the bytes of a page."""
        return await self.ask(
            Command.READ_PAGES, bytes((partition,)) + number.to_bytes(4, "little") + b"\x01"
        )

    async def page_range(self, partition: Partition) -> PageRange:
        """Return which pages a partition has."""
        return database.page_range(
            (await self.ask(Command.READ_PAGE_RANGE, bytes((partition,)))).data
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """A record in a partition: its index, and when it was stored, by the system clock, in seconds.

    Another record may get the index once the receiver was emptied. `stored_at` None: not known.
    """

    index: int = -1
    stored_at: int | None = None

    @classmethod
    def from_text(cls, text: str) -> _Place:
        """Read it from a bookmark; no place at all if it is none."""
        index, _, stored_at = text.partition("@")
        if not index.isdecimal():
            return cls()
        return cls(int(index), int(stored_at) if stored_at.isdecimal() else None)

    @classmethod
    def newest(cls, page: EgvPage) -> _Place:
        """Return the place of the last record of a page."""
        index = page.header.first_index + page.header.record_count - 1
        last = page.records[-1] if page.records else None
        return cls(index, getattr(last, "system_seconds", None))

    def to_text(self) -> str:
        """Write it for a bookmark."""
        if self.index < 0:
            return ""
        return str(self.index) if self.stored_at is None else f"{self.index}@{self.stored_at}"

    def is_another_in(self, page: EgvPage) -> bool:
        """Say whether the page has another record at this index."""
        record = page.records[self.index - page.header.first_index]
        if self.stored_at is None or isinstance(record, Unreadable):
            return False
        return record.system_seconds != self.stored_at


@dataclass(frozen=True, slots=True)
class _Memory:
    """Whose memory it is, and its partitions with glucose values."""

    serial: str
    partitions: tuple[Partition, ...]

    def safe(self, bookmark: str | None) -> dict[Partition, _Place]:
        """Return for each partition its last record that is safe."""
        owner, *told = (bookmark or "").split(":")
        safe = dict.fromkeys(self.partitions, _Place())
        if owner == self.serial:
            safe.update(zip(self.partitions, map(_Place.from_text, told), strict=False))
        return safe

    def bookmark(self, safe: Mapping[Partition, _Place]) -> str:
        """Write down what is safe."""
        return ":".join([self.serial, *(safe[each].to_text() for each in self.partitions)])


async def _introduce(session: Session, receiver: _Line) -> _Memory:
    """Tell who the receiver is; return what its memory has."""
    firmware = database.xml_attributes((await receiver.ask(Command.READ_FIRMWARE_HEADER)).data)
    serial = await _serial(receiver)
    update = {
        "manufacturer": "Dexcom",
        "model": firmware.get("ProductName"),
        "serial": serial,
        "firmware": firmware.get("FirmwareVersion"),
        "software": firmware.get("SoftwareNumber"),
    }
    await session.describe(session.device.model_copy(update=update))
    backfills = firmware.get("ProductId") in _BACKFILLING
    return _Memory(
        serial, (Partition.EGV, Partition.BACKFILLED_EGV) if backfills else (Partition.EGV,)
    )


async def _serial(receiver: _Line) -> str:
    last = (await receiver.page_range(Partition.MANUFACTURING)).last_page
    if last is None:
        raise ProtocolError("The receiver tells no serial number: is it a Dexcom G4, G5 or G6?")
    about = database.page((await receiver.page(Partition.MANUFACTURING, last)).data)
    serial = about.xml_attributes.get("SerialNumber") if isinstance(about, Manufacturing) else None
    if not serial:
        raise ProtocolError("The receiver tells no serial number: is it a Dexcom G4, G5 or G6?")
    return serial


async def _collect(session: Session, line: _Line, memory: _Memory) -> None:
    """Record what is newer than the bookmark, which moves unless a page was unreadable."""
    safe = memory.safe(await session.bookmark())
    news = [await _news(line, partition, safe[partition]) for partition in memory.partitions]
    if not any(each.pages for each in news):
        return
    clock = await _clock(line)
    receiver = Receiver(session.device.id, memory.serial, clock, await _display_offset_s(line))
    stored = [record for each in news for record in await _stored(line, each, clock.at)]
    known = {each.partition: each.safe for each in news}
    complete = all(each.complete for each in news)
    fresh = [
        (record, reading)
        for record, reading in readings(stored, receiver, clock.at)
        if record.index > known[record.partition]
    ]
    for at in range(0, len(fresh), _BATCH):
        batch = fresh[at : at + _BATCH]
        for record, _ in batch:
            safe[record.partition] = _Place(record.index, record.egv.system_seconds)
        if at + _BATCH >= len(fresh):
            safe.update((each.partition, each.newest) for each in news)
        bookmark = memory.bookmark(safe) if complete else None
        await session.record(*(reading for _, reading in batch), bookmark=bookmark)


@dataclass(frozen=True, slots=True)
class _News:
    """The pages of a partition from the one with the last safe record on.

    All of them, if that record is not there: the indices began anew, and nothing is `safe`, which
    is an index. `complete` says whether all were readable.
    """

    partition: Partition
    pages: Sequence[EgvPage]
    safe: int
    newest: _Place
    complete: bool


async def _news(line: _Line, partition: Partition, safe: _Place) -> _News:
    there = await line.page_range(partition)
    if there.first_page is None or there.last_page is None:
        return _News(partition, [], safe.index, safe, complete=True)
    pages: list[EgvPage] = []
    complete = True
    is_another = False
    oldest = max(there.first_page, there.last_page - _PAGES)
    for number in range(there.last_page, oldest - 1, -1):
        page = await _page(line, partition, number)
        if page is None:
            complete = False
            continue
        pages.insert(0, page)
        if page.header.first_index <= safe.index <= _Place.newest(page).index:
            is_another = safe.is_another_in(page)
            if not is_another:
                break
    newest = _Place.newest(pages[-1]) if pages else safe
    began_anew = is_another or newest.index < safe.index
    return _News(partition, pages, -1 if began_anew else safe.index, newest, complete)


async def _page(line: _Line, partition: Partition, number: int) -> EgvPage | None:
    """Return a page of glucose values; None if it cannot be read, and is set aside."""
    frame = await line.page(partition, number)
    try:
        page = database.page(frame.data)
        if not isinstance(page, EgvPage) or (page.header.record_type, page.header.page) != (
            partition,
            number,
        ):
            raise DecodeError("another_page", frame.data, 8)
    except DecodeError as error:
        await line.set_aside((partition, "page", number), frame, error)
        return None
    return page


async def _stored(line: _Line, news: _News, at: Instant) -> list[Stored]:
    """Return the glucose records of the pages; those that cannot be read are set aside."""
    stored = []
    for page in news.pages:
        for index, record in enumerate(page.records, page.header.first_index):
            if isinstance(record, Egv):
                stored.append(Stored(index, record, news.partition))
            elif isinstance(record, Unreadable) and index > news.safe:
                error = DecodeError(record.error, record.raw)
                key = (news.partition, "record", index)
                await line.set_aside(key, Frame(SERIAL, record.raw, at), error)
    return stored


async def _clock(line: _Line) -> ClockSample:
    frame = await line.ask(Command.READ_SYSTEM_TIME)
    return ClockSample(shown=moment(int.from_bytes(frame.data[:4], "little")), at=frame.received)


async def _display_offset_s(line: _Line) -> int:
    frame = await line.ask(Command.READ_DISPLAY_TIME_OFFSET)
    return int.from_bytes(frame.data[:4], "little", signed=True)
