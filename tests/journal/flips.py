"""Flip bits of a small journal, one at a time, and say what each flip costs.

    python -m tests.journal.flips --flips 1000

The journal is opened after each flip, as the gateway does at its start; what it then holds is
compared with what it held before. Bytes that nothing uses are left out: nothing would show.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gateway.clock import Instant
from gateway.consent.grant import Grant, living
from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import Timing
from gateway.domain.reading import Kind
from gateway.domain.receipt import Receipt
from gateway.errors import JournalError
from gateway.journal.keys import NEAR_BYTES
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.making import (
    EVERYTHING,
    LONG_AGO,
    SCALE,
    grant,
    open_journal,
    undated,
    weight,
    withdrawal,
)

OTHER = Device(id=DeviceId("ble:C0:FF:EE:00:00:09"), driver="scale/test")
READINGS = 12
NEAR = 2 * NEAR_BYTES  # what an id begins with says where it lies, not which it is


@dataclass(frozen=True, slots=True)
class Held:
    """What a journal holds, as far as anybody is promised anything of it."""

    entries: dict[str, tuple[object, ...]]
    """What each readable entry says, when it was measured and whose it is."""
    named: frozenset[str]
    """Entries that are said to be damaged or lost."""
    grants: frozenset[str]
    arrived: dict[tuple[str, str], bool]
    """By entry and destination: whether it arrived, or may have."""
    bookmarks: dict[str, str | None]
    adopted: frozenset[str]
    assigned: frozenset[tuple[object, ...]]


async def fill(path: Path) -> None:
    """Make a journal with something in every table that matters."""
    routes = {"mes": EVERYTHING, "fhir": frozenset({Kind.WEIGHT})}
    async with open_journal(path, routes=routes) as journal:
        ada = (await journal.add_subject("Ada")).id
        bob = (await journal.add_subject("Bob")).id
        await journal.adopt(SCALE.id, SCALE.driver)
        await journal.describe(OTHER)
        await journal.assign(SCALE.id, "1", ada, LONG_AGO)
        await journal.assign(SCALE.id, "2", bob, LONG_AGO)
        await journal.record_grant(grant(ada, "g1"))
        await journal.record_withdrawal(withdrawal(ada, "w1"))
        await journal.record_grant(grant(ada, "g2"))
        await journal.record_grant(grant(bob, "g3"))
        await journal.record_grant(grant(bob, "g4", destination="fhir"))
        await journal.record_withdrawal(withdrawal(bob, "w2"))
        for n in range(READINGS):
            received = Instant(START + timedelta(hours=n), 1000.0 + 3600 * n, "test-boot")
            reading = weight(n, slot="12"[n % 2]).model_copy(update={"received": received})
            await journal.record(SCALE, [reading], f"seq:{n}")
        await journal.record(SCALE, [undated(100)])
        for destination in routes:
            first, *others = await journal.claim(destination, 4, START + timedelta(days=1))
            await journal.settle(first, Receipt(destination, "Observation/1", START))
            if others:
                await journal.unsettle(others[0], START, "no answer")


def held(path: Path) -> Held:
    """Look at what a journal holds."""
    with Reader.open(path) as reader:
        views = reader.entries(limit=1000)
        lost = [entry for each in reader.salvaged() for entry in each.lost]
        entries: dict[str, tuple[object, ...]] = {}
        for view in views:
            entry = view.entry
            entries[entry.id[NEAR:]] = (entry.reading, _told(entry.timing), entry.subject)
        return Held(
            entries=entries,
            named=frozenset(entry[NEAR:] for entry in (*reader.damaged(), *lost)),
            grants=frozenset(
                entry.id
                for subject in reader.subjects()
                for entry in living(reader.ledger(subject.id))
                if isinstance(entry, Grant)
            ),
            arrived={
                (view.entry.id[NEAR:], each.destination): each.state == "settled"
                or each.may_have_arrived
                for view in views
                for each in view.deliveries
            },
            bookmarks=_bookmarks(reader),
            adopted=frozenset(each.device.id for each in reader.devices() if each.adopted),
            assigned=frozenset(
                (a.device, a.slot, a.subject, a.since) for a in reader.assignments()
            ),
        )


def _told(timing: Timing) -> tuple[object, ...]:
    return (timing.measured_at, timing.uncertainty, timing.sendable)


def _bookmarks(reader: Reader) -> dict[str, str | None]:
    return dict(reader._db.rows("SELECT device || driver, bookmark FROM bookmarks"))


def wrong(before: Held, after: Held) -> list[str]:
    """Say what a flip did that it must never do."""
    faults = []
    missing = before.entries.keys() - after.entries.keys()
    if missing - after.named:
        faults.append("an entry is gone and nothing names it")
    if any(
        after.entries[entry] != before.entries[entry] for entry in before.entries.keys() - missing
    ):
        faults.append("an entry says something else")
    if after.entries.keys() - before.entries.keys():
        faults.append("an entry appeared")
    if not after.grants <= before.grants:
        faults.append("a withdrawn consent lives again")
    if any(
        arrived and not after.arrived.get(each, True) for each, arrived in before.arrived.items()
    ):
        faults.append("what arrived would be sent again without a search")
    if any(before.bookmarks.get(each) != mark for each, mark in after.bookmarks.items()):
        faults.append("a bookmark moved")
    if not after.adopted <= before.adopted:
        faults.append("a stranger's device is adopted")
    if not after.assigned <= before.assigned:
        faults.append("a device measures somebody else")
    return faults


def used(content: bytes, page: int = 4096) -> list[int]:
    """Return the offsets of all bytes that mean something: whole pages less their unused middle."""
    offsets: list[int] = []
    for start in range(0, len(content), page):
        head = start + (100 if start == 0 else 0)
        cells = int.from_bytes(content[head + 3 : head + 5], "big")
        interior = content[head] in (2, 5)
        table_end = head + (12 if interior else 8) + 2 * cells
        body = start + (int.from_bytes(content[head + 5 : head + 7], "big") or 65536)
        if content[head] in (2, 5, 10, 13):
            offsets += [*range(start, table_end), *range(body, start + page)]
        else:
            offsets += range(start, start + page)
    return offsets


def run(flips: int, seed: int = 1) -> tuple[Counter[str], list[str]]:
    """Flip bits chosen by chance; return what they cost, and each fault with its place."""
    chance = random.Random(seed)
    costs: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="flips-") as made:
        whole = Path(made) / "whole"
        asyncio.run(fill(whole / "journal.db"))
        asyncio.run(open_journal(whole / "journal.db").close())
        before = held(whole / "journal.db")
        content = (whole / "journal.db").read_bytes()
        places = used(content)
        for place in chance.sample(places, min(flips, len(places))):
            bit = chance.randrange(8)
            folder = Path(made) / "hurt"
            shutil.copytree(whole, folder)
            hurt = bytearray(content)
            hurt[place] ^= 1 << bit
            (folder / "journal.db").write_bytes(hurt)
            for cost, fault in _cost(before, folder / "journal.db"):
                costs[cost] += 1
                if fault:
                    faults.append(f"byte {place} (page {place // 4096 + 1}), bit {bit}: {fault}")
            shutil.rmtree(folder)
    return costs, faults


def _cost(before: Held, path: Path) -> Iterator[tuple[str, str | None]]:
    try:
        asyncio.run(open_journal(path).close())
        after = held(path)
        asyncio.run(open_journal(path).close())
    except JournalError as error:
        yield "the journal did not open", str(error)
        return
    lost = len(before.entries.keys() - after.entries.keys())
    others = before.assigned - after.assigned, before.grants - after.grants
    if lost > 1:
        yield "more than one reading", None
    elif lost:
        yield "one reading, named", None
    elif after == before:
        yield "nothing", None
    elif any(others):
        yield "another row", None
    else:
        yield "nothing but doubt", None
    for fault in wrong(before, after):
        yield "faults", fault
    if len(list(path.parent.glob("damaged-*"))) > 1:
        yield "faults", "what was salvaged is damaged again"


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--flips", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    costs, faults = run(given.flips, given.seed)
    for cost, count in costs.most_common():
        sys.stdout.write(f"{count:6} {cost}\n")
    sys.stdout.write("\n".join(faults) + "\n" * bool(faults))
    if faults:
        sys.exit("A flip did what none may do.")


if __name__ == "__main__":
    main()
