"""Simulators whose link breaks anywhere, and a gateway that begins anew after each break.

What happens is drawn from a seed: links are cut or fall silent at any step of a conversation, the
gateway is stopped in its midst and opens its journal again, people measure meanwhile, the device
has its own faults. After a calm conversation in the end, everything that the device produced is in
the journal, once, and right. What was indicated and not confirmed comes again; a notification is
lost with its link only. `make broken-links` tries more
seeds.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from firmware_sims.and_medical import AndDevice
from firmware_sims.device_spec import TYPES
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger, Produced
from firmware_sims.making import made
from firmware_sims.radio import VirtualRadio
from firmware_sims.scale.sanitas import FIRST_USER
from firmware_sims.scenario import parse
from firmware_sims.surroundings import Surroundings

from gateway.collect.conversations import LONGEST_S, Conversations, Ended
from gateway.collect.patience import Outcome
from gateway.domain.device import Device
from gateway.domain.reading import Kind, Quality, Reading
from gateway.drivers.api import Sighting
from gateway.drivers.registry import installed
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from gateway.transport.advertisements import Advertisements
from gateway.transport.api import OpenLink
from gateway.transport.hci import HciTransport
from gateway.transport.settings import HciSettings
from tests.conversations.broken import Break, BreakingLink
from tests.conversations.test_simulators import (
    BOTH,
    HOME,
    ONE,
    STORED,
    recorded,
    said,
    to_the_minute,
)
from tests.jumping import JumpingLoop

PARIS = ZoneInfo("Europe/Paris")
SEEDS = int(os.environ.get("BROKEN_LINKS", "1"))
BREAKS, CALM = 3, 2
BETWEEN_S = 5.0
"""As `collect.patience` waits at least after a broken rule; a slow device is done by then."""
CALLS_WITHIN_S = 40.0
"""Longer than any device pauses between its calls."""
HEARD_LATE = timedelta(minutes=2)
"""As its readings state. A Mi scale's clock may be wrong, so a weight is of when it was heard; the
gateway may have missed its first seconds."""
SENSOR_S = 1000.0
"""How long a sensor is listened to: some samples, and the end lies between two."""
FAULTS = (
    Fault.DISCONNECT_MID_RECORD,
    Fault.DUPLICATE_INDICATION,
    Fault.GARBAGE_FRAME,
    Fault.NAN_MEASUREMENT,
    Fault.REFUSE,
    Fault.SLOW,
    Fault.BUSY,
    Fault.CANNOT_ABORT,
    Fault.SILENCE,
    Fault.WRONG_CHECKSUM,
)


@dataclass(frozen=True)
class Case:
    """A device, and how it is met."""

    type: str
    more: str
    name: str = "Virtual"
    settings: Mapping[str, str | bool] = field(default_factory=dict)
    said: Callable[[Produced], Produced] = lambda row: row
    endless: bool = False
    breaks: Sequence[Break] = tuple(Break)
    """A Sanitas that stalls looks like one that has no composition to send."""
    heard_only: bool = False
    """It says what it measures once, to whoever listens, and keeps nothing."""
    exact_to: timedelta = timedelta(seconds=2)
    """A device tells its present time in whole seconds, and some while before it is understood. A
    Sanitas shows its clock by a weighing, which it sends some while after somebody stepped on; and
    here a minute may pass meanwhile."""


def by_the_apps_number(row: Produced) -> Produced:
    """Return a weighing with the number that an app gave its user."""
    return replace(row, slot=None if row.slot is None else FIRST_USER + row.slot)


CASES = {
    "a cuff": Case("bp_monitor", f"{BOTH}\n{STORED}"),
    "a cuff of service 1.1": Case("enhanced_bp_monitor", f"{BOTH}\n{STORED}"),
    "the same with checksums": Case("enhanced_bp_monitor", f"{BOTH}\n{STORED}e2e_crc = true"),
    "a Beurer": Case("beurer_bp_monitor", f"{BOTH}\n{STORED}", "BM85"),
    "an A&D cuff": Case("and_bp_monitor", f"{ONE}\n{STORED}pairing_mode = true"),
    "an Omron of the standard service": Case("omron_standard_bp_monitor", f"{BOTH}\n{STORED}"),
    "an Omron of the maker's own": Case(
        "omron_bp_monitor",
        f'users = {{ 1 = "odile" }}\n{STORED}pairing_mode = true',
        settings={"model": "HEM-7142T2"},
    ),
    "a D40": Case(
        "taidoc_bp_monitor",
        f"{ONE}\n{STORED}others_every = 3",
        "FORA D40",
        said=to_the_minute,
        exact_to=timedelta(minutes=1),  # its clock is read, and shows minutes, too
    ),
    "a GD40": Case(
        "taidoc_meter",
        f"{ONE}\n{STORED}others_every = 3",
        "FORA GD40",
        said=to_the_minute,
        exact_to=timedelta(minutes=1),
    ),
    "a Yonker": Case(
        "yonker_bp_monitor", f"{ONE}\n{STORED}tells_all = true", "YK-IBPA1", said=to_the_minute
    ),
    "a Microlife": Case("microlife_bp_monitor", f"{BOTH}\n{STORED}", "B3 BT", said=to_the_minute),
    "a scale": Case("scale", f"{BOTH}\n{STORED}"),
    "a scale that wants codes": Case(
        "scale",
        f"{BOTH}\n{STORED}consents = {{ 1 = 3752, 2 = 42 }}",
        settings={"consents": "1:3752, 2:0042"},
    ),
    "an A&D scale": Case("and_scale", f"{ONE}\n{STORED}pairing_mode = true"),
    "an older A&D scale": Case("and_scale", f"{ONE}\n{STORED}older = true\npairing_mode = true"),
    "a Sanitas": Case(
        "sanitas_scale",
        f"{BOTH}\n{STORED}phase_s = 2",
        "SANITAS SBF70",
        said=by_the_apps_number,
        breaks=(Break.CUT, Break.CUT_IN_STEP, Break.STOP),
        exact_to=timedelta(seconds=90),
    ),
    "a Mi scale": Case(
        "mi_scale", f"{ONE}\nphase_s = 5", "MIBFS", heard_only=True, exact_to=HEARD_LATE
    ),
    "a Mi scale of version 1": Case(
        "mi_scale",
        f"{ONE}\nversion = 1\nphase_s = 5",
        "MI_SCALE",
        heard_only=True,
        exact_to=HEARD_LATE,
    ),
    "a QN scale": Case("qn_scale", ONE, "QN-Scale", heard_only=True, exact_to=HEARD_LATE),
    "a QN scale that wants to be told who it is": Case(
        "qn_scale",
        f'{ONE}\nmodel = "ES-30M"',
        "QN-Scale",
        heard_only=True,
        exact_to=HEARD_LATE,
    ),
    "a QN scale of the older service": Case(
        "qn_scale",
        f'{ONE}\nmodel = "CS20M"',
        "QN-Scale",
        heard_only=True,
        exact_to=HEARD_LATE,
    ),
    "a meter": Case("glucose_meter", f"{ONE}\n{STORED}"),
    "a meter without filters": Case("glucose_meter", f"{ONE}\n{STORED}filters = false"),
    "a Contour": Case("contour_meter", f"{ONE}\n{STORED}", settings={"set_clock": "Europe/Paris"}),
    "a CareSens": Case(
        "caresens_meter",
        f"{ONE}\n{STORED}clock_error_s = 7200",
        "CareSens 0131",
        settings={"set_clock": "Europe/Paris"},
    ),
    "an older CareSens": Case("caresens_meter", f"{ONE}\n{STORED}older = true", "CareSens 0131"),
    "a OneTouch": Case("onetouch_meter", f"{ONE}\n{STORED}others_every = 3", "OneTouch J7RG"),
    "a sensor": Case(
        "cgm",
        f"{ONE}\nhistory_days = 0.2\ngap_min = 30\ninterval_s = 300",
        endless=True,
        exact_to=timedelta(minutes=1, seconds=2),
    ),
}


class World:
    """One device, the hub's disk, and the time they share."""

    def __init__(self, case: Case, seed: int, folder: Path) -> None:
        self.case = case
        self.chance = random.Random(f"{case.type}/{case.more}/{seed}")
        self.clock = ManualClock()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        loop.on_jump.append(self.clock.advance)
        self.folder = folder
        self.ledger = Ledger()
        scenario = parse(HOME.format(name=case.name, type=case.type, more=case.more))
        around = Surroundings(
            scenario, self.ledger, lambda: self.clock.now().utc, ForbiddenCommands()
        )
        self.device = made(scenario.devices[0], around)
        self.story: list[str] = []
        self.measures_at = -1
        self.calm_from = 0
        """How much it had produced when the calm began."""

    async def live(self) -> None:
        """Meet the device, with breaks, then calmly."""
        async with VirtualRadio() as radio:
            await radio.add(self.device)
            url = f"tcp-client:{await radio.serve('127.0.0.1', 0)}"
            for _ in range(BREAKS):
                self.trouble()
                how = self.chance.choice(self.case.breaks)
                await self.meet(url, how, int(2 ** self.chance.uniform(0, 8)))
            for fault in FAULTS:
                while self.device.faults.strikes(fault):
                    pass
            self.measures_at = -1
            self.calm_from = len(self.ledger.produced)
            for _ in range(CALM):
                self.measure()
                if isinstance(self.device, AndDevice):
                    self.device.pairing_mode()  # a person does what they are told
                await self.meet(url, Break.NEVER, 0)

    def trouble(self) -> None:
        known = [fault for fault in FAULTS if fault in TYPES[self.case.type].faults]
        for fault in self.chance.sample(known, self.chance.choice([0, 0, 1, 2])):
            self.device.faults.arm(fault)
            self.story.append(fault)
        self.measures_at = self.chance.choice([-1, -1, self.chance.randrange(60)])
        if self.chance.random() < 0.3:
            self.measure()

    def measure(self) -> None:
        if not self.case.endless:
            self.clock.advance(61)
            self.device.measure()
            self.story.append("measured")

    def step(self, number: int) -> None:
        if number == self.measures_at:
            self.measure()

    async def meet(self, url: str, how: Break, at: int) -> None:
        """Start the gateway, let it converse with the device if it calls, end it."""
        self.story.append(f"{how} at {at}")
        seen: asyncio.Queue[Sighting] = asyncio.Queue()
        bonds = self.folder / "bonds.json"
        transport = Advertisements(
            HciTransport(HciSettings(url=url, bonds=bonds), self.clock), self.clock
        )
        async with Journal.open(
            self.folder / "journal.db", clock=self.clock, zone=PARIS, routes={}
        ) as journal:
            watching = asyncio.ensure_future(transport.watch(seen.put_nowait))
            with suppress(TimeoutError):
                sighting = await asyncio.wait_for(seen.get(), CALLS_WITHIN_S)
                ended = await self.converse(transport, journal, sighting, how, at)
                self.story.append(f"  {ended}")
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        await asyncio.sleep(BETWEEN_S)

    async def converse(
        self,
        transport: Advertisements,
        journal: Journal,
        sighting: Sighting,
        how: Break,
        at: int,
    ) -> Ended | None:
        def wrap(link: OpenLink, device: Device) -> OpenLink:
            return cast(
                "OpenLink", BreakingLink(link, how, at, self.step, lambda: holding.cancel())
            )

        driver = installed().best(sighting)
        assert driver is not None
        conversations = Conversations(
            journal, self.clock, Metrics(), lambda _: dict(self.case.settings), wrap=wrap
        )
        name = transport.device_id(sighting)
        before = asyncio.get_running_loop().time()
        holding = asyncio.ensure_future(conversations.hold(transport, sighting, driver, name))
        await asyncio.wait({holding}, timeout=SENSOR_S if self.case.endless else 2 * LONGEST_S)
        took_s = asyncio.get_running_loop().time() - before
        if not holding.done():
            assert self.case.endless, "a conversation without end"
            holding.cancel()
        await asyncio.wait({holding})
        if holding.cancelled():
            return None
        ended = holding.result()
        assert ended.outcome not in (Outcome.BUG, Outcome.TOO_LONG, Outcome.CONFIG), ended
        assert self.case.endless or took_s < LONGEST_S
        return ended

    def journalled(self) -> list[Reading]:
        with Reader.open(self.folder / "journal.db") as reader:
            return [view.entry.reading for view in reader.entries(limit=10_000)]


