"""What a journal of years costs: its size, and how long each look through it takes.

    python benchmarks/years.py [READINGS]

Makes a journal of a glucose sensor's readings, one every five minutes and a commit for each hour's,
all of them delivered (100,000 by default, a year's; some minutes), then looks in the ways that the
commands and the screens do, once each. `MiB` is how much the process has grown at its most.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from journal import START

from gateway.app.export import export
from gateway.app.garbage import settle
from gateway.clock import Instant, SystemClock
from gateway.consent.grant import ConsentText, Grant, Purpose, Withdrawal
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader

HOURLY = 12
EVERY = timedelta(minutes=5)
LONG_AGO = START - timedelta(days=1)
SENSOR = Device(
    id=DeviceId("ble:C0:FF:EE:00:00:02"), driver="cgm/bluetooth_sig", model="Sensor", serial="SN-1"
)
NOBODY = SubjectId("p-nobody")


def main() -> None:
    readings = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    settle()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        subject = asyncio.run(_live(path, readings))
        size = path.stat().st_size
        print(f"{readings:,} readings: {size / 1e6:,.0f} MB, {size / readings:,.0f} bytes each")
        with Reader.open(path) as reader:
            first = reader.entries(limit=1)[0].entry.id
            page = reader.entries(limit=200, subject=subject)
            _took("a page of 200", lambda: reader.entries(limit=200, subject=subject))
            _took("under which grants they left", lambda: reader.released_under(page))
            _took("the story of one", lambda: reader.story(first))
            _took("a page of nobody's", lambda: reader.entries(unclaimed=True))
            _took("a page of somebody without any", lambda: reader.entries(subject=NOBODY))
            _took("counts by state", reader.summary)
            _took("the audit chain verified", lambda: reader.verify_against(None))
            _took("every payload opened", reader.damaged)
            _took("all of a person, to take along", lambda: _export(reader, subject))
        _took("opened again", lambda: asyncio.run(_open(path)))
        _took("withdrawn and erased", lambda: asyncio.run(_erase(path, subject)))


def _took(what: str, look: Callable[[], object]) -> None:
    before, began = _most_mib(), time.perf_counter()
    look()
    seconds = time.perf_counter() - began
    print(f"{what:32}{1000 * seconds:12,.1f} ms{_most_mib() - before:8,.0f} MiB")


def _most_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def opened(path: Path) -> Journal:
    routes = {"home": frozenset({Kind.INTERSTITIAL_GLUCOSE})}
    return Journal.open(path, clock=SystemClock(), zone=ZoneInfo("Europe/Paris"), routes=routes)


async def _live(path: Path, readings: int) -> SubjectId:
    async with opened(path) as journal:
        subject = (await journal.add_subject("Ada")).id
        await journal.adopt(SENSOR.id, SENSOR.driver)
        await journal.assign(SENSOR.id, None, subject, LONG_AGO)
        await journal.record_grant(permission(subject))
        for first in range(0, readings, HOURLY):
            numbers = range(first, min(first + HOURLY, readings))
            await journal.record(SENSOR, [made(number) for number in numbers])
            now = SystemClock().now().utc
            released = await journal.claim("home", 64, now)
            receipt = Receipt("home", "there", now)
            await asyncio.gather(*(journal.settle(each, receipt) for each in released))
    return subject


def permission(subject: SubjectId) -> Grant:
    return Grant(
        id="grant",
        subject=subject,
        destination="home",
        kinds=frozenset(Kind),
        purpose=Purpose.HEALTH_RECORD,
        given_at=LONG_AGO,
        covers_from=LONG_AGO,
        given_by="Ada",
        text=ConsentText(version="1", language="fr", sha256="0" * 64),
    )


def made(number: int) -> Reading:
    value = Quantity(value=Decimal(80 + number % 120), unit=Unit.MILLIGRAM_PER_DECILITRE)
    return Reading(
        device=SENSOR.id,
        kind=Kind.INTERSTITIAL_GLUCOSE,
        values={Measure.GLUCOSE: value},
        received=Instant(START + number * EVERY, 300.0 * number, "boot"),
        record=f"seq:{number}",
        taken_within=timedelta(seconds=10),
    )


def _export(reader: Reader, subject: SubjectId) -> int:
    return sum(len(piece) for piece in export(reader, subject, "fr", START, str))


async def _open(path: Path) -> None:
    async with opened(path):
        pass


async def _erase(path: Path, subject: SubjectId) -> None:
    async with opened(path) as journal:
        at = SystemClock().now().utc
        await journal.record_withdrawal(
            Withdrawal(id="w", subject=subject, destination="home", at=at, withdrawn_by="Ada")
        )
        await journal.erase(subject)


if __name__ == "__main__":
    main()
