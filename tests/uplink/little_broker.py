"""An MQTT broker that does with messages what its mood says, and forgets no byte.

Spec: MQTT Version 5.0, sections 3.2 (CONNACK), 3.4 (PUBACK), 3.12 (PINGREQ).
"""

import asyncio
import json

from tests.uplink.brokers import packet, published
from tests.uplink.little_stores import Moody

_CONNECT, _PUBLISH, _PINGREQ = 1, 3, 12
_ACCEPTED, _ALIVE = bytes([0x20, 3, 0, 0, 0]), bytes([0xD0, 0])
_REASONS = {"takes": 0x00, "is busy": 0x97, "rejects": 0x99}


class Broker(Moody):
    """What `little_stores.Server` is for requests."""

    def __init__(self) -> None:
        super().__init__()
        self.created: list[str] = []
        """The id of every reading that was passed on, in order."""

    async def listen(self) -> str:
        return f"mqtt://127.0.0.1:{await self.open()}"

    def bytes_about(self, who: str) -> int:
        """Count the bytes of every message that names this person."""
        return sum(len(each) for each in self._received if who.encode() in each)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (answer := await self._answer(*await packet(reader))) is not None:
            writer.write(answer)
            await writer.drain()

    async def _answer(self, header: int, body: bytes) -> bytes | None:
        """Return the answer; None if there is none and the connection breaks."""
        self._received.append(bytearray(body))
        if header >> 4 == _CONNECT:
            return _ACCEPTED
        if header >> 4 == _PINGREQ:
            return _ALIVE
        if header >> 4 != _PUBLISH:
            return None  # it says goodbye
        self._asked.set()
        if self.mood == "is silent":
            await self.be_silent()
            return None
        if self.mood == "loses requests":
            return None
        topic, number, _, payload = published(body)
        names = [json.loads(payload)["id"]] if topic.endswith("/readings") else []
        if self.mood in ("takes", "loses answers"):
            self.created += names
        if self.mood == "loses answers":
            return None
        return bytes([0x40, 3]) + number + bytes([_REASONS[self.mood]])
