import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from firmware_sims.health_space import HealthSpace, Settings
from yarl import URL


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def diagnostics(self) -> list[str]:
        return [issue["diagnostics"] for issue in self.json["issue"]]


class Solution:
    """A minimal client of the sandbox, paired as one person."""

    def __init__(self, space: HealthSpace, http: aiohttp.ClientSession) -> None:
        self.space = space
        self.http = http
        self.name = "Alice"
        self.tokens: dict[str, Any] = {}
        self.pair("Alice")

    @property
    def id_pe(self) -> str:
        return self.space.person(self.name).id_pe

    def pair(self, name: str, *, consent: bool = True) -> None:
        self.space.add_person(name, consent=consent)
        self.name = name
        self.tokens = self.space.issue_tokens(name)

    async def post(self, bundle: Any, **headers: str) -> Reply:
        body = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
        return await self.send("POST", "/fhir", body, headers)

    async def search(self, query: str) -> Reply:
        return await self.send("GET", f"/fhir/Observation?{query}", b"", {})

    async def send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        all_headers = {
            "Authorization": f"Bearer {self.tokens['access_token']}",
            self.space.settings.id_token_header: self.tokens["id_token"],
            "Content-Type": "application/fhir+json",
        } | headers
        return await self.ask(method, target, data=body, headers=all_headers)

    async def form(self, target: str, **fields: str) -> Reply:
        settings = self.space.settings
        client = {"client_id": settings.client_id, "client_secret": settings.client_secret}
        return await self.ask("POST", target, data=client | fields)

    async def ask(self, method: str, target: str, **options: Any) -> Reply:
        # Spelled out so that yarl sends the query exactly as the test wrote it.
        url = URL(self.space.base_url + target, encoded=True)
        async with self.http.request(method, url, allow_redirects=False, **options) as response:
            return Reply(response.status, await response.read(), dict(response.headers))

    async def control(self, method: str, target: str, **body: Any) -> Reply:
        url = self.space.control_url + target
        async with self.http.request(method, url, json=body if body else None) as response:
            return Reply(response.status, await response.read(), dict(response.headers))


@asynccontextmanager
async def paired(space: HealthSpace) -> AsyncIterator[Solution]:
    async with space:
        context = ssl.create_default_context(cafile=str(space.ca_path))
        connector = aiohttp.TCPConnector(ssl=context)
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            yield Solution(space, http)


@pytest.fixture
async def solution() -> AsyncIterator[Solution]:
    async with paired(HealthSpace()) as made:
        yield made


@pytest.fixture
async def open_solution() -> AsyncIterator[Solution]:
    """A sandbox that also takes what API 1.5.2 does not list."""
    async with paired(HealthSpace(Settings(beyond_api_1_5_2=True))) as made:
        yield made
