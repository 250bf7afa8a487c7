"""Reads the stored records of a cuff that has a Record Access Control Point (service 1.1.1).

They are numbered per user. Where they name none, the bookmark names the last record, and the next
time the cuff is asked from there on. Where they do, another's first record may have a lower number,
and all of it is read each time: a record that is there already is no news. So it is where the cuff
has stored something under a number of before.

What was just measured may be on its way meanwhile, as an indication, and the answer to a request
comes only once that is confirmed: so it is taken in between. It is in the memory, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.reading import Reading
from gateway.drivers.api import Frame, Inbox, Session, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import codec
from gateway.drivers.bp_monitor.bluetooth_sig.cuff import ENHANCED, MEASUREMENT, Cuff, hearing
from gateway.drivers.bp_monitor.bluetooth_sig.record import Assembly, StoredRecord
from gateway.drivers.episodic import Heard
from gateway.drivers.record_mark import Mark
from gateway.drivers.stored_records import StoredRecords
from gateway.errors import DecodeError, LinkRefused

RECORD = gatt("1810", "2b36")
RECORD_ACCESS = gatt("1810", "2a52")
FEATURE = gatt("1810", "2a49")

READS = 3
"""How often the same records are asked for before going on without what is missing."""

_CHANNELS = {"2A35": MEASUREMENT, "2B34": ENHANCED}
_E2E_CRC = 1 << 6


def has_memory(session: Session) -> bool:
    """Say whether the cuff's stored records can be asked for."""
    return {RECORD, RECORD_ACCESS} <= set(session.link.channels)


class Memory:
    """The stored records of one cuff, subscribed to."""

    def __init__(self, cuff: Cuff, stored: StoredRecords, *, e2e_crc: bool) -> None:
        self._cuff = cuff
        self._session = cuff.session
        self._stored = stored
        self._e2e_crc = e2e_crc
        self._seen: dict[Mark, None] = {}
        """In their order. Of two users' records, both may have the same number."""
        self._users: set[int] = set()
        self._bad: set[bytes] = set()

    @classmethod
    async def subscribed(cls, cuff: Cuff, measurements: Inbox) -> Memory:
        """Subscribe to the records, and find out whether they carry a CRC.

        `measurements` is where what was just measured comes.
        """
        link = cuff.session.link
        records = await link.subscribe(RECORD)
        answers = await link.subscribe(RECORD_ACCESS)
        meanwhile = hearing(cuff, measurements)
        stored = StoredRecords(
            link, RECORD_ACCESS, answers, records, measurements, meanwhile=meanwhile
        )
        return cls(cuff, stored, e2e_crc=await _has_crc(cuff.session))

    async def read(self) -> None:
        """Record what was stored since the bookmark, or everything."""
        known = Mark.from_text(await self._session.bookmark())
        whole = await self._read(known.since if known else None)
        if known is not None and (known not in self._seen or await self._began_anew(known)):
            await self._session.remark("memory_reset")
            self._seen.clear()
            whole = await self._read(None)
        if not whole:
            await self._session.remark("stored_records_incomplete")
        elif self._seen and not self._users:
            await self._session.set_bookmark(list(self._seen)[-1].to_text())
        elif self._users:
            await self._session.set_bookmark("")

    async def _began_anew(self, known: Mark) -> bool:
        """Say whether the cuff has stored something new under a number of before.

        Asked for a number and greater it would never tell. So where nothing new came, the last
        record is asked for; a cuff that cannot tell it is believed.
        """
        if known.since is None:
            return False
        if list(self._seen) == [known]:
            await self._take(await self._stored.last(), Assembly(e2e_crc=self._e2e_crc))
        return known.numbers_began_anew(self._seen)

    async def _read(self, since: int | None) -> bool:
        for _ in range(READS):
            before = len(self._seen)
            intact = await self._report(since)
            twice = len(self._seen) == before > 0
            if intact and await self._stored.confirms(since, len(self._seen), twice=twice):
                return True
        return False

    async def _report(self, since: int | None) -> bool:
        """Record one report; say whether every record of it could be put together."""
        assembly = Assembly(e2e_crc=self._e2e_crc)
        intact = True
        await self._stored.report(since)
        while (burst := await self._stored.burst()) is not None:
            intact = await self._take(burst, assembly) and intact
        return intact

    async def _take(self, burst: Sequence[Frame], assembly: Assembly) -> bool:
        made: list[Reading] = []
        intact = True
        for frame in burst:
            if frame.channel != RECORD:
                await self._hear(frame)
                continue
            try:
                record = assembly.add(frame)
            except DecodeError as error:
                intact = False
                await self._set_aside(frame, error)
            else:
                made += await self._readings(record)
        if made:
            await self._session.record(*made)
        return intact

    async def _hear(self, frame: Frame) -> None:
        message = await self._cuff.understand(frame)
        if message is not None:
            await self._cuff.record([Heard(frame, message)], alone=False)

    async def _set_aside(self, frame: Frame, error: DecodeError) -> None:
        if frame.data not in self._bad:
            self._bad.add(frame.data)
            await self._session.set_aside(frame, error)

    async def _readings(self, record: StoredRecord | None) -> tuple[Reading, ...]:
        """Make the readings of a record that was not seen yet."""
        if record is None:
            return ()
        mark = Mark.of(record.sequence, record.data)
        if mark in self._seen:
            return ()
        self._seen[mark] = None
        channel = _CHANNELS.get(record.uuid)
        if channel is None:
            await self._session.remark("record_of_another_kind", record.frame)
            return ()
        frame = Frame(channel, record.data, record.frame.received)
        message = await self._cuff.understand(frame)
        if message is None:
            return ()
        if message.user_id is not None and message.user_id != codec.UNKNOWN_USER:
            self._users.add(message.user_id)
        return self._cuff.stored(message, frame, record.sequence)


async def _has_crc(session: Session) -> bool:
    if FEATURE not in session.link.channels:
        return False
    try:
        features = codec.feature((await session.link.read(FEATURE)).data)
    except (DecodeError, LinkRefused):
        return False
    return bool(features.raw & _E2E_CRC)
