"""One run: consents, trouble in the order of the plan, quiet, and the sums."""

import time
from collections import Counter, deque
from pathlib import Path

from rich.console import Console

from gateway.demo import table
from gateway.demo.sums import Sum, journal_sums, spoken_into_the_void
from tests.chaos.accounts import endings, sums
from tests.chaos.acts import Acts
from tests.chaos.plan import DESTINATIONS, HOME, Act, draw
from tests.chaos.world import World, a_world

LOOK_S = 0.1
LOOK_AGAIN_S = 1.0
DRAIN_S = 240.0
"""How long what is on its way may take after all trouble has ended. A delivery whose outcome is
unknown is searched for after 10, 30, 60 and then 300 seconds."""


def run(seconds: float, seed: int, folder: Path) -> int:
    """Run it on this terminal; returns 0 if every sum adds up, 1 if not."""
    console = Console(highlight=False, width=150)
    plan = draw(seed, seconds)
    console.print(f"{len(plan)} troubles in {seconds:.0f} s, seed {seed}.")
    with a_world(folder) as world:
        started = time.monotonic()
        acts = Acts(world, lambda: time.monotonic() - started)
        acts.begin()
        started = time.monotonic()
        _trouble(console, acts, deque(plan), started, seconds)
        console.print("No more trouble; the devices measure no more.")
        acts.make_good()
        acts.pair_again()
        world.stage.quieten()
        ended = time.monotonic()
        found = _drain(world, acts)
        console.print(f"It took {time.monotonic() - ended:.0f} s until nothing moved any more.")
        return _verdict(console, world, acts, found)


def _trouble(
    console: Console, acts: Acts, plan: deque[Act], started: float, seconds: float
) -> None:
    while (elapsed := time.monotonic() - started) < seconds:
        acts.tend()
        while plan and plan[0].at_s <= elapsed:
            act = plan.popleft()
            console.print(f"{elapsed:6.1f}  {act}", style="dim")
            acts.carry_out(act)
        time.sleep(LOOK_S)


def _drain(world: World, acts: Acts) -> list[Sum]:
    """Wait until every sum adds up, at most DRAIN_S; returns the sums as they then are."""
    deadline = time.monotonic() + DRAIN_S
    while True:
        found = _sums(world, acts)
        if all(each.holds for each in found) or time.monotonic() > deadline:
            acts.close_the_books()
            return _sums(world, acts)
        time.sleep(LOOK_AGAIN_S)


def _sums(world: World, acts: Acts) -> list[Sum]:
    stage = world.stage
    readings, produced = stage.readings(), stage.produced()
    void = spoken_into_the_void(produced, stage.cast.push_only, stage.deaf)
    found = journal_sums(produced, readings, void)
    for where in DESTINATIONS:
        held = world.held(where)
        found += sums(where, readings, world.names, acts.diary, held, by_id=where == HOME)
    return found


def _verdict(console: Console, world: World, acts: Acts, found: list[Sum]) -> int:
    readings = world.stage.readings()
    console.print(table.sums(found))
    for where in DESTINATIONS:
        console.print(table.counted(f"Where they ended up: {where}", endings(where, readings)))
    heard = world.subscriber.heard
    console.print(
        f"{HOME} heard {heard.total() - len(heard)} messages again, each with the id of one it had:"
        " MQTT promises at least once."
    )
    console.print(f"The daemon was killed {len(world.stage.deaf) - 1} times.")
    hits: dict[str, int] = world.stage.ask("/sandbox/faults/hits")
    console.print(table.counted("Requests that met trouble", Counter(hits)))
    console.print(f"{acts.paired_again} people were paired again, as the gateway asked.")
    if all(each.holds for each in found):
        console.print("Every sum adds up.", style="bold green")
        return 0
    console.print("A sum does not add up.", style="bold red")
    console.print(f"The end of the daemon's log:\n{world.stage.daemon.tail(40)}", markup=False)
    return 1
