"""What Omron's cuffs with the standard service do in their own way.

    Omron option service 5DF5E817-..., 2A52
        01 01                    report all records; they come as indications of 2A35
        01 03 04 <number u16>    those from a number on: filter 4 is Omron's own
        10 00                    which number has the latest record?   11 00 <number u16>
    numbers count for each user, as the advertisement shows: a guess that loses nothing if wrong
    advertisement, company 020E
        tag u8 (01) | flags u8 | {last number u16 | how many u8} for each user
        flags  0-1 users, less one  2 time not set  3 pairing mode  4 streaming  5 WLP or STP

The clock takes a new time only if it is more than ten minutes off, and only on its first Current
Time notification of a connection.

Source: Omron's developer guide as restated by public clients (HEM-7361T, BP5250 and others);
nobody has tried this driver on the hardware.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Frame, Inbox, Session, gatt
from gateway.drivers.bp_monitor.bluetooth_sig.codec import UNKNOWN_USER
from gateway.drivers.bp_monitor.bluetooth_sig.cuff import TURN_S, Cuff, hearing
from gateway.drivers.gatt_device import CURRENT_TIME, read_clock
from gateway.drivers.record_mark import Reached
from gateway.drivers.stored_records import Meanwhile, StoredRecords
from gateway.errors import DecodeError, LinkError, LinkRefused, LinkTimeout, ProtocolError
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import date_time

COMPANY = 0x020E
RECORD_ACCESS = gatt("5df5e817-a945-4f81-89c0-3d4e9759c07c", "2a52")

_BY_NUMBER = 4
_LATEST, _LATEST_IS = bytes((0x10, 0x00)), bytes((0x11, 0x00))
_RECORD_S = 0.5  # an indication and its confirmation take some connection intervals. Guess
_FIRST_TIME_S = 2.0  # guess: Omron's cuffs notify their clock at once
_LATEST_S = 10.0  # guess; one that does not know the question says so, and hangs up after a minute


@dataclass(frozen=True, slots=True)
class UserRecords:
    """How much a cuff holds of one of its users."""

    last_sequence: int
    records: int


@dataclass(frozen=True, slots=True)
class OmronAdvertisement:
    """What a cuff tells of itself before anyone connects."""

    users: int
    time_not_set: bool
    pairing_mode: bool
    streaming: bool
    wlp: bool
    user: tuple[UserRecords, ...] = field(default=())


def advertisement(data: bytes) -> OmronAdvertisement:
    """Read the manufacturer data of company 020E, format 01; raises DecodeError."""
    cursor = Cursor(data)
    if cursor.u8() != 0x01:
        raise DecodeError("unknown_format", data)
    flags = cursor.u8()
    users = (flags & 3) + 1
    told = tuple(UserRecords(cursor.u16(), cursor.u8()) for _ in range(users))
    return OmronAdvertisement(
        users,
        time_not_set=bool(flags & 0x04),
        pairing_mode=bool(flags & 0x08),
        streaming=bool(flags & 0x10),
        wlp=bool(flags & 0x20),
        user=told,
    )


def is_one(session: Session) -> bool:
    """Say whether the device has Omron's option service."""
    return RECORD_ACCESS in session.link.channels


async def first_time(session: Session) -> ClockSample | None:
    """Take the clock's first notification, after which it can be set; or else read it."""
    try:
        inbox = await session.link.subscribe(CURRENT_TIME)
        frame = await inbox.get(within=_FIRST_TIME_S)
        shown = date_time(Cursor(frame.data))
    except (DecodeError, LinkError):
        return await read_clock(session)
    return ClockSample(shown=shown, at=frame.received) if isinstance(shown, datetime) else None


