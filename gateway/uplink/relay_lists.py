"""Which gateways a relay will wait for: those of which the broker keeps no list of revocations.

What the broker retains tells it, whether or not a relay is running.
"""

from __future__ import annotations

import asyncio
import secrets

from gateway.uplink.mqtt_client import MqttConnection
from gateway.uplink.mqtt_session import Incoming, Session
from gateway.uplink.relay_settings import RelaySettings
from gateway.uplink.relayed import revoked_in

_QUIET_S = 1.0
"""What a broker retains it sends at once; nothing says which is the last of it."""


async def lists(settings: RelaySettings, quiet_s: float = _QUIET_S) -> dict[str, bool]:
    """Return the gateways that the broker knows, and whether it keeps a list of each.

    One that cannot be read is none. Raises UplinkError if the broker cannot be asked.
    """
    retained: asyncio.Queue[Incoming] = asyncio.Queue()
    name = f"hsg-doctor-{secrets.token_hex(8)}"
    session = Session(client_id=name, receive=retained.put_nowait)
    connection = await MqttConnection.open(settings, session)
    found: dict[str, bool] = {}
    try:
        await connection.subscribe(*(f"{settings.prefix}/+/{what}" for what in _TOLD))
        while True:
            async with asyncio.timeout(quiet_s):
                message = await retained.get()
            connection.acknowledge(message)
            where, _, what = message.topic.rpartition("/")
            gateway = where.rpartition("/")[2]
            is_list = what == "revocations" and revoked_in(message.payload) is not None
            found[gateway] = is_list or found.get(gateway, False)
    except TimeoutError:
        return found
    finally:
        await connection.close()


_TOLD = ("status", "revocations")
