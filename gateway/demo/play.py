"""Runs the demonstration from the first reading to the last sum."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.live import Live

from gateway.demo import table
from gateway.demo.cast import CONSENTING, OTHER
from gateway.demo.stage import DESTINATION, Stage
from gateway.demo.sums import Sum, arrival_sums, held_by_devices, journal_sums, spoken_into_the_void

LINK_CUT_S = 5.0
DRAIN_S = 90.0
"""How long what is on its way may take after the devices fell silent: a device that just hung up
advertises again within seconds, and the longest back-off here is half a minute."""
REFRESH_S = 0.5
SHOWN = 18
LOOKED_AT = 200
SHOWN_SINCE = timedelta(seconds=30)


def play(*, seconds: int, kills: int, seed: int, keep: Path | None) -> int:
    """Run it on this terminal; returns 0 if every sum adds up, 1 if not."""
    console = Console(highlight=False)
    console.print("Starting the virtual devices, the sandbox health space and the daemon ...")
    with _folder(keep) as folder, Stage(folder) as stage:
        _measure(console, stage, seconds, _moments(seconds, kills, seed))
        console.print("The devices measure no more; waiting for what is on its way ...")
        stage.quieten()
        sums = drain(stage)
        console.print(table.summary(sums, stage.readings()))
        if all(each.holds for each in sums):
            console.print("Every sum adds up.", style="bold green")
            return 0
        console.print("A sum does not add up.", style="bold red")
        for process in (stage.daemon, *stage.ended):
            console.print(f"The end of the log of {process.name}:", markup=False)
            console.print(process.tail(30), markup=False)
        return 1


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="healthspace-demo-") as made:
        yield Path(made)


def _moments(seconds: int, kills: int, seed: int) -> list[float]:
    """Choose when the daemon is killed, in seconds from the start; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  moments of a demonstration, not secrets
    return sorted(chance.uniform(0, seconds) for _ in range(kills))


def _measure(console: Console, stage: Stage, seconds: int, kills: list[float]) -> None:
    """Show the readings on their way while the devices measure."""
    started = time.monotonic()
    cut = False
    with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
        while (elapsed := time.monotonic() - started) < seconds:
            if not cut and elapsed > seconds / 2:
                stage.cut_link(LINK_CUT_S)
                cut = True
            while kills and kills[0] < elapsed:
                kills.pop(0)
                stage.kill_daemon()
            readings = stage.daemon.client.get("readings", limit=LOOKED_AT)
            held = held_by_devices(stage.produced_since(SHOWN_SINCE), readings)[:SHOWN]
            newest = readings[: SHOWN - len(held)]
            headline = _headline(elapsed, seconds, cut)
            live.update(table.way(held, newest, stage.people, headline))
            time.sleep(REFRESH_S)


def _headline(elapsed: float, seconds: int, cut: bool) -> str:
    since_cut = elapsed - seconds / 2
    link = "cut" if cut and since_cut < LINK_CUT_S else "up"
    return f"{elapsed:.0f} of {seconds} s, link to the health space {link}"


def drain(stage: Stage) -> list[Sum]:
    """Wait until every sum adds up, at most DRAIN_S; returns the sums as they then are."""
    deadline = time.monotonic() + DRAIN_S
    while True:
        sums = _sums(stage)
        if all(each.holds for each in sums) or time.monotonic() > deadline:
            return sums
        time.sleep(REFRESH_S)


def _sums(stage: Stage) -> list[Sum]:
    readings = stage.readings()
    produced = stage.produced()
    excusable = spoken_into_the_void(produced, stage.cast.push_only, stage.deaf)
    return [
        *journal_sums(produced, readings, excusable),
        *arrival_sums(
            readings,
            DESTINATION,
            stage.people[CONSENTING],
            stage.people[OTHER],
            stage.space(CONSENTING),
            stage.space(OTHER),
            stage.bytes_about(OTHER),
        ),
    ]
