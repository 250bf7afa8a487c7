"""What a command loads while a daemon answers it: a small machine feels each library."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from threading import Thread

import pytest

from gateway.config import Config

LOOK = (
    "import atexit, sys\n"
    "atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr))\n"
    "from gateway.cli import main\n"
    "main()"
)
ANSWERS = {
    "/api/v1/status": {
        "version": "1.2.3",
        "running": True,
        "clock_trusted": True,
        "transports": [],
        "destinations": [],
        "fleet": None,
        "sessions": [],
        "problems": {},
        "outcomes": {},
    },
    "/api/v1/outbox": [],
}


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWERS[self.path]).encode())

    def address_string(self) -> str:
        return "a command"

    def log_message(self, format: str, *given: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A configuration, and a daemon that answers on its socket."""
    path = tmp_path / "gateway.toml"
    path.write_text(f'[hub]\nstate = "{tmp_path}"\n')
    with UnixStreamServer(
        str(Config.model_validate({"hub": {"state": tmp_path}}).socket), Answer
    ) as served:
        serving = Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield path
        served.shutdown()
        serving.join()


def test_a_command_that_is_right_loads_no_framework_no_journal_and_nothing_that_draws_help(
    config: Path,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOOK, "--config", str(config), "--language", "fr", "status"],
        capture_output=True,
        text=True,
        check=False,
    )
    modules = set(ran.stderr.split())

    assert (ran.returncode, ran.stdout) == (0, "En marche, version 1.2.3.\n")
    assert "loaded" in modules
    assert not modules & {"fastapi", "starlette", "apsw", "cryptography", "aiohttp", "bleak"}
    assert not modules & {"asyncio", "serial", "gateway.transport.serial"}
    assert not modules & {"typer.rich_utils", "rich.markdown", "rich._emoji_codes", "pygments"}
