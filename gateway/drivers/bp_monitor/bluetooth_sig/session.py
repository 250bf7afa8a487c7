"""The conversation with a Bluetooth SIG cuff: subscribe, ask who it is, collect what it sends.

A cuff appears for some seconds after a measurement, sends what it has as indications, and hangs up.
It forgets a record once its indication is confirmed, which asking for the next frame does: hence
each record is safe before the next is asked for. Cuffs of service 1.1.1 and Omron's also keep a
memory that is asked for.

A cuff that is connected while it measures may notify the pressure in it: never a reading, but a
sign that one is on its way, for as long as which the link is kept.
"""

from __future__ import annotations

from contextlib import suppress

from gateway.drivers import and_medical
from gateway.drivers.api import Inbox, Session
from gateway.drivers.bp_monitor.bluetooth_sig import omron
from gateway.drivers.bp_monitor.bluetooth_sig.cuff import (
    ENHANCED,
    INTERMEDIATE,
    MEASUREMENT,
    Cuff,
    is_beurer,
)
from gateway.drivers.bp_monitor.bluetooth_sig.memory import Memory, has_memory
from gateway.drivers.device_clock import set_clock
from gateway.drivers.episodic import hear_out
from gateway.drivers.gatt_device import introduce, read_clock
from gateway.errors import LinkError, LinkRefused, PairingNeeded, ProtocolError

_BEURER_REST_S = 0.1
"""A BM85 that is subscribed to as soon as it was looked at sometimes takes the subscription, shows
an error and sends nothing. Half of this was enough (a public client)."""


async def converse(session: Session) -> None:
    """Record everything the cuff sends until it is silent or hangs up, its normal end."""
    if is_beurer(session.sighting.name, session.device.model):
        await session.pause(_BEURER_REST_S)
    inboxes = [await _measurements(session), *await _under_way(session)]
    is_omron = omron.is_one(session)
    clock = await (omron.first_time(session) if is_omron else read_clock(session))
    cuff = Cuff(session, clock)
    hangs_up = is_omron or and_medical.is_one(session)
    if hangs_up:
        await set_clock(session, clock)
    if is_omron:
        await omron.read_memory(cuff, inboxes[0])
    elif has_memory(session):
        await _read_memory(cuff, inboxes[0])
    await introduce(session)
    await hear_out(session, cuff, clock, *inboxes)
    if not hangs_up:
        await set_clock(session, clock)
    await and_medical.let_go(session)


async def _read_memory(cuff: Cuff, measurements: Inbox) -> None:
    """Read what is stored; trouble with it leaves what comes by itself to be heard."""
    try:
        await (await Memory.subscribed(cuff, measurements)).read()
    except (LinkError, ProtocolError):
        await cuff.session.remark("stored_records_incomplete")


async def _under_way(session: Session) -> list[Inbox]:
    """Subscribe to the pressure while the cuff measures, if it offers one to us."""
    offered = [channel for channel in INTERMEDIATE if channel in session.link.channels]
    with suppress(LinkRefused, PairingNeeded):
        return [await session.link.subscribe(channel) for channel in offered[:1]]
    return []


async def _measurements(session: Session) -> Inbox:
    """Subscribe to one of the two: a cuff that offers both sends each record on both."""
    offered = [it for it in (ENHANCED, MEASUREMENT) if it in session.link.channels]
    if not offered:
        raise ProtocolError("The device offers no blood pressure measurement: is it another model?")
    for channel in offered[:-1]:
        with suppress(LinkRefused):
            return await session.link.subscribe(channel)
    return await session.link.subscribe(offered[-1])
