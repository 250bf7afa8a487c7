"""Starts the processes of the demonstration and ends them, each by its own id."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from gateway.client import Client
from gateway.config import Config
from gateway.errors import GatewayError

START_S = 90.0
"""How long a process may take to get ready: Python and its imports, on a loaded Raspberry Pi."""
STOP_S = 10.0


class ProcessFailed(GatewayError):
    """A process of the demonstration did not start or did not stop; its log says why."""


class Process:
    """One child process: it logs to a file, and its first line of output tells it is ready."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._arguments = [sys.executable, "-m", *arguments]
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id; None if it was never started."""
        return None if self._child is None else self._child.pid

    def start(self, *, says_ready: bool = True) -> Mapping[str, Any]:
        """Start it; returns what its first line says, once it is there."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603  our own modules
                self._arguments, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL
            )
        return self._ready(self._child.stdout) if says_ready and self._child.stdout else {}

    def _ready(self, output: IO[bytes]) -> Mapping[str, Any]:
        if select.select([output], [], [], START_S)[0] and (line := output.readline()):
            ready: Mapping[str, Any] = json.loads(line)
            return ready
        raise ProcessFailed(f"{self.name} did not start; the end of its log:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """Return the end of what the process wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        if self._child is not None and self._child.poll() is None:
            os.kill(self._child.pid, number)

    def kill(self) -> None:
        """End it as a power cut would, without a last word."""
        self.signal(signal.SIGKILL)
        self._collect()

    def stop(self) -> None:
        """Ask it to end, and make sure that it did."""
        self.signal(signal.SIGTERM)
        try:
            self._collect()
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessFailed(f"{self.name} did not stop when asked:\n{self.tail()}") from None

    def ended(self) -> int | None:
        """Wait until it has ended by itself; returns its status, None if it was never started."""
        try:
            self._collect()
        except subprocess.TimeoutExpired:
            raise ProcessFailed(f"{self.name} goes on:\n{self.tail()}") from None
        return None if self._child is None else self._child.returncode

    def _collect(self) -> None:
        if self._child is not None:
            self._child.wait(STOP_S)
            if self._child.stdout is not None:
                self._child.stdout.close()


class Daemon(Process):
    """The real daemon, with the configuration file at `path`."""

    def __init__(self, path: Path, config: Config, folder: Path) -> None:
        super().__init__("daemon", ["gateway", "run", "--config", str(path)], folder)
        self.client = Client(config)
        self._socket = config.socket

    def launch(self) -> None:
        """Start it; returns when its API answers."""
        self.start(says_ready=False)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.running:
            if self._socket.exists() and self._answers():
                return
            time.sleep(0.05)
        raise ProcessFailed(f"The daemon did not start; the end of its log:\n{self.tail()}")

    def _answers(self) -> bool:
        return self.client.daemon_answers()
