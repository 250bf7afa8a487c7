"""The daemon and the command in processes of their own; the command also in this one: faster."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from firmware_sims.health_space import HealthSpace

from gateway import config as configuration
from gateway.cli.main import command as main
from gateway.demo.processes import Daemon
from tests.end_to_end.home import Home, Plan, written
from tests.end_to_end.passing import Passing


@dataclass(frozen=True)
class Ran:
    """What became of a command."""

    status: int
    output: str
    error: str


@asynccontextmanager
async def a_daemon(
    folder: Path, space: HealthSpace, time: Passing, plan: Plan
) -> AsyncIterator[tuple[Home, Daemon]]:
    """Run the daemon in a process of its own. Its time is the real one: nothing can be skipped."""
    path = written(folder, space, plan)
    config = configuration.load(path)
    daemon = Daemon(path, config, folder)
    await asyncio.to_thread(daemon.launch)
    try:
        yield Home(path, space, time), daemon
    finally:
        await asyncio.to_thread(daemon.stop)


async def command(
    config: Path, *arguments: str, given: bytes = b"", through: Sequence[str] = ()
) -> Ran:
    """Run `healthspace-gateway` with this configuration, in English, `through` another command."""
    process = await asyncio.create_subprocess_exec(
        *(*through, sys.executable, "-m", "gateway", *_options(config), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, error = await process.communicate(given)
    return Ran(process.returncode or 0, output.decode(), error.decode())


def run_here(config: Path, *arguments: str, given: bytes = b"", language: str | None = "en") -> Ran:
    """Run the command in this process, by its arguments; in a thread, if a loop runs in this one.

    A traceback, which would end the process, comes out as the exception.
    """
    output, error, status = io.StringIO(), io.StringIO(), 0
    before = sys.argv, sys.stdin
    sys.argv = ["healthspace-gateway", *_options(config, language), *arguments]
    sys.stdin = io.TextIOWrapper(io.BytesIO(given))
    try:
        with redirect_stdout(output), redirect_stderr(error):
            main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.argv, sys.stdin = before
    return Ran(status, output.getvalue(), error.getvalue())


def _options(config: Path, language: str | None = "en") -> list[str]:
    return ["--config", str(config), *(["--language", language] if language else [])]
