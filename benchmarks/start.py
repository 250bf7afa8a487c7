"""How long the daemon takes to start, what it holds then, and which libraries it loaded.

    python benchmarks/start.py [TIMES]

One serial cuff and no destination: the smallest hub there is. Medians; `RSS` is what the process
has in memory once it says that it runs, `loads` the modules and the outside libraries among them.
"""

from __future__ import annotations

import os
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
_LOOK = """
import sys
from gateway.cli.run import main
import atexit
atexit.register(lambda: print("loaded", *sorted(sys.modules), file=sys.stderr))
sys.exit(main(sys.argv[1:]))
"""
_OF_INTEREST = (
    "fastapi", "starlette", "uvicorn", "aiohttp", "bleak", "dbus_fast", "bumble", "serial",
    "aiomqtt", "paho", "jinja2", "cryptography", "pydantic", "numpy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the daemon."""

    seconds: float
    cpu_s: float
    """Of the processor: hardly more on a busy machine."""
    rss_mib: float
    modules: tuple[str, ...]


def start(folder: Path) -> Start:
    """Start the daemon in an empty folder, look at it, and stop it."""
    config = folder / "gateway.toml"
    config.write_text(CONFIG.format(state=folder / "state"))
    began = time.perf_counter()
    daemon = subprocess.Popen(
        [sys.executable, "-c", _LOOK, "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if line.rstrip().endswith("running"):
            break
    else:
        raise SystemExit("the daemon did not start")
    seconds = time.perf_counter() - began
    ticks = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    cpu_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    rss_kib = next(int(it.split()[1]) for it in status.splitlines() if it.startswith("VmRSS"))
    daemon.terminate()
    loaded = [line for line in daemon.stderr if line.startswith("loaded ")]
    daemon.wait()
    return Start(seconds, cpu_s, rss_kib / 1024, tuple(loaded[-1].split()[1:]))


def main(times: int) -> None:
    """Print the medians."""
    starts = []
    for _ in range(times + 1):
        with tempfile.TemporaryDirectory() as folder:
            starts.append(start(Path(folder)))
    starts = starts[1:]  # the first one compiles
    tops = {name.partition(".")[0] for name in starts[-1].modules}
    libraries = " ".join(name for name in _OF_INTEREST if name in tops)
    print(f"start  {median(it.seconds for it in starts):.2f} s")
    print(f"CPU    {median(it.cpu_s for it in starts):.2f} s")
    print(f"RSS    {median(it.rss_mib for it in starts):.1f} MiB")
    print(f"loads  {len(starts[-1].modules)} modules, among them those of {libraries}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
