"""Routes about devices: which are known, which are ours, which are in reach."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, HTTPException

from gateway.api.context import Body, HubHere
from gateway.api.hub import Hub, Sighted, counted
from gateway.domain.device import OVER_THE_AIR, Device, DeviceId, device_named
from gateway.domain.subject import SubjectId
from gateway.errors import ConfigError, JournalError

router = APIRouter(tags=["devices"])

_TODAY = timedelta(hours=25)  # from its midnight on, in the longest of days


class Adoption(Body):
    """A device the gateway may talk with."""

    device: str
    driver: str | None = None


class Forgetting(Body):
    """A device whose bond is dropped; it stays ours."""

    device: str


class Disowning(Body):
    """A device that was sold, lent or thrown away."""

    device: str


class ReadingNow(Body):
    """A device that is not to be left alone any longer."""

    device: str


@router.get("/devices")
async def devices(hub: HubHere) -> list[dict[str, Any]]:
    """List the devices that are known, with their last reading and their last trouble."""
    problems = hub.status().problems
    return [
        {
            "number": known.number,
            **known.device.model_dump(mode="json"),
            "adopted": known.adopted,
            "set_aside": known.set_aside,
            "last_aside": known.last_aside,
            "last_remark": known.last_remark,
            "last_reading_at": _iso(known.last_reading_at),
            "problem": problems.get(known.device.id),
        }
        for known in hub.reader.devices()
    ]


@router.post("/devices/adopt", status_code=201)
async def adopt(hub: HubHere, adoption: Adoption) -> dict[str, str]:
    """Let the gateway talk with a device."""
    return {"id": await adopted(hub, adoption.device, adoption.driver)}


@router.post("/devices/disown", status_code=201)
async def disown(hub: HubHere, disowning: Disowning) -> dict[str, str]:
    """Talk with a device no more; it measures nobody here from now on. What it gave stays."""
    device, now = _known(hub, disowning.device), hub.clock.now().utc
    if not device.startswith(OVER_THE_AIR):
        raise ConfigError(
            f"{device} is on a cable: it is read as long as it is plugged in. Unplug it, or take it"
            " out of the configuration."
        )
    told_in_time(hub, now)
    for made in hub.reader.assignments():
        if (made.device, made.until) == (device, None) and made.since < now:
            await hub.journal.end_assignment(made, now)
    await hub.disown(device)
    return {"id": device}


async def leave_if_nobodys(
    hub: Hub, devices: Collection[DeviceId], but: SubjectId | None = None
) -> None:
    """Leave those alone that measure nobody here any more, or nobody `but` who is leaving.

    Only what is read for having been adopted, and nothing of a counter, whoever comes there. What
    somebody was given meanwhile stays ours.
    """
    drivers = {each.device.id: each.device.driver for each in hub.reader.devices() if each.adopted}
    for device in sorted(drivers.keys() & {*devices} - _measuring(hub, but) - {*counted(hub)}):
        if device.startswith(OVER_THE_AIR):
            await hub.disown(device)
            if device in _measuring(hub, but):
                await hub.adopt(device, drivers[device])


def _measuring(hub: Hub, but: SubjectId | None) -> set[DeviceId]:
    """Collect the devices that measure somebody now, whom `but` need not be."""
    return {
        each.device
        for each in hub.reader.assignments()
        if each.until is None and each.subject != but
    }


@router.post("/devices/forget", status_code=201)
async def forget(hub: HubHere, forgetting: Forgetting) -> dict[str, str | bool]:
    """Drop the bond with a device, which may have lost its own: it can then be paired anew."""
    device = _known(hub, forgetting.device)
    return {"id": device, "was_bonded": await hub.forget(device)}


@router.post("/devices/read", status_code=201)
async def read_now(hub: HubHere, reading: ReadingNow) -> dict[str, str]:
    """Talk with a device as soon as it is seen, however long it was to be left alone."""
    device = _known(hub, reading.device)
    hub.read_now(device)
    return {"id": device}


@router.get("/sightings")
async def sightings(hub: HubHere) -> list[Sighted]:
    """List the devices in reach now, also those nobody adopted."""
    return list(hub.sightings())


def told_in_time(hub: Hub, at: datetime) -> None:
    """Refuse what is to be from today on while nobody knows what day it is."""
    now = hub.clock.now()
    if not now.trusted and abs(at - now.utc) < _TODAY:
        raise JournalError(
            "the hub does not know the time yet: whose a device is from now on cannot be said"
        )


def _known(hub: Hub, said: str) -> DeviceId:
    device = hub.resolve(said)
    if device not in {known.device.id for known in hub.reader.devices()}:
        raise HTTPException(404, "There is no such device here: see 'devices'.")
    return device


async def adopted(hub: HubHere, device: str, driver: str | None) -> DeviceId:
    """Adopt a device by its id or address, with the named driver or the one that fits."""
    known = {k.device.id: k for k in hub.reader.devices()}
    named = hub.resolve(device)
    if named in known and known[named].adopted and driver is None:
        return named
    before = known[named].device.driver if named in known else None
    fitting = driver or hub.driver_for(named) or before
    if fitting is None:
        raise ConfigError(
            f"{device} is not in reach, so no driver could be chosen: switch it on and look with"
            " 'scan', or name the driver."
        )
    if named not in known and hub.driver_for(named) is None and device_named(named) is None:
        raise ConfigError(
            f"{device} is not in reach, and no device is called that: switch it on and look with"
            " 'scan', or give the Bluetooth address that is printed on it, with its colons."
        )
    await hub.adopt(named, fitting)
    if hub.driver_for(named) is not None:  # it is in sight, and has perhaps said its name
        for seen in hub.sightings():
            if seen.device == named:
                told = Device(id=named, driver=fitting, name=seen.name)
                await hub.journal.describe(told)
    return named


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
