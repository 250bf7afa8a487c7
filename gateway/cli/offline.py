"""The API inside the command, while no daemon runs."""

from __future__ import annotations

from gateway.api.inside import request
from gateway.api.server import make_app
from gateway.app import offline_hub
from gateway.config import Config


async def call(config: Config, method: str, target: str, content: bytes) -> tuple[int, bytes]:
    """Answer one request of the command. Reading takes no lock; writing takes the journal's."""
    async with offline_hub(config, writing=method != "GET") as hub:
        return await request(make_app(hub), method, target, content)
