"""The screens on the household's network: over TLS, by the hub's names, and without the API."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from firmware_sims.health_space import HealthSpace

from gateway.errors import ConfigError
from tests.end_to_end.home import Home, Plan, at_home
from tests.end_to_end.passing import Passing


def plan(space: HealthSpace, **changed: object) -> Plan:
    """Serve them with the sandbox's certificate, which is for 127.0.0.1 and localhost."""
    server = str(space.ca_path.parent / "server.pem")
    table = {
        "listen": "127.0.0.1",
        "port": 0,
        "names": ["localhost"],
        "certificate_file": server,
        "key_file": server,
        **changed,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return Plan(more="\n".join(["[api]", "port = 0", "[screens]", *lines]))


@asynccontextmanager
async def a_telephone(space: HealthSpace) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a browser that trusts the certificate and keeps cookies."""
    trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=space.ca_path))
    async with aiohttp.ClientSession(connector=trust) as session:
        yield session


async def invited(home: Home, role: str) -> str:
    return str((await home.post("screens", "invitations", role=role))["url"])


async def test_a_telephone_of_the_household_gets_in_with_the_code(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, plan(space)) as home, a_telephone(space) as phone:
        url = await invited(home, "owner")
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        code = parse_qs(parts.query)["code"][0]
        entered = await phone.post(
            f"{origin}/enter",
            data={"code": code},
            headers={"Origin": origin},
            allow_redirects=False,
        )
        entered.release()
        page = await (await phone.get(f"{origin}/")).text()

    assert (parts.scheme, parts.hostname) == ("https", "localhost")
    assert entered.status == 303
    assert entered.cookies["visitor"]["secure"]
    assert "Tout va bien." in page


async def test_the_network_reaches_neither_the_api_nor_another_name(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, plan(space)) as home, a_telephone(space) as phone:
        origin = (await invited(home, "owner")).partition("/enter")[0]
        token = home.config.token.read_text().strip()
        api = await phone.get(
            f"{origin}/api/v1/status", headers={"Authorization": f"Bearer {token}"}
        )
        rebound = await phone.get(f"{origin}/enter", headers={"Host": "evil.example"})
        api.release()
        rebound.release()

    assert (api.status, api.content_type) == (404, "text/html")
    assert rebound.status == 421


async def test_the_kiosks_browser_stays_on_the_hub_itself(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, plan(space)) as home:
        assert (await invited(home, "kiosk")).startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"certificate_file": "/nowhere.pem"}, "certificate_file or key_file cannot be used"),
        ({"listen": "192.0.2.1"}, "cannot be taken"),
    ],
)
async def test_what_cannot_be_served_is_said_at_the_start(
    changed: dict[str, object],
    sentence: str,
    tmp_path: Path,
    space: HealthSpace,
    time: Passing,
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        async with at_home(tmp_path, space, time, plan(space, **changed)):
            pass
