import asyncio
import json
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.firmware_sims.health_space.bundles import weight

pytestmark = pytest.mark.other_processes


@asynccontextmanager
async def _running(
    state: Path, *options: str
) -> AsyncIterator[tuple[dict[str, Any], asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "firmware_sims", "health-space", "--state", str(state), *options),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield json.loads(await process.stdout.readline()), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def _client(ready: dict[str, Any]) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=ready["ca"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
        yield http


async def _tokens(
    http: aiohttp.ClientSession, ready: dict[str, Any], **grant: str
) -> dict[str, Any]:
    client = {name: ready[name] for name in ("client_id", "client_secret")}
    async with http.post(f"{ready['base_url']}/token", data=client | grant) as response:
        assert response.status == 200
        tokens: dict[str, Any] = await response.json()
        return tokens


async def _post(
    http: aiohttp.ClientSession, ready: dict[str, Any], tokens: dict[str, Any], bundle: Any
) -> int:
    headers = {
        "Authorization": f"Bearer {tokens['access_token']}",
        ready["id_token_header"]: tokens["id_token"],
    }
    url = f"{ready['base_url']}/fhir"
    async with http.post(url, json=bundle, headers=headers) as response:
        return response.status


async def test_a_killed_sandbox_remembers_people_tokens_and_readings(tmp_path: Path) -> None:
    async with _running(tmp_path, "--person", "Alice") as (ready, process):
        async with _client(ready) as http:
            tokens = await _tokens(
                http, ready, grant_type="authorization_code", code=ready["people"]["Alice"]
            )
            person = await (await http.get(f"{ready['control']}/sandbox/people/Alice")).json()
            bundle = weight(person["id_pe"])
            first = await _post(http, ready, tokens, bundle)
        process.kill()
        await process.wait()

    port = ready["base_url"].rpartition(":")[2]
    async with _running(tmp_path, "--person", "Alice", "--port", port) as (again, process):
        async with _client(ready) as http:
            second = await _post(http, ready, tokens, bundle)
            await _tokens(
                http, ready, grant_type="refresh_token", refresh_token=tokens["refresh_token"]
            )
            after = await (await http.get(f"{again['control']}/sandbox/people/Alice")).json()
        process.send_signal(signal.SIGTERM)
        status = await process.wait()

    assert (first, second, status) == (200, 200, 0)
    assert again["base_url"] == ready["base_url"]
    assert (after["accepted"], after["duplicates"]) == (2, 1)
    assert after["requests_seen"] == 4


async def test_people_come_from_a_file_and_from_the_command_line(tmp_path: Path) -> None:
    listed = tmp_path / "people.json"
    listed.write_text('[{"name": "Carol"}, {"name": "Dan", "consent": false}]')
    options = ("--people", str(listed), "--person", "Eve:no-consent")

    async with _running(tmp_path / "state", *options) as (ready, process):
        async with aiohttp.ClientSession() as http:
            people = await (await http.get(f"{ready['control']}/sandbox/people")).json()
        process.send_signal(signal.SIGINT)
        status = await process.wait()

    consents = {person["name"]: person["consent"] for person in people}
    assert consents == {"Carol": True, "Dan": False, "Eve": False}
    assert status == 0
