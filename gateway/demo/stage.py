"""Sets the stage: starts every process, adds two people, and records the consent of one of them."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway import config as configuration
from gateway.demo.processes import Daemon, Process, ProcessFailed

CONSENTING = "Odile"
OTHER = "Marcel"
"""Both are invented."""

DESTINATION = "mes"
PUSH_ONLY = frozenset({"counter-cuff", "counter-scale"})
"""Devices that say a reading once and keep none."""

_TEMPLATE = """\
[hub]
state = {state}
zone = "Europe/Paris"
language = "fr"
time = "system"

[[hci]]
url = {hci}

[[ports]]
name = "counter-cuff"
path = {cuff}
driver = "bp_monitor/omron_hbp"
serial = "DEMO-0001"

[[ports]]
name = "counter-scale"
path = {scale}
driver = "scale/tanita"

[[destinations]]
name = "mes"
base_url = {fhir}
token_url = {token}
ca_file = {ca}
client_id = {client_id}
client_secret = {client_secret}
id_token_header = {header}
solution_oid = {oid}
"""


class Stage:
    """Everything that takes part, in processes of its own, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._space = Process(
            "health-space",
            [
                *("firmware_sims", "health-space", "--state", str(folder / "space")),
                *(f"--person={CONSENTING}", f"--person={OTHER}"),
            ],
            folder,
        )
        self._radio = Process(
            "radio",
            [
                *("firmware_sims", "play", "demo.toml", "--hci", "127.0.0.1:0"),
                *("--produced", str(folder / "radio.jsonl")),
            ],
            folder,
        )
        self._cuff = self._serial("omron-hbp", "counter-cuff")
        self._scale = self._serial("tanita", "counter-scale", "--weight-only")
        self._control = ""
        self.daemon: Daemon
        self.people: dict[str, str] = {}
        """The gateway's ids of the two, by name."""
        self.deaf: list[tuple[datetime, datetime]] = []
        """From when to when the daemon was not there, each time it was killed."""
        self._pairing_bytes = 0

    def _serial(self, device: str, name: str, *more: str) -> Process:
        return Process(
            name,
            [
                *("firmware_sims", "serial", device, "--link", str(self.folder / name)),
                *("--produced", str(self.folder / f"{name}.jsonl"), "--interval", "4"),
                *("--name", name, "--only-when-read", *more),
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
        self._cuff.start()
        self._scale.start()
        self._control = space["control"]
        path = self.folder / "gateway.toml"
        path.write_text(self._configuration(space, radio))
        self.daemon = Daemon(path, configuration.load(path), self.folder)
        started = datetime.now(UTC)
        self.daemon.launch()
        self.deaf.append((started, datetime.now(UTC)))  # opening a port empties it
        self._introduce(radio, space["people"])

    def _configuration(self, space: Mapping[str, Any], radio: Mapping[str, Any]) -> str:
        values = {
            "state": str(self.folder / "state"),
            "hci": radio["hci"],
            "cuff": str(self.folder / "counter-cuff"),
            "scale": str(self.folder / "counter-scale"),
            "fhir": f"{space['base_url']}/fhir",
            "token": f"{space['base_url']}/token",
            "ca": space["ca"],
            "client_id": space["client_id"],
            "client_secret": space["client_secret"],
            "header": space["id_token_header"],
            "oid": space["oid"],
        }
        return _TEMPLATE.format(**{name: json.dumps(value) for name, value in values.items()})

    def _introduce(self, radio: Mapping[str, Any], codes: Mapping[str, str]) -> None:
        """Add the people, say whose device is whose, pair both, and record one's consent.

        Both are paired, so that nothing but the missing consent keeps the other's readings here.
        """
        client = self.daemon.client
        for name in (CONSENTING, OTHER):
            self.people[name] = client.post("people", label=name)["id"]
            client.post(
                "pairings", subject=self.people[name], destination=DESTINATION, code=codes[name]
            )
        self._pairing_bytes = self.bytes_about(OTHER)
        client.post(
            "consents",
            "grant",
            subject=self.people[CONSENTING],
            destination=DESTINATION,
            covers_from=LONG_AGO,
            given_by=CONSENTING,
            language="fr",
        )
        for device, driver, slot, name in self._whose(radio):
            client.post("devices", "adopt", device=device, driver=driver)
            client.post(
                "assignments",
                device=device,
                slot=slot,
                subject=self.people[name],
                since=LONG_AGO,
            )

    def _whose(self, radio: Mapping[str, Any]) -> list[tuple[str, str, str | None, str]]:
        """List each device, its driver, its user slot, and the person it measures."""
        address = {device["name"]: f"ble:{device['address']}" for device in radio["devices"]}
        return [
            (address["Cuff A"], "bp_monitor/bluetooth_sig", None, CONSENTING),
            (address["Sensor A"], "cgm/bluetooth_sig", None, CONSENTING),
            (address["Scale"], "scale/bluetooth_sig", "1", CONSENTING),
            (address["Scale"], "scale/bluetooth_sig", "2", OTHER),
            (address["Cuff B"], "bp_monitor/bluetooth_sig", None, OTHER),
            ("serial:counter-scale", "scale/tanita", None, CONSENTING),
            ("serial:counter-cuff", "bp_monitor/omron_hbp", None, OTHER),
        ]

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

    def space(self, name: str) -> dict[str, Any]:
        """Ask the sandbox what it has seen of a person."""
        return dict(self._ask(f"/sandbox/people/{name}"))

    def bytes_about(self, name: str) -> int:
        """Count the bytes about a person that have reached the sandbox since they were paired."""
        return int(self.space(name)["bytes_seen"]) - self._pairing_bytes

    def kill_daemon(self) -> None:
        """Kill the daemon as a power cut would, and start it again."""
        killed = datetime.now(UTC)
        self.daemon.kill()
        self.daemon.launch()
        self.deaf.append((killed, datetime.now(UTC)))

    def cut_link(self, seconds: float) -> None:
        """Cut the link to the health space; it comes back by itself."""
        self._ask("/sandbox/link", {"up": False, "for_s": seconds})

    def quieten(self) -> None:
        """Have the devices measure no more; what they hold, they still give."""
        for process in (self._radio, self._cuff, self._scale):
            process.signal(signal.SIGUSR1)

    def _ask(self, path: str, body: object = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._control + path, data)  # noqa: S310  loopback http
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def _end(self) -> None:
        failures = []
        processes = [self._radio, self._cuff, self._scale, self._space]
        if hasattr(self, "daemon"):
            processes.insert(0, self.daemon)
        for process in processes:
            try:
                process.stop()
            except ProcessFailed as failure:
                failures.append(failure)
        if failures:
            raise failures[0]


LONG_AGO = "2020-01-01T00:00:00Z"
"""Both people chose to include what the devices held before today."""
