"""Devices that several people share, and tell apart by a number.

What number a device gives to whom is learnt from a reading that a person knows to be theirs: what a
device shows is not always what it sends.
"""

from __future__ import annotations

from gateway.api import people
from gateway.api.hub import Hub, counted
from gateway.domain.entry import Entry
from gateway.domain.subject import Attribution, SubjectId
from gateway.language.plain import plain


def number(hub: Hub, entry: Entry) -> str | None:
    """Return the number of a reading on its device, if what comes under it may be one person's.

    None where there is none, where it is somebody's already, at a kiosk, and where nobody knows
    when it was measured.
    """
    device, slot = entry.reading.device, entry.reading.slot
    if slot is None or entry.timing.earliest is None:
        return None
    if device in counted(hub):
        return None
    held = {(each.device, each.slot) for each in hub.reader.assignments() if each.until is None}
    return None if (device, slot) in held else plain(slot)


def by_days(hub: Hub, entry: Entry) -> bool:
    """Tell whether some days of what gave the reading can be said to be another's."""
    is_said = entry.attribution in (Attribution.ASSIGNMENT, Attribution.CLAIM)
    return is_said and entry.reading.device not in counted(hub)


async def keep(hub: Hub, entry: Entry, subject: SubjectId) -> None:
    """Make what comes under the number of this reading the person's, from this reading on."""
    since = entry.timing.earliest
    if since is not None and number(hub, entry) is not None:
        device, slot = entry.reading.device, entry.reading.slot
        new = people.NewAssignment(device=device, subject=subject, slot=slot, since=since)
        await people.assign(hub, new)
