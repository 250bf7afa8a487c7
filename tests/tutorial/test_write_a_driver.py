"""docs/write-a-driver.md is executed as a newcomer would: files written, commands run, in order."""

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "write-a-driver.md"
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIME_LIMIT_S = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def script_of(page: str) -> str:
    """Turn the page into one script: its files, and its commands with what they must print."""
    lines = ["set -eu"]
    for kind, name, body in BLOCK.findall(page):
        if name:
            lines.append(f"cat >> {name} <<'END_OF_FILE'\n{body}END_OF_FILE")
        elif kind == "console":
            lines += commands(body)
    return "\n".join(lines)


def commands(body: str) -> list[str]:
    made: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            made.append(line[2:])
        elif line:
            made[-1] = f'shown=$({made[-1]}); echo "$shown"; [ "$shown" = \'{line}\' ]'
    return made


def test_the_tutorial_ends_with_an_accepted_reading(tmp_path: Path) -> None:
    page = PAGE.read_text()
    for port in ("8443", "8444"):
        page = page.replace(port, str(free_port()))
    (added,) = re.findall(r"^export PATH=(.+):\$PATH$", page, re.MULTILINE)
    path = [added.replace("$PWD", str(PAGE.parents[1])), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(path)}

    with subprocess.Popen(
        ["bash", "-c", script_of(page)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as script:
        try:
            status = script.wait(TIME_LIMIT_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(script.pid, signal.SIGTERM)  # its background processes, only those
        output = script.stdout.read() if script.stdout else ""

    log = tmp_path / "gateway.log"
    assert status == 0, output + (log.read_text() if log.exists() else "")
    assert output.rstrip().endswith("1")


def test_the_tutorial_needs_only_what_setup_installs() -> None:
    assert shutil.which("uv", path=f"{PAGE.parents[1]}/.tools/uv/bin:{os.environ['PATH']}")
