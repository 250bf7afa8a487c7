"""How long a reading waits to be recorded while something long goes on in the journal.

    python benchmarks/waits.py [READINGS]

Makes a journal of a glucose sensor's readings, one every five minutes (100,000 by default, a
year's), once with all of them delivered and once with none, and for each call that has to do with
many of them a copy of it. While the call runs, a scale's readings are recorded one after the other:
shown is how long the call took, and the longest that one of these had to wait.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

from journal import SCALE, START, reading, sent
from years import LONG_AGO, SENSOR, made, opened, permission

from gateway.app.garbage import settle
from gateway.clock import Instant, SystemClock
from gateway.consent.grant import Withdrawal
from gateway.domain.receipt import Receipt
from gateway.domain.subject import Assignment, SubjectId
from gateway.journal.journal import Journal
from gateway.journal.retention import Retention

AT_ONCE = 1000
NINETY_DAYS = timedelta(days=90)
YEAR = timedelta(days=365)

Call = Callable[[Journal, SubjectId, SubjectId], Awaitable[object]]


def main() -> None:
    readings = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    settle()
    with tempfile.TemporaryDirectory() as folder:
        for delivered, calls in ((True, DELIVERED), (False, QUEUED)):
            before = Path(folder) / f"{delivered}"
            before.mkdir()
            people = asyncio.run(_live(before / "journal.db", readings, delivered=delivered))
            print("all delivered" if delivered else "none delivered")
            for what, call in calls.items():
                copy = Path(folder) / "copy"
                shutil.copytree(before, copy)
                took, waited = asyncio.run(_beside(copy / "journal.db", call, people))
                print(f"  {what:48}{took:8.2f} s{waited:8.2f} s", flush=True)
                shutil.rmtree(copy)


async def _live(path: Path, readings: int, *, delivered: bool) -> tuple[SubjectId, SubjectId]:
    async with opened(path) as journal:
        ada, bo = [(await journal.add_subject(name)).id for name in ("Ada", "Bo")]
        await journal.adopt(SENSOR.id, SENSOR.driver)
        await journal.assign(SENSOR.id, None, ada, LONG_AGO)
        await journal.adopt(SCALE.id, SCALE.driver)
        await journal.assign(SCALE.id, None, ada, LONG_AGO)
        await journal.record_grant(permission(ada))
        for first in range(0, readings, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, readings))
            await journal.record(SENSOR, [made(number) for number in numbers])
            if not delivered:
                continue
            now = SystemClock().now().utc
            receipt = Receipt("home", "there", now)
            while released := await journal.claim("home", 250, now):
                await asyncio.gather(*(journal.settle(each, receipt) for each in released))
    return ada, bo


async def _beside(
    path: Path, call: Call, people: tuple[SubjectId, SubjectId]
) -> tuple[float, float]:
    async with opened(path) as journal:
        numbers: Iterator[int] = iter(range(10**9))
        waited = 0.0
        done = asyncio.Event()

        async def record() -> None:
            nonlocal waited
            while not done.is_set():
                began = time.perf_counter()
                await journal.record(SCALE, [reading(*sent(next(numbers)))])
                waited = max(waited, time.perf_counter() - began)
                await asyncio.sleep(0.001)

        recording = asyncio.create_task(record())
        await asyncio.sleep(0.1)
        waited, began = 0.0, time.perf_counter()
        await call(journal, *people)
        took = time.perf_counter() - began
        done.set()
        await recording
        return took, waited


def _period(subject: SubjectId, lasting: timedelta) -> Assignment:
    until = START + lasting
    return Assignment(device=SENSOR.id, slot=None, subject=subject, since=START, until=until)


async def _set_forward(journal: Journal, *_: SubjectId) -> None:
    """Let the clock be an hour ahead of what it was believed to be in all of this boot."""
    now = Instant(START + YEAR + timedelta(hours=1), YEAR.total_seconds(), "boot")
    await journal.hub_time_known(now, stepped=True)


async def _set_by_nothing(journal: Journal, *_: SubjectId) -> None:
    await journal.hub_time_known(Instant(START + YEAR, YEAR.total_seconds(), "boot"), stepped=True)


async def _withdraw(journal: Journal, ada: SubjectId, _: SubjectId) -> None:
    at = SystemClock().now().utc
    await journal.record_withdrawal(
        Withdrawal(id="w", subject=ada, destination="home", at=at, withdrawn_by="Ada")
    )


async def _grant_again(journal: Journal, ada: SubjectId, bo: SubjectId) -> None:
    await _withdraw(journal, ada, bo)
    await journal.record_grant(permission(ada).model_copy(update={"id": "again"}))


async def _end(journal: Journal, ada: SubjectId, _: SubjectId) -> None:
    ends = Assignment(device=SENSOR.id, slot=None, subject=ada, since=LONG_AGO)
    await journal.end_assignment(ends, LONG_AGO + timedelta(hours=1))


async def _end_and_assign(journal: Journal, ada: SubjectId, bo: SubjectId) -> None:
    await _end(journal, ada, bo)
    began = time.perf_counter()
    await journal.assign(SENSOR.id, None, bo, START)
    print(f"    (of it, assigned: {time.perf_counter() - began:.2f} s)")


async def _expire(journal: Journal, *_: SubjectId) -> None:
    kept = Retention(delivered=timedelta(days=90), undelivered=timedelta(days=90))
    now = SystemClock().now().utc + YEAR
    while any((await journal.expire(kept, now)).values()):
        pass


async def _claim_all(journal: Journal, *_: SubjectId) -> None:
    now = SystemClock().now().utc
    while released := await journal.claim("home", 250, now):
        for each in released:
            await journal.park(each, "no")
    await journal.retry_parked()


DELIVERED: dict[str, Call] = {
    "90 days looked at, to be handed over": lambda journal, _, bo: journal.hand_over(
        _period(bo, NINETY_DAYS), only_look=True
    ),
    "90 days handed over": lambda journal, _, bo: journal.hand_over(_period(bo, NINETY_DAYS)),
    "a year handed over": lambda journal, _, bo: journal.hand_over(_period(bo, YEAR)),
    "the clock found right": _set_by_nothing,
    "the clock set by an hour": _set_forward,
    "an assignment ended a year ago": _end,
    "and another made": _end_and_assign,
    "consent withdrawn": _withdraw,
    "consent withdrawn and given again": _grant_again,
    "nine months expired": _expire,
    "the person erased": lambda journal, ada, _: journal.erase(ada),
}
QUEUED: dict[str, Call] = {
    "90 days handed over": DELIVERED["90 days handed over"],
    "the clock set by an hour": _set_forward,
    "consent withdrawn": _withdraw,
    "consent withdrawn and given again": _grant_again,
    "what waits made due at once": lambda journal, ada, _: journal.hasten(ada, "home"),
    "nine months expired": _expire,
    "the person erased": DELIVERED["the person erased"],
}


if __name__ == "__main__":
    main()
