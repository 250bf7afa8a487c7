"""The whole daemon over the box, from a configuration file, asked through its socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway import config as configuration
from gateway.app.daemon import daemon
from gateway.client import Client
from tests.bluez.hub import BLOOD_PRESSURE, WITHIN_S

LOOK_AGAIN_S = 0.1


class Household:
    """A person at the hub, with the command at hand."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, *path: str) -> Any:
        return await asyncio.to_thread(self._client.get, *path)

    async def post(self, *path: str, **body: object) -> Any:
        return await asyncio.to_thread(lambda: self._client.post(*path, **body))

    async def adopt(self, address: str) -> None:
        """Make a cuff ours; it need not be in reach."""
        await self.post("devices", "adopt", device=f"ble:{address}", driver=BLOOD_PRESSURE)

    async def until(self, path: tuple[str, ...], condition: Callable[[Any], bool]) -> Any:
        """Ask until the answer is as wanted; returns it."""
        async with asyncio.timeout(WITHIN_S):
            while not condition(answer := await self.get(*path)):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_S)
        return answer

    async def asked(self) -> Any:
        """Return the question of the only device that is being paired."""
        (question,) = await self.until(("pairing",), lambda questions: len(questions) == 1)
        return question

    async def readings(self, count: int) -> None:
        """Wait until so many readings are safe."""
        await self.until(("readings",), lambda readings: len(readings) == count)

    async def problem(self, address: str, that_says: str = "") -> str:
        """Wait until there is such a trouble with the device, in words for people; returns them."""

        def is_told(devices: list[dict[str, Any]]) -> bool:
            told = _problem(devices, address)
            return told is not None and that_says in told

        return str(_problem(await self.until(("devices",), is_told), address))


def _problem(devices: list[dict[str, Any]], address: str) -> str | None:
    return next((it["problem"] for it in devices if it["id"] == f"ble:{address}"), None)


@asynccontextmanager
async def at_home(folder: Path, **ble: str) -> AsyncIterator[Household]:
    """Run the daemon until the context ends."""
    lines = ["[hub]", f'state = "{folder / "state"}"', 'time = "system"', "[ble]"]
    lines += [f'{key} = "{value}"' for key, value in ble.items()]
    path = folder / "gateway.toml"
    path.write_text("\n".join(lines) + "\n")
    config = configuration.load(path)
    async with daemon(config):
        yield Household(Client(config))
