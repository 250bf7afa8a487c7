"""Sets the stage: starts every process, adds the people, and records the consent of some."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway import config as configuration
from gateway.demo.cast import DEMONSTRATION, Cast, PortPlayer
from gateway.demo.processes import START_S, Daemon, Process, ProcessFailed

DESTINATION = "mes"
PAGE = 1000
_LOOK_S = 0.1

_HUB = """\
[hub]
state = {state}
zone = "Europe/Paris"
language = "fr"
time = "system"

[[hci]]
url = {hci}
"""


class Stage:
    """Everything that takes part, in processes of its own, in one folder.

    `more` is written behind the configuration; it is given what the sandbox says of itself.
    """

    def __init__(
        self,
        folder: Path,
        cast: Cast = DEMONSTRATION,
        more: Callable[[Mapping[str, Any]], str] = lambda space: "",
    ) -> None:
        self.folder = folder
        self.cast = cast
        self._more = more
        self._space = Process(
            "health-space",
            [
                *("firmware_sims", "health-space", "--state", str(folder / "space")),
                *(f"--person={name}" for name in cast.people),
            ],
            folder,
        )
        self._radio = Process(
            "radio",
            [
                *("firmware_sims", "play", cast.scenario, "--hci", "127.0.0.1:0"),
                *("--produced", str(folder / "radio.jsonl")),
            ],
            folder,
        )
        self._ports = [self._serial(port) for port in cast.ports]
        self._beside = [self._radio, *self._ports, self._space]
        self._control = ""
        self.daemon: Daemon
        self.people: dict[str, str] = {}
        """The gateway's ids of them, by name."""
        self.deaf: list[tuple[datetime, datetime]] = []
        """From when to when the daemon was not there, each time it was killed."""
        self._pairing_bytes: dict[str, int] = {}

    def _serial(self, port: PortPlayer) -> Process:
        name = port.name
        return Process(
            name,
            [
                *("firmware_sims", "serial", port.simulator, "--link", str(self.folder / name)),
                *("--produced", str(self.folder / f"{name}.jsonl")),
                *("--interval", str(port.interval_s)),
                *("--name", name, "--only-when-read", *port.options),
            ],
            self.folder,
        )

    def __enter__(self) -> Self:
        try:
            self._set()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _set(self) -> None:
        space = self._space.start()
        radio = self._radio.start()
        for port in self._ports:
            port.start()
        self._control = space["control"]
        path = self.folder / "gateway.toml"
        path.write_text(self._configuration(space, radio))
        self.daemon = Daemon(path, configuration.load(path), self.folder)
        self._launch()
        self._introduce(radio, space["people"])

    def _configuration(self, space: Mapping[str, Any], radio: Mapping[str, Any]) -> str:
        hub = {"state": str(self.folder / "state"), "hci": radio["hci"]}
        tables = [_HUB.format(**{name: json.dumps(value) for name, value in hub.items()})]
        for port in self.cast.ports:
            serial = {} if port.serial is None else {"serial": port.serial}
            path = str(self.folder / port.name)
            tables.append(
                _table("ports", {"name": port.name, "path": path, "driver": port.driver} | serial)
            )
        health_space = {
            "name": DESTINATION,
            "base_url": f"{space['base_url']}/fhir",
            "token_url": f"{space['base_url']}/token",
            "ca_file": space["ca"],
            "client_id": space["client_id"],
            "client_secret": space["client_secret"],
            "id_token_header": space["id_token_header"],
            "solution_oid": space["oid"],
        }
        tables.append(_table("destinations", health_space | dict(self.cast.destination)))
        return "\n".join([*tables, self._more(space)])

    def _introduce(self, radio: Mapping[str, Any], codes: Mapping[str, str]) -> None:
        """Add the people, pair them, record the consent of some, and say whose device is whose."""
        client = self.daemon.client
        for name in self.cast.people:
            self.people[name] = client.post("people", label=name)["id"]
            self.pair(name, codes[name])
            self._pairing_bytes[name] = int(self.space(name)["bytes_seen"])
            if name in self.cast.consenting:
                self.grant(name, DESTINATION)
        address = {device["name"]: f"ble:{device['address']}" for device in radio["devices"]}
        for owner in self.cast.owners:
            self._assign(address[owner.device], owner.driver, owner.person, owner.slot)
        for port in self.cast.ports:
            self._assign(f"serial:{port.name}", port.driver, port.person)

    def _assign(self, device: str, driver: str, person: str, slot: str | None = None) -> None:
        client, subject = self.daemon.client, self.people[person]
        client.post("devices", "adopt", device=device, driver=driver)
        client.post("assignments", device=device, slot=slot, subject=subject, since=LONG_AGO)

    def pair(self, name: str, code: str) -> None:
        """Exchange the code that the health space showed a person."""
        subject = self.people[name]
        self.daemon.client.post("pairings", subject=subject, destination=DESTINATION, code=code)

    def grant(self, name: str, destination: str, covers_from: str | None = None) -> None:
        """Record a person's consent, to what was measured before today too unless told."""
        self.daemon.client.post(
            "consents",
            "grant",
            subject=self.people[name],
            destination=destination,
            covers_from=covers_from or LONG_AGO,
            given_by=name,
            language="fr",
        )

    def produced(self) -> list[dict[str, Any]]:
        """Read the devices' own ledgers: everything they have measured so far."""
        lines = []
        for path in sorted(self.folder.glob("*.jsonl")):
            lines += [json.loads(line) for line in path.read_text().splitlines()]
        return lines

    def produced_since(self, ago: timedelta) -> list[dict[str, Any]]:
        """Read what they have measured within so much time."""
        start = datetime.now(UTC) - ago
        return [
            line for line in self.produced() if datetime.fromisoformat(line["measured_at"]) >= start
        ]

    def readings(self) -> list[dict[str, Any]]:
        """Read the whole journal, page by page."""
        readings: list[dict[str, Any]] = []
        before: str | None = None
        while True:
            page = self.daemon.client.get("readings", limit=PAGE, before=before)
            readings += page
            if len(page) < PAGE:
                return readings
            before = page[-1]["position"]

    def space(self, name: str) -> dict[str, Any]:
        """Ask the sandbox what it has seen of a person."""
        return dict(self.ask(f"/sandbox/people/{name}"))

    def bytes_about(self, name: str) -> int:
        """Count the bytes about a person that have reached the sandbox since they were paired."""
        return int(self.space(name)["bytes_seen"]) - self._pairing_bytes[name]

    def kill_daemon(self) -> None:
        """Kill the daemon as a power cut would, and start it again."""
        self._launch(kill=True)

    def _launch(self, *, kill: bool = False) -> None:
        """Start the daemon, and note since when its ports were deaf: opening one empties it."""
        since = datetime.now(UTC)
        if kill:
            self.daemon.kill()
        self.daemon.launch()
        ports = {f"serial:{port.name}" for port in self.cast.ports}
        deadline = time.monotonic() + START_S
        while ports - set(self.daemon.client.get("status")["sessions"]):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"The daemon hears no ports:\n{self.daemon.tail()}")
            time.sleep(_LOOK_S)
        self.deaf.append((since, datetime.now(UTC)))

    def cut_link(self, seconds: float) -> None:
        """Cut the link to the health space; it comes back by itself."""
        self.ask("/sandbox/link", {"up": False, "for_s": seconds})

    @property
    def ended(self) -> list[Process]:
        """The processes beside the daemon that have ended by themselves, as none should."""
        return [process for process in self._beside if not process.running]

    def quieten(self) -> None:
        """Have the devices measure no more; what they hold, they still give."""
        for process in (self._radio, *self._ports):
            process.signal(signal.SIGUSR1)

    def ask(self, path: str, body: object = None, method: str | None = None) -> Any:
        """Ask the sandbox's control port, or with a body or method have it do something."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._control + path, data, method=method)  # noqa: S310  loopback http
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def _end(self) -> None:
        failures = []
        daemon = [self.daemon] if hasattr(self, "daemon") else []
        for process in (*daemon, *self._beside):
            try:
                process.stop()
            except ProcessFailed as failure:
                failures.append(failure)
        if failures:
            raise failures[0]


def _table(name: str, values: Mapping[str, object]) -> str:
    return "\n".join(
        [f"[[{name}]]", *(f"{key} = {json.dumps(each)}" for key, each in values.items())]
    )


LONG_AGO = "2020-01-01T00:00:00Z"
"""They chose to include what the devices held before today."""