def test_every_device_on_the_radio_has_a_story() -> None:
    assert {case.type for case in CASES.values()} == {
        name for name, kind in TYPES.items() if not kind.on_cable
    }


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_wherever_a_link_breaks_all_is_there_once_after_a_calm_conversation(
    case: Case, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody is in a hurry here, and each call is one more stop for time that jumps.
    monkeypatch.setattr("firmware_sims.peripheral.ADVERTISING_INTERVAL_MS", 2000)
    world = World(case, seed, tmp_path)
    await world.live()

    good = [it for it in world.journalled() if it.quality is Quality.GOOD]
    found = by_what(recorded(it) for it in good if it.kind is not Kind.HEIGHT)
    there = by_what(said(case.said(row)) for row in world.ledger.produced)
    story = "\n".join(world.story)
    if case.heard_only:
        calm = by_what(said(row) for row in world.ledger.produced[world.calm_from :])
        assert calm.keys() <= found.keys() <= there.keys(), story
        there = {what: nearest(times, there[what]) for what, times in found.items()}
    assert {what: len(at) for what, at in found.items()} == {
        what: len(at) for what, at in there.items()
    }, story
    for what, times in there.items():
        off = [abs(it - at) for it, at in zip(found[what], times, strict=True)]
        assert max(off) <= case.exact_to, f"{what}: {off}\n{story}"


def nearest(times: Sequence[datetime], there: Sequence[datetime]) -> list[datetime]:
    """Return which of those that are there the times are, each once at most."""
    left = list(there)

    def taken(at: datetime) -> datetime:
        return left.pop(min(range(len(left)), key=lambda n: abs(left[n] - at)))

    return [taken(at) for at in times[: len(there)]]


def by_what(rows: Iterable[tuple[object, ...]]) -> dict[tuple[object, ...], list[datetime]]:
    """Return when each was measured, by all else that is known of it."""
    found: dict[tuple[object, ...], list[datetime]] = defaultdict(list)
    for *what, at in rows:
        assert isinstance(at, datetime)
        found[tuple(what)].append(at)
    return {what: sorted(times) for what, times in found.items()}
