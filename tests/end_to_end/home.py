"""A hub with everything around it: the real daemon, a sandbox health space, people, devices.

The daemon runs in the test's own process, put together by `gateway.app.daemon` from a configuration
file, or in a process of its own. It is asked through its socket, as the command asks it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from firmware_sims.health_space import HealthSpace, Settings

from gateway import config as configuration
from gateway.app.daemon import daemon
from gateway.app.hub import DaemonHub
from gateway.client import Client
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from tests.end_to_end.passing import Passing

Json = dict[str, Any]

ODILE, MARCEL = "Odile", "Marcel"
"""Both are invented."""
LONG_AGO = "2010-01-01T00:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What stands in the configuration besides the destination."""

    ports: Mapping[str, tuple[Path, str]] = field(default_factory=dict)
    """Each port's name: where it is, and the driver behind it."""
    hci: str | None = None
    captures: tuple[Path, ...] = ()
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What the owner set, by device."""
    hub: Mapping[str, str] = field(default_factory=dict)
    destination: Mapping[str, object] = field(default_factory=dict)
    more: str = ""
    """Whatever else stands in the file."""


def written(folder: Path, space: HealthSpace, plan: Plan) -> Path:
    """Write the configuration file."""
    lines = ["[hub]", _line("state", str(folder / "state")), _line("time", "system")]
    lines += [_line(key, value) for key, value in plan.hub.items()]
    if plan.hci is not None:
        lines += ["[[hci]]", _line("url", plan.hci)]
    for name, (path, driver) in plan.ports.items():
        lines += ["[[ports]]", _line("name", name), _line("path", str(path))]
        lines += [_line("driver", driver), _line("serial", f"SN-{name}")]
    for capture in plan.captures:
        lines += ["[[replay]]", _line("file", str(capture))]
    for device, values in plan.settings.items():
        lines += [f"[devices.{json.dumps(device)}.settings]"]
        lines += [_line(key, value) for key, value in values.items()]
    lines += [plan.more, "[[destinations]]"]
    lines += [_line(key, value) for key, value in {**_address(space), **plan.destination}.items()]
    path = folder / "gateway.toml"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)  # it holds a secret
    return path


def _address(space: HealthSpace) -> dict[str, object]:
    settings = space.settings
    return {
        "name": "mes",
        "base_url": f"{space.base_url}/fhir",
        "token_url": f"{space.base_url}/token",
        "ca_file": str(space.ca_path),
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "id_token_header": settings.id_token_header,
        "solution_oid": settings.oid,
    }


def _line(key: str, value: object) -> str:
    return f"{key} = {json.dumps(value)}"


@asynccontextmanager
async def a_health_space(time: Passing) -> AsyncIterator[HealthSpace]:
    """Run a sandbox that lives by the same time; its tokens outlive every test."""
    settings = Settings(access_token_lifetime_s=10**7, id_token_lifetime_s=10**7)
    async with HealthSpace(settings, now=time.utc, monotonic=time.monotonic) as space:
        yield space


class Home:
    """A running hub, asked from outside."""

    hub: DaemonHub
    """Only of a daemon in this process."""

    def __init__(self, path: Path, space: HealthSpace, time: Passing) -> None:
        self.path = path
        self.config = configuration.load(path)
        self.space = space
        self.time = time
        self.people: dict[str, str] = {}
        self._client = Client(self.config)
        self._weighings = 0

    async def get(self, *path: str, **query: str | int | None) -> Any:
        return await asyncio.to_thread(self._client.get, *path, **query)

    async def post(self, *path: str, **body: object) -> Any:
        return await asyncio.to_thread(self._client.post, *path, **body)

    async def welcome(self, name: str, *, consents: bool = True) -> str:
        """Add a person, pair them, and record their consent to all there is, the past included."""
        self.people[name] = (await self.post("people", label=name))["id"]
        await self.pair(name)
        if consents:
            await self.grant(name)
        return self.people[name]

    async def pair(self, name: str) -> None:
        code = self.space.add_person(name)
        await self.post("pairings", subject=self.people[name], destination="mes", code=code)

    async def grant(self, name: str, *, to: str = "mes") -> None:
        await self.post(
            *("consents", "grant"),
            subject=self.people[name],
            destination=to,
            covers_from=LONG_AGO,
            given_by=name,
            language="fr",
        )

    async def withdraw(self, name: str) -> Json:
        return dict(
            await self.post(
                *("consents", "withdraw"),
                subject=self.people[name],
                destination="mes",
                withdrawn_by=name,
            )
        )

    async def give(self, device: str, driver: str, name: str, *, slot: int | None = None) -> None:
        """Adopt a device, and say whom it measures, or one of its user ids."""
        await self.post("devices", "adopt", device=device, driver=driver)
        whose: dict[str, object] = {"subject": self.people[name], "since": LONG_AGO}
        if slot is not None:
            whose["slot"] = str(slot)
        await self.post("assignments", device=device, **whose)

    async def weigh(self, name: str, times: int = 1) -> None:
        """Let a person stand on a scale of their own, which gives its readings to the daemon."""
        scale = Device(id=DeviceId(f"serial:scale-of-{name.lower()}"), driver="scale/tanita")
        known = scale.model_copy(update={"manufacturer": "Imaginary", "serial": f"SN-{name}"})
        await self.hub.journal.describe(known)
        await self.give(scale.id, scale.driver, name)
        await self.hub.journal.record(known, [self._weighing(scale.id) for _ in range(times)])

    def _weighing(self, scale: DeviceId) -> Reading:
        self._weighings += 1
        weight = Quantity(value=Decimal(60) + self._weighings, unit=Unit.KILOGRAM)
        return Reading(
            device=scale,
            kind=Kind.WEIGHT,
            values={Measure.WEIGHT: weight},
            received=self.time.now(),
            record=f"seq:{self._weighings}",
        )

    async def readings(self, name: str | None = None) -> list[Json]:
        subject = self.people[name] if name is not None else None
        return list(await self.get("readings", limit=1000, subject=subject))

    async def ways(self, name: str | None = None) -> list[tuple[str, str | None]]:
        """Return where each delivery stands and why, those of the latest reading first."""
        return [
            (delivery["state"], delivery["reason"])
            for reading in await self.readings(name)
            for delivery in reading["deliveries"]
        ]

    async def states(self, name: str | None = None) -> list[str]:
        return [state for state, _ in await self.ways(name)]

    async def problem(self, device: str) -> str | None:
        """Return what the API says is wrong with a device."""
        problem: str | None = (await self.get("status"))["problems"].get(device)
        return problem

    async def paused(self) -> str | None:
        """Return why the destination is left alone; None if it is not."""
        (destination,) = (await self.get("status"))["destinations"]
        problem: str | None = destination["problem"]
        return problem

    async def until(self, holds: Callable[[], Awaitable[object]]) -> None:
        """Return once it holds; the time limit of the test is the limit of this."""
        await self.hurry_until(holds, step_s=0)

    async def hurry_until(self, holds: Callable[[], Awaitable[object]], step_s: float = 20) -> None:
        """Return once it holds; time is skipped meanwhile, so that every back-off ends soon."""
        while not await holds():
            self.time.skip(step_s)
            await self.time.look_again()


@asynccontextmanager
async def at_home(
    folder: Path, space: HealthSpace, time: Passing, plan: Plan
) -> AsyncIterator[Home]:
    """Run the daemon for as long as the block lasts."""
    time.follow(asyncio.get_running_loop())
    path = written(folder, space, plan)
    config = configuration.load(path)
    async with daemon(config, clock=time, timer=time.timer) as hub:
        home = Home(path, space, time)
        home.hub = hub
        await home.until(lambda: asyncio.to_thread(Client(config).daemon_answers))
        yield home
