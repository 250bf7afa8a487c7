"""How long the daemon takes to start, what it holds then, and which libraries it loaded.

    python benchmarks/start.py [TIMES] [OTHER]

One serial cuff and no destination: the smallest hub there is. Medians; `RSS` is what the process
has in memory once it says that it runs, `PSS` the same but of what it shares with others its share,
`asked` the first again once it has answered a command,
`loads` the modules and the outside libraries among them;
`status` and `--help` are what a command takes while that daemon runs, of the processor.

With OTHER, a folder with another version, the two take turns.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CONFIG = """
[hub]
state = "{state}"
log_level = "INFO"
time = "system"

[[ports]]
name = "cuff"
path = "{state}/no-port-yet"
driver = "bp_monitor/omron_hbp"
"""
PYTHON = (sys.executable, "-P", "-c")
_LOOK = """
import atexit, sys
from gateway.cli import main
atexit.register(lambda: print("loaded", *sorted(sys.modules), file=sys.stderr))
sys.argv[1:1] = ["run"]
main()
"""
_COMMAND = "from gateway.cli import main; main()"
_OF_INTEREST = (
    "fastapi", "starlette", "uvicorn", "aiohttp", "bleak", "dbus_fast", "bumble", "serial",
    "aiomqtt", "paho", "jinja2", "cryptography", "pydantic", "numpy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the daemon, and two commands while it runs. Of the processor: seconds that are
    hardly more on a busy machine."""

    seconds: float
    cpu_s: float
    rss_mib: float
    pss_mib: float
    """Of what other programs have in memory too (libraries), its share."""
    asked_mib: float
    """Resident once it has answered its first request."""
    status_s: float
    help_s: float
    modules: tuple[str, ...]


def environment(version: Path) -> dict[str, str]:
    """Say where a process finds a version of the gateway."""
    return {**os.environ, "PYTHONPATH": str(version)}


def launch(config: Path, version: Path) -> subprocess.Popen[str]:
    """Start the daemon of a version; returns once it runs."""
    daemon = subprocess.Popen(
        [*PYTHON, _LOOK, "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(version),
    )
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if line.rstrip().endswith("running"):
            return daemon
    raise SystemExit("the daemon did not start")


def start(folder: Path, version: Path) -> Start:
    """Start the daemon of a version in an empty folder, look at it, and stop it."""
    config = folder / "gateway.toml"
    config.write_text(CONFIG.format(state=folder / "state"))
    began = time.perf_counter()
    daemon = launch(config, version)
    seconds = time.perf_counter() - began
    ticks = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    cpu_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    running = _mib(daemon.pid)
    command = [*PYTHON, _COMMAND, "--config", str(config)]
    status_s = _cpu_s([*command, "status"], environment(version))
    help_s = _cpu_s([*command, "--help"], environment(version))
    asked = _mib(daemon.pid)
    daemon.terminate()
    assert daemon.stderr is not None
    loaded = [line for line in daemon.stderr if line.startswith("loaded ")]
    daemon.wait()
    modules = tuple(loaded[-1].split()[1:])
    memory = running["Rss:"], running["Pss:"], asked["Rss:"]
    return Start(seconds, cpu_s, *memory, status_s, help_s, modules)


def _mib(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(size) / 1024 for name, size, _ in map(str.split, lines)}


def _cpu_s(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(times: int, *others: str) -> None:
    """Print the medians."""
    versions = [Path(__file__).resolve().parents[1], *(Path(other).resolve() for other in others)]
    starts: dict[Path, list[Start]] = {version: [] for version in versions}
    for _ in range(times + 1):
        for version in versions:
            with tempfile.TemporaryDirectory() as folder:
                starts[version].append(start(Path(folder), version))
    for version, seen in starts.items():
        _print(version, seen[1:])  # the first one compiles


def _print(version: Path, starts: list[Start]) -> None:
    modules = starts[-1].modules
    tops = {name.partition(".")[0] for name in modules}
    print(version)
    print(f"start   {median(it.seconds for it in starts):.2f} s")
    print(f"CPU     {median(it.cpu_s for it in starts):.2f} s")
    print(f"RSS     {median(it.rss_mib for it in starts):.1f} MiB")
    print(f"asked   {median(it.asked_mib for it in starts):.1f} MiB")
    print(f"PSS     {median(it.pss_mib for it in starts):.1f} MiB")
    print(f"loads   {len(modules)} modules, of {' '.join(n for n in _OF_INTEREST if n in tops)}")
    print(f"status  {median(it.status_s for it in starts):.2f} s")
    print(f"--help  {median(it.help_s for it in starts):.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, *sys.argv[2:])
