"""Who lives here, and whose device is whose: on the owner's page, without a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from http import HTTPStatus

from fastapi import HTTPException
from starlette.responses import Response

from gateway.api import devices, people
from gateway.api.hub import Hub, counted
from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import EARLIEST
from gateway.domain.subject import SubjectId
from gateway.language.plain import plain
from gateway.language.words import Words
from gateway.web.home import called, household, named
from gateway.web.visits import Visit, see_other

_LATELY = timedelta(minutes=10)
"""How long a device that was heard stays on the list: a scale is on the air for seconds."""
_NEAR_DBM = -60
"""Stronger is within a room, mostly. A guess."""
_LONGEST_NAME = 60
_NEW = "new"
"""What the choice says for somebody who is not here yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """A device that could measure somebody, or somebody else."""

    device: DeviceId
    name: str
    family: str
    """What it is, in words; nothing where that is its name here."""
    place: str
    """Its Bluetooth address, or what the owner calls the port."""
    near: bool


async def found(visit: Visit) -> Response:
    """Show the devices that could be added."""
    return visit.page("devices.html", found=list(_found(visit)))


async def looked(visit: Visit) -> Response:
    """Show them again, for a page that looks every few seconds."""
    return visit.page("devices_found.html", found=list(_found(visit)))


async def choose(visit: Visit) -> Response:
    """Ask whose the device is, or who else's."""
    chosen = _chosen(visit)
    if chosen is None:
        return see_other("/devices")
    return _ask_whose(visit, chosen)


async def add(visit: Visit) -> Response:
    """Make a device ours, and somebody's: of this household already, or named here."""
    async with visit.site.one_by_one:
        return await _add(visit)


async def _add(visit: Visit) -> Response:
    hub, form = visit.hub, visit.form
    device = _chosen(visit)
    if device is None:
        return see_other("/devices")
    unclear = _unclear(hub, form.get("subject"), form.get("name"))
    if unclear is not None:
        return _ask_whose(visit, device, unclear)
    since = EARLIEST if form.get("since") == "ever" else _midnight(hub)
    devices.told_in_time(hub, since)  # else who is new would be here, and the device not theirs
    subject = await _somebody(hub, form.get("subject"), form.get("name"))
    new = people.NewAssignment(
        device=device.device, subject=subject, slot=form.get("slot") or None, since=since
    )
    await people.assign(hub, new)
    return see_other("/")


async def ask_to_end(visit: Visit) -> Response:
    """Ask before a device measures somebody no more."""
    device, subject = visit.form.get("device"), visit.form.get("subject")
    known = [each.device for each in visit.hub.reader.devices() if each.device.id == device]
    name = _name(visit.hub, subject)
    if not known or name is None:
        return see_other("/")
    about = {"device": device, "subject": subject}
    return visit.sure(
        "no_more", "/devices/end", about, device=called(known[0], visit.words), name=name
    )


async def end(visit: Visit) -> Response:
    """Let a device measure somebody no more, whatever their number on it.

    One that is nobody's then is left alone: it may have been sold, and what a stranger measures is
    none of our business.
    """
    hub, now = visit.hub, visit.hub.clock.now().utc
    device, subject = DeviceId(visit.form.get("device")), SubjectId(visit.form.get("subject"))
    for each in hub.reader.assignments():
        if (each.device, each.subject, each.until) == (device, subject, None):
            ended = people.AssignmentEnd(device=device, subject=subject, slot=each.slot, until=now)
            with suppress(HTTPException):  # somebody else has just ended it
                await people.end_assignment(hub, ended)
    await devices.leave_if_nobodys(hub, [device])
    return see_other("/")


async def read(visit: Visit) -> Response:
    """Have a device read as soon as it is seen."""
    with suppress(HTTPException):  # it is known here no more
        await devices.read_now(visit.hub, devices.ReadingNow(device=visit.form.get("device")))
    return see_other("/")


async def ask_to_erase(visit: Visit) -> Response:
    """Ask before a person is erased, for nothing brings them back."""
    subject = visit.form.get("subject")
    name = _name(visit.hub, subject)
    if name is None:
        return see_other("/")
    return visit.sure("erase", "/people/erase", {"subject": subject}, name=name)


