"""Asks systemd-timedated whether the system's clock is synchronised, where the kernel may not be.

timedated is started by the system bus when asked, reads the kernel's answer and passes it on. It
serves whoever keeps the time: systemd-timesyncd, chrony, ntpd.
Spec: org.freedesktop.timedate1(5), property NTPSynchronized.
"""

from __future__ import annotations

import asyncio

_SERVICE = "org.freedesktop.timedate1"
_ANSWER_S = 5.0
"""It answers in milliseconds. Guess: a small machine that is starting up needs seconds."""


async def is_synchronised() -> bool | None:
    """Return its answer; None if there is no such service, or it does not answer."""
    # Loaded here: where the kernel may be asked, and that is the usual, nobody asks timedated.
    from dbus_fast import BusType, Message, MessageType
    from dbus_fast.aio import MessageBus
    from dbus_fast.errors import DBusError

    bus = MessageBus(bus_type=BusType.SYSTEM)
    asked = Message(
        destination=_SERVICE,
        path="/org/freedesktop/timedate1",
        interface="org.freedesktop.DBus.Properties",
        member="Get",
        signature="ss",
        body=[_SERVICE, "NTPSynchronized"],
    )
    try:
        async with asyncio.timeout(_ANSWER_S):
            await bus.connect()
            answer = await bus.call(asked)
    except (DBusError, OSError, EOFError, TimeoutError):
        return None
    finally:
        bus.disconnect()
    if answer.message_type is not MessageType.METHOD_RETURN:
        return None
    return bool(answer.body[0].value)