async def read_memory(cuff: Cuff, measurements: Inbox) -> None:
    """Record what the cuff has stored since the number in the bookmark, or everything.

    The bookmark is the number that was the latest before the report: what is measured afterwards is
    asked for the next time, even if it is indicated meanwhile. The report begins with the record of
    that number: if it is not one that was read then, the cuff was reset and has reached its old
    number again. Where more than one person may be in the memory, a number says little, and all of
    it is read each time.

    Somebody may measure meanwhile, which the cuff indicates, and it answers nothing before that is
    confirmed: so it is taken in while an answer is awaited.
    """
    session = cuff.session
    meanwhile = hearing(cuff, measurements)
    try:
        answers = await session.link.subscribe(RECORD_ACCESS)
    except LinkRefused:
        return  # then it sends what it will by itself
    stored = StoredRecords(
        session.link,
        RECORD_ACCESS,
        answers,
        measurements,
        by=_BY_NUMBER,
        record_within_s=_RECORD_S,
        meanwhile=meanwhile,
    )
    shared = _is_shared(session)
    known = None if shared else Reached.from_text(await session.bookmark())
    latest = await _latest(session, answers, meanwhile)
    report = _Report(cuff, stored)
    whole = await report.read(known.since if known else None)
    if known is not None and whole:
        began_anew = not known.is_among(report.seen)
        if not began_anew and _is_too_many(report.seen, latest, known.since):
            by_now = await _latest(session, answers, meanwhile)  # somebody may have measured since
            began_anew = _is_too_many(report.seen, by_now, known.since)
        if began_anew:
            await session.remark("memory_reset")
            known = None
            whole = await report.read(None)
    if not whole:
        return
    if report.users or shared or (known is None and _is_too_many(report.seen, latest, 0)):
        await session.set_bookmark("")
    elif latest is not None and report.seen:
        await session.set_bookmark(Reached.by(latest, report.seen).to_text())


def _is_too_many(seen: Sized, latest: int | None, since: int | None) -> bool:
    """Say whether these are more records than there are numbers from one to the latest."""
    return latest is not None and since is not None and len(seen) > latest - since + 1


def _is_shared(session: Session) -> bool:
    """Say whether the cuff advertises that it has more than one user."""
    try:
        told = advertisement(session.sighting.manufacturer_data.get(COMPANY, b""))
    except DecodeError:
        return False
    return told.users > 1


class _Report:
    """What was recorded of what the cuff has stored, and the users named in it."""

    def __init__(self, cuff: Cuff, stored: StoredRecords) -> None:
        self._cuff = cuff
        self._stored = stored
        self.seen: set[bytes] = set()
        self.users: set[int] = set()

    async def read(self, since: int | None) -> bool:
        """Record everything from a number on, or everything; False if something is missing."""
        self.seen.clear()
        try:
            await self._stored.report(since)
            while (burst := await self._stored.burst()) is not None:
                await self._record(burst)
            return await self._stored.confirms(since, len(self.seen), twice=False)
        except (LinkError, ProtocolError):
            await self._cuff.session.remark("stored_records_incomplete")
            return False

    async def _record(self, burst: Sequence[Frame]) -> None:
        made: list[Reading] = []
        for frame in burst:
            self.seen.add(frame.data)
            message = await self._cuff.understand(frame)
            if message is None:
                continue
            if message.user_id is not None and message.user_id != UNKNOWN_USER:
                self.users.add(message.user_id)
            made += self._cuff.stored(message, frame, 0)
        if made:
            await self._cuff.session.record(*made)


async def _latest(session: Session, answers: Inbox, meanwhile: Meanwhile) -> int | None:
    """Return the number of the latest record; None if the cuff does not tell."""
    with suppress(LinkError):
        await session.link.write(RECORD_ACCESS, _LATEST)
        for _ in range(round(_LATEST_S / TURN_S)):
            try:
                answer = await answers.get(within=TURN_S)
            except LinkTimeout:
                await meanwhile()
                continue
            is_one = answer.data[:2] == _LATEST_IS and len(answer.data) == 4
            return int.from_bytes(answer.data[2:], "little") if is_one else None
    return None
