"""Reading the memory of a FreeStyle Libre reader; its clock is asked for in the same conversation.

A reader gives all it has, some half a megabyte, or nothing; so it is first asked for the number of
its records, and only read if that is another than before. What comes after the last record that is
safe is recorded, oldest first, with the bookmark; if that record is gone, all of it is, which
identity makes harmless. Only the questions of `codec.Ask` are ever written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.domain.reading import Reading
from gateway.drivers import freestyle_text
from gateway.drivers.api import HID, Frame, Session
from gateway.drivers.cgm.freestyle_libre import codec, memory
from gateway.drivers.cgm.freestyle_libre.codec import Ask, Record, Result, Sample
from gateway.drivers.cgm.freestyle_libre.memory import Stored
from gateway.drivers.cgm.freestyle_libre.readings import Reader, reading
from gateway.drivers.clock_log import Look, is_look
from gateway.drivers.freestyle_line import ENCRYPTED, Clock, Line
from gateway.drivers.polling import POLL_S
from gateway.errors import DecodeError, ProtocolError

LIBRE, LIBRE_2 = (0x1A61, 0x3650), (0x1A61, 0x3950)
"""USB ids. The second is known to be told that it cannot be read."""
UNNUMBERED_POLL_S = 900.0
"""How long a reader is left alone that does not tell the number of its records: a sensor measures
every 15 minutes."""

_MODEL = "FreeStyle Libre"
_BATCH = 500  # readings in one commit: a first reading of 90 days has some 8600
_NO_VALUE = "no_value: a sensor or a strip reported an error"


async def converse(session: Session) -> None:
    """Read the memory whenever it has more records, until the link is gone."""
    line = await _begin(session)
    serial = await line.introduce(Ask.SERIAL, Ask.SOFTWARE, _MODEL)
    safe_number = None
    while True:
        told = await line.ask(Ask.RECORD_NUMBER)
        number = None if told is None else codec.record_number(told.answer.text)
        if number is None or number != safe_number:
            complete = await _collect(session, line, serial)
            safe_number = number if complete else None
        await session.pause(UNNUMBERED_POLL_S if number is None else POLL_S)


async def serial_number(session: Session) -> str:
    """Ask for the serial number and nothing else."""
    line = await _begin(session)
    return await line.number(Ask.SERIAL, _MODEL)


async def _begin(session: Session) -> Line:
    if session.sighting.usb == LIBRE_2:
        raise ProtocolError(ENCRYPTED)
    return await Line.open(session, freestyle_text.TEXT_OF_LIBRE)


@dataclass(frozen=True, slots=True)
class _Safe:
    """The last record of each list that is safe, by its key; of which reader.

    `look` is what was seen of its clock then.
    """

    serial: str
    history: str | None = None
    results: str | None = None
    look: Look | None = None

    @classmethod
    def of(cls, serial: str, bookmark: str | None) -> _Safe:
        """Read a bookmark; nothing is safe if it is none, or another reader's.

        No result is if it was made before ketone was read: it passed over that.
        """
        try:
            fields = json.loads(bookmark or "")
            if fields["serial"] == serial:
                look = Look.from_text(fields["look"])
                results = fields["results"] if fields.get("ketone") else None
                return cls(serial, fields["history"], results, look)
        except (KeyError, TypeError, ValueError):
            pass
        return cls(serial)

    def to_text(self) -> str:
        """Write a bookmark."""
        fields = {"serial": self.serial, "history": self.history, "results": self.results}
        look = self.look.to_text() if self.look else None
        return json.dumps({**fields, "look": look, "ketone": True})


async def _collect(session: Session, line: Line, serial: str) -> bool:
    """Record what is newer than the bookmark; say whether all could be read.

    Among the results is how the clock was set. While they cannot be read the history waits too.
    """
    results = await _list(line, Ask.RESULTS, codec.result)
    if results is None:
        return False
    history = await _list(line, Ask.HISTORY, codec.sample)
    received = session.now()
    clock = await line.clock(Ask.DATE, Ask.TIME)
    if clock is None:
        return False
    safe = _Safe.of(serial, await session.bookmark())
    news = [
        *memory.after(results, safe.results),
        *memory.after(history or [], safe.history),
    ]
    await _tell_what_is_no_reading(line, news, clock)
    new = {each.key for each in news}
    reader = Reader(session.device.id, serial, clock.sample, clock.resolution)
    known: Reading | None = None
    made: list[Reading] = []
    timed, look = memory.in_time(history or [], results, clock.sample, safe.look)
    for each in timed:
        told = reading(each, reader, received)
        if told is not None and each.key in new:
            made.append(told)
        elif told is not None and is_look(told):
            known = told
    if known is not None and made and not any(map(is_look, made)):
        made.insert(0, known)  # no news but for what the clock shows
    reached = _Safe(
        serial,
        _last(history, safe.history),
        _last(results, safe.results),
        look if look and any(map(is_look, made)) else safe.look,
    )
    await _record(session, made, reached, safe)
    return history is not None


async def _list(
    line: Line, question: Ask, decode: Callable[[bytes], Record]
) -> list[Stored] | None:
    """Ask for a list; None if there is none that adds up."""
    told = await line.ask(question)
    if told is None:
        return None
    try:
        return memory.stored(freestyle_text.records(told.answer.message), decode)
    except DecodeError as error:
        await line.set_aside(Frame(HID, told.answer.message, told.at), error)
        return None


async def _tell_what_is_no_reading(line: Line, news: Sequence[Stored], clock: Clock) -> None:
    for each in news:
        if each.error is not None:
            await line.set_aside(Frame(HID, each.error.payload, clock.at), each.error)
        elif isinstance(each.record, Sample | Result) and not each.record.valid:
            await line.remark(_NO_VALUE)


def _last(listed: Sequence[Stored] | None, safe: str | None) -> str | None:
    """Return the key of the last record; that of before if nothing in the list can be read."""
    if listed is None or (listed and all(each.record is None for each in listed)):
        return safe
    return listed[-1].key if listed else None


async def _record(
    session: Session, readings: Sequence[Reading], reached: _Safe, safe: _Safe
) -> None:
    for at in range(0, len(readings), _BATCH):
        is_last = at + _BATCH >= len(readings)
        bookmark = reached.to_text() if is_last else None
        await session.record(*readings[at : at + _BATCH], bookmark=bookmark)
    if not readings and reached != safe:
        await session.set_bookmark(reached.to_text())
