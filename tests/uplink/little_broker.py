"""An MQTT broker that does with messages what its mood says, and forgets no byte.

Spec: MQTT Version 5.0, sections 3.2 (CONNACK), 3.4 (PUBACK), 3.12 (PINGREQ).
"""

import asyncio
import json
from contextlib import suppress

from tests.uplink.brokers import packet, published

_CONNECT, _PUBLISH, _PINGREQ = 1, 3, 12
_ACCEPTED, _ALIVE = bytes([0x20, 3, 0, 0, 0]), bytes([0xD0, 0])
_REASONS = {"takes": 0x00, "is busy": 0x97, "rejects": 0x99}


class Broker:
    """What `little_stores.Server` is for requests."""

    def __init__(self) -> None:
        self.mood = "takes"
        self.created: list[str] = []
        """The id of every reading that was passed on, in order."""
        self._received: list[bytearray] = []
        self._silent = asyncio.Event()
        self._asked = asyncio.Event()
        self._talks: set[asyncio.StreamWriter] = set()

    async def listen(self) -> str:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self._silent.set()
        self._server.close()
        for writer in self._talks:
            writer.transport.abort()
        await self._server.wait_closed()

    def be(self, mood: str) -> None:
        """Change the mood; who was left without an answer is hung up on."""
        self.mood = mood
        self._silent.set()

    async def asked_within(self, seconds: float) -> None:
        """Wait until a message was dealt with, at most so long."""
        self._asked.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()

    def bytes_about(self, who: str) -> int:
        """Count the bytes of every message that names this person."""
        return sum(len(each) for each in self._received if who.encode() in each)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(writer)
        try:
            while (answer := await self._answer(*await packet(reader))) is not None:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._talks.discard(writer)
            writer.transport.abort()

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
            self._silent.clear()
            await self._silent.wait()
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