async def erase(visit: Visit) -> Response:
    """Erase a person, and say what that did."""
    subject = SubjectId(visit.form.get("subject"))
    async with visit.site.one_by_one:
        if _name(visit.hub, subject) is None:
            return see_other("/")
        done = await people.erase(visit.hub, subject)
    return visit.page("erased.html", erased=done["erased"], left=done["left"])


def _chosen(visit: Visit) -> Found | None:
    """Return the device that a form is about; one that is somebody's only to be shared."""
    shared = visit.form.get("shared") == "yes"
    there = _ours(visit) if shared else _found(visit)
    return next((each for each in there if each.device == visit.form.get("device")), None)


def _ours(visit: Visit) -> Iterator[Found]:
    """Yield the devices that are ours, but for those of a counter."""
    at_counter = counted(visit.hub)
    for known in visit.hub.reader.devices():
        if known.adopted and known.device.id not in at_counter:
            yield _known(known.device, visit.words)


def _found(visit: Visit) -> Iterator[Found]:
    """Yield what was heard just now, and what is or was ours; not what is somebody's."""
    hub = visit.hub
    assignments = hub.reader.assignments()
    taken = {each.device for each in assignments if each.until is None}.union(counted(hub))
    ours = {each.device for each in assignments if each.session is None}
    heard_after = hub.clock.now().utc - _LATELY
    for seen in hub.sightings():
        if seen.driver is None or seen.device in taken or seen.seen_at < heard_after:
            continue
        taken.add(seen.device)
        near = seen.rssi_dbm is not None and seen.rssi_dbm > _NEAR_DBM
        yield _called(seen.device, seen.name, seen.driver, visit.words, near=near)
    for known in hub.reader.devices():
        if (known.adopted or known.device.id in ours) and known.device.id not in taken:
            yield _known(known.device, visit.words)


def _known(device: Device, words: Words) -> Found:
    return _called(device.id, named(device), device.driver, words, near=False)


def _called(device: DeviceId, name: str | None, driver: str, words: Words, *, near: bool) -> Found:
    """Name a device by what it calls itself, or by what it is."""
    family = words.or_none(f"family.{driver.partition('/')[0]}") or driver
    at = device.partition(":")[2]
    return Found(device, plain(name or family), family if name else "", plain(at), near)


def _ask_whose(visit: Visit, chosen: Found, unclear: str | None = None) -> Response:
    """Ask whose the device is, or who else's; again where `unclear` has the words for why."""
    shared = visit.form.get("shared") == "yes"
    owners = {
        each.subject
        for each in visit.hub.reader.assignments()
        if each.until is None and each.device == chosen.device
    }
    people = household(visit.hub)
    return visit.page(
        "device.html",
        HTTPStatus.OK if unclear is None else HTTPStatus.BAD_REQUEST,
        chosen=chosen,
        people=people,
        owners=[each.label for each in people if shared and each.id in owners],
        unclear=unclear,
        said={name: visit.form.get(name) for name in ("subject", "name", "since", "slot")},
    )


def _unclear(hub: Hub, subject: str, name: str) -> str | None:
    """Name the words for why nobody can be told from what was chosen and typed; None if somebody.

    One who was chosen beside another name that was typed is not who was meant, perhaps; nor is one
    who is called as somebody else is to be.
    """
    chosen = _name(hub, subject)
    if chosen is not None:
        return None if name == "" or people.is_same_name(name, chosen) else "two_named"
    if not 0 < len(name) <= _LONGEST_NAME:
        return "nobody_named"
    alike = len(_called_so(hub, name))
    return "named_already" if alike > 1 or (alike and subject == _NEW) else None


async def _somebody(hub: Hub, subject: str, name: str) -> SubjectId:
    """Return the person who was chosen, or add the one who was named."""
    if _name(hub, subject) is not None:
        return SubjectId(subject)
    there = _called_so(hub, name)
    return there[0] if there else (await people.add_person(hub, people.NewPerson(label=name))).id


def _name(hub: Hub, subject: str) -> str | None:
    return next((each.label for each in household(hub) if each.id == subject), None)


def _called_so(hub: Hub, name: str) -> list[SubjectId]:
    return [each.id for each in household(hub) if people.is_same_name(each.label, name)]


def _midnight(hub: Hub) -> datetime:
    today = hub.clock.now().utc.astimezone(hub.zone).date()
    return datetime.combine(today, time(), tzinfo=hub.zone)
