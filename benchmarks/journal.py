"""How many readings per second become durable, and how long one caller waits.

    python benchmarks/journal.py [FOLDER] [--sync-ms 5]

In FOLDER (the disk that is to be measured; a temporary folder by default), at 1, 16 and 64
concurrent callers, taking turns: our journal from the bytes of a weight scale to the commit, sealed
and with its queue and audit; what the libraries under it take for the same rows by themselves; and
what others do with one record of 240 bytes, each set to sync before it answers. `--sync-ms` makes
every sync that much slower, like an SD card's; the two queues, which bring an SQLite of their own,
wait that long after each record instead, for each is a commit, and a commit is a sync.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import queue
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import apsw
import litequeue  # type: ignore[import-untyped]
import persistqueue
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway.app.garbage import settle
from gateway.clock import Instant, SystemClock
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Reading
from gateway.drivers.episodic import Timed
from gateway.drivers.scale.bluetooth_sig import codec
from gateway.drivers.scale.bluetooth_sig.readings import Occasion, weight_readings
from gateway.journal import entry_rows, timings
from gateway.journal.database import Row
from gateway.journal.instants import to_us
from gateway.journal.journal import Journal
from gateway.journal.keys import Keyring
from gateway.journal.schema import open_writer

CALLERS = (1, 16, 64)
ROUNDS = 5
WITHOUT_AES = {"OPENSSL_ia32cap": "~0x200000200000000"}
"""Hides AES-NI and PCLMULQDQ from OpenSSL (its manual, OPENSSL_ia32cap), as on a small Pi."""
MADE_BEFORE = 30_000  # frames: the device makes them, not the gateway
SECONDS = 0.7  # per contender, number of callers and round

T = TypeVar("T")
Found = dict[tuple[str, int], list[tuple[float, float, float]]]
Record = Callable[[int], Awaitable[object]]
Opened = Callable[[Path, AsyncExitStack], Awaitable[Record]]
Grouped = Callable[[AsyncExitStack], Awaitable[Callable[[Any], Awaitable[None]]]]

SCALE = Device(id=DeviceId("ble:C0:FF:EE:00:00:01"), driver="scale/bluetooth_sig")
PAYLOAD = os.urandom(224)
START = datetime(2026, 3, 14, tzinfo=UTC)

ENTRY = (
    "INSERT INTO entries (number, id, device, kind, slot, recorded_us, measured_us, subject,"
    " attribution, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
DELIVERY = (
    "INSERT INTO deliveries (entry, destination, subject, state, due_us, changed_us)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


class SlowSyncs(apsw.VFS):
    """Ordinary files whose syncs take longer."""

    def __init__(self, seconds: float) -> None:
        super().__init__("slow-syncs", "unix")
        self.seconds = seconds

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _SlowFile(self.seconds, name, flags)


class _SlowFile(apsw.VFSFile):
    def __init__(self, seconds: float, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._seconds = seconds

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        time.sleep(self._seconds)


@cache
def sent(number: int) -> tuple[bytes, Instant]:
    """Return what a scale sends, a weight of its own at a minute of its own, and when it comes."""
    at = START + timedelta(minutes=number)
    stamp = at.year.to_bytes(2, "little") + bytes((at.month, at.day, at.hour, at.minute, at.second))
    frame = b"\x02" + (14000 + number % 1000).to_bytes(2, "little") + stamp
    return frame, Instant(at, 1000.0 + number, "benchmark")


def reading(frame: bytes, received: Instant) -> Reading:
    """Decode what a scale said."""
    message = codec.weight(frame)
    assert isinstance(message.timestamp, datetime)
    told = DeviceTime(stamp=message.timestamp, raw=frame[3:10].hex())
    timed = Timed(told, record=None, live=True)
    (made,) = weight_readings(message, Occasion(SCALE.id, received, timed, slot=None))
    return made


async def ours(folder: Path, stack: AsyncExitStack) -> Record:
    journal = await stack.enter_async_context(
        Journal.open(
            folder / "journal.db",
            clock=SystemClock(),
            zone=ZoneInfo("Europe/Paris"),
            routes={"mes": frozenset({Kind.WEIGHT})},
        )
    )
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, None, subject, START - timedelta(days=1))

    async def record(number: int) -> None:
        assert len(await journal.record(SCALE, [reading(*sent(number))])) == 1

    return record


def grouped(write: Callable[[Any], None], sync: Callable[[], None]) -> Grouped:
    """One thread that writes what waits and syncs once for all: the group-commit limit."""

    async def opened(stack: AsyncExitStack) -> Callable[[Any], Awaitable[None]]:
        waiting: queue.SimpleQueue[tuple[Any, asyncio.Future[None]] | None] = queue.SimpleQueue()
        loop = asyncio.get_running_loop()

        def answer(group: list[tuple[Any, asyncio.Future[None]]]) -> None:
            for _, future in group:
                future.set_result(None)

        def serve() -> None:
            while (first := waiting.get()) is not None:
                group = [first]
                while not waiting.empty() and (more := waiting.get()) is not None:
                    group.append(more)
                for item, _ in group:
                    write(item)
                sync()
                loop.call_soon_threadsafe(answer, group)

        thread = threading.Thread(target=serve)
        thread.start()

        async def stop() -> None:
            waiting.put(None)
            await asyncio.to_thread(thread.join)

        stack.push_async_callback(stop)

        def record(item: Any) -> asyncio.Future[None]:
            future: asyncio.Future[None] = loop.create_future()
            waiting.put((item, future))
            return future

        return record

    return opened


def raw(sync_s: float) -> Opened:
    async def opened(folder: Path, stack: AsyncExitStack) -> Record:
        file = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        stack.callback(os.close, file)

        def sync() -> None:
            os.fdatasync(file)
            time.sleep(sync_s)

        def append(_: object) -> None:
            os.write(file, PAYLOAD)

        return await grouped(append, sync)(stack)

    return opened


async def libraries_alone(folder: Path, stack: AsyncExitStack) -> Record:
    """The rows of our journal, made by as little Python as can be: what its libraries take.

    pydantic checks each reading, orjson writes it, one hash names it, ChaCha20-Poly1305 seals it,
    SQLite keeps its three rows. When it was measured, whose it is, where it goes and what is
    audited is fixed: what decides it is left out, and so is what undoes a failure.
    """
    async with AsyncExitStack() as first:
        await ours(folder, first)  # the tables, a person, a device
    database = open_writer(folder / "journal.db")
    stack.callback(database.close)
    (subject,) = database.one("SELECT id FROM subjects")
    cipher, now = ChaCha20Poly1305(bytes(32)), to_us(START)
    entries: list[Row] = []

    def write(made: Reading) -> None:
        payload = entry_rows.dump(made)
        named = hashlib.blake2s(payload, digest_size=16).digest()
        sealed = cipher.encrypt(named[:12], payload, named)
        number = int(made.received.monotonic)
        entries.append((number, named, 1, made.kind, None, now, now, subject, "assignment", sealed))

    def sync() -> None:
        database.run("BEGIN IMMEDIATE")
        database.insert_many(ENTRY, entries)
        database.insert_many(
            timings.NEW, [(row[0], 1, now, 0, 0, "assumed_zone", 0, 1) for row in entries]
        )
        database.insert_many(DELIVERY, [(row[0], "mes", subject, "due", 0, now) for row in entries])
        database.run("COMMIT")
        entries.clear()

    keep = await grouped(write, sync)(stack)
    return lambda number: keep(least_reading(*sent(number)))


def least_reading(frame: bytes, received: Instant) -> Reading:
    """Make the reading that is in the bytes, of what is known before."""
    _, weight, *at = struct.unpack("<BHHBBBBB", frame)
    return Reading(
        device=SCALE.id,
        kind=Kind.WEIGHT,
        values={Measure.WEIGHT: Quantity(value=Decimal(weight * 5).scaleb(-3), unit=Unit.KILOGRAM)},
        received=received,
        device_time=DeviceTime(stamp=datetime(*at), raw=frame[3:].hex()),  # noqa: DTZ001
    )


async def plain_sqlite(folder: Path, stack: AsyncExitStack) -> Record:
    """One row per commit, FULL, called directly: nothing between the caller and the disk."""
    connection = apsw.Connection(str(folder / "plain.db"))
    stack.callback(connection.close)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE entries (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
        " at INTEGER NOT NULL, payload BLOB NOT NULL) STRICT",
    ):
        connection.execute(statement)

    async def record(number: int) -> None:
        row = (number, number.to_bytes(16, "big"), number, PAYLOAD)
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", row)

    return record


def persist_queue(sync_s: float) -> Opened:
    async def opened(folder: Path, stack: AsyncExitStack) -> Record:
        made = persistqueue.SQLiteQueue(str(folder / "pq"), multithreading=True, auto_commit=True)
        stack.callback(made.close)
        made._putter.execute("PRAGMA synchronous = FULL")  # type: ignore[attr-defined]

        async def record(number: int) -> None:
            made.put(number.to_bytes(16, "big") + PAYLOAD)
            time.sleep(sync_s)  # noqa: ASYNC251 - as its sync would hold the loop

        return record

    return opened


def lite_queue(sync_s: float) -> Opened:
    async def opened(folder: Path, stack: AsyncExitStack) -> Record:
        made = litequeue.LiteQueue(folder / "lq.db")
        stack.callback(made.close)
        made.conn.execute("PRAGMA synchronous = FULL")

        async def record(number: int) -> None:
            made.put((number.to_bytes(16, "big") + PAYLOAD).hex()[:240])
            time.sleep(sync_s)  # noqa: ASYNC251 - as its sync would hold the loop

        return record

    return opened


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    arguments.add_argument("folder", nargs="?", type=Path)
    arguments.add_argument("--sync-ms", type=float, default=0.0)
    arguments.add_argument("--sealing", action="store_true", help="print its share in %% alone")
    given = arguments.parse_args()
    settle()  # as the daemon does
    if given.sealing:
        print(f"{_sealing_share():.1f}")
        return
    for number in range(MADE_BEFORE):
        sent(number)
    slow = SlowSyncs(given.sync_ms / 1000)
    if given.sync_ms:
        apsw.set_default_vfs("slow-syncs")
    contenders: dict[str, Opened] = {
        "append + fdatasync, shared": raw(slow.seconds),
        "our journal, from the bytes": ours,
        "its libraries alone": libraries_alone,
        "SQLite FULL, one row": plain_sqlite,
        "persist-queue, FULL": persist_queue(slow.seconds),
        "litequeue, FULL": lite_queue(slow.seconds),
    }
    found: Found = {}
    for _ in range(ROUNDS):
        for callers in CALLERS:
            for name, opened in contenders.items():
                measured = asyncio.run(_measure(opened, callers, given.folder))
                found.setdefault((name, callers), []).append(measured)
    _table(found, list(contenders))
    _ratios(found)
    if not given.sync_ms:
        again = [sys.executable, __file__, "--sealing"]
        without = subprocess.check_output(again, env=os.environ | WITHOUT_AES, text=True)
        print(f"encryption: {_sealing_share():.1f} % of the CPU of a reading,", end=" ")
        print(f"{without.strip()} % without AES instructions")
        loop, writer = asyncio.run(_processor_time(given.folder))
        print(f"processor time of a reading at {CALLERS[-1]} callers:", end=" ")
        print(f"{loop:.0f} us on the event loop, {writer:.0f} us in the writer's thread")


def _table(found: Found, names: list[str]) -> None:
    print(f"{'readings/s (p50, p99 in ms) at':28}", *(f"{n:>12} callers  " for n in CALLERS))
    for name in names:
        cells = []
        for callers in CALLERS:
            rate, p50, p99 = (statistics.median(each) for each in zip(*found[name, callers]))  # noqa: B905
            cells.append(f"{rate:8,.0f} ({p50:5.2f}, {p99:5.2f})")
        print(f"{name:28}", *cells)


def _ratios(found: Found) -> None:
    def ratio(column: int, ours: tuple[str, int], other: tuple[str, int]) -> float:
        pairs = zip(found[ours], found[other], strict=True)
        return statistics.median(mine[column] / theirs[column] for mine, theirs in pairs)

    journal = "our journal, from the bytes"
    limit = ratio(0, (journal, 64), ("append + fdatasync, shared", 64))
    least = ratio(0, ("its libraries alone", 64), ("append + fdatasync, shared", 64))
    alone = ratio(1, (journal, 1), ("SQLite FULL, one row", 1))
    thread = ratio(1, ("append + fdatasync, shared", 1), ("SQLite FULL, one row", 1))
    print(
        f"64 callers: {100 * limit:.0f} % of the shared append; the libraries: {100 * least:.0f} %"
    )
    print(
        f"one caller's p50: {alone:.2f} times a bare SQLite commit;"
        f" the shared append: {thread:.2f} times"
    )
    times = ratio(0, (journal, 64), ("persist-queue, FULL", 64))
    print(f"64 callers: {times:.1f} times persist-queue")


async def _measure(opened: Opened, callers: int, place: Path | None) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        async with AsyncExitStack() as stack:
            record = await opened(Path(folder), stack)
            numbers = iter(range(10**9))
            waits: list[float] = []
            began = time.perf_counter()

            async def caller() -> None:
                while (at := time.perf_counter()) - began < SECONDS:
                    await record(next(numbers))
                    waits.append(time.perf_counter() - at)

            await asyncio.gather(*(caller() for _ in range(callers)))
            passed = time.perf_counter() - began
    waits.sort()
    p50, p99 = waits[len(waits) // 2] * 1000, waits[int(len(waits) * 0.99)] * 1000
    return len(waits) / passed, p50, p99


async def _processor_time(place: Path | None) -> tuple[float, float]:
    """Return what one reading takes on the event loop and in the writer's thread, in us.

    The event loop decodes and waits on behalf of the callers; the writer's thread does the rest.
    """
    found = []
    with tempfile.TemporaryDirectory(dir=place) as folder:
        async with AsyncExitStack() as stack:
            record = await ours(Path(folder), stack)
            (writer,) = (t for t in threading.enumerate() if t.name == "journal-writer")
            threads = (threading.main_thread(), writer)
            clocks = [time.pthread_getcpuclockid(of.ident or 0) for of in threads]
            numbers = iter(range(10**9))

            async def caller() -> None:
                for _ in range(100):
                    await record(next(numbers))

            for _ in range(ROUNDS):
                before = [time.clock_gettime(clock) for clock in clocks]
                await asyncio.gather(*(caller() for _ in range(CALLERS[-1])))
                spent = [time.clock_gettime(clock) for clock in clocks]
                found.append([b - a for a, b in zip(before, spent, strict=True)])
    loop, own = (statistics.median(each) for each in zip(*found, strict=True))
    return loop / (100 * CALLERS[-1]) * 1e6, own / (100 * CALLERS[-1]) * 1e6


def _sealing_share() -> float:
    """Return how many % of the CPU time of a reading, from bytes to commit, sealing takes."""

    async def cpu(readings: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            async with AsyncExitStack() as stack:
                record = await ours(Path(folder), stack)
                began = time.process_time()
                for first in range(0, readings, 64):
                    await asyncio.gather(*(record(n) for n in range(first, first + 64)))
                return (time.process_time() - began) / readings

    def seal_nothing(_keys: Keyring, _owner: str, content: bytes, _place: str) -> bytes:
        return content

    def open_nothing(_keys: Keyring, _owner: str, sealed: bytes, _place: str) -> bytes:
        return sealed

    sealing, opening = Keyring.seal, Keyring.open
    shares = []
    for _ in range(ROUNDS):
        sealed = asyncio.run(cpu(6400))
        Keyring.seal, Keyring.open = seal_nothing, open_nothing  # type: ignore[method-assign, assignment]
        plain = asyncio.run(cpu(6400))
        Keyring.seal, Keyring.open = sealing, opening  # type: ignore[method-assign]
        shares.append(1 - plain / sealed)
    return 100 * statistics.median(shares)


if __name__ == "__main__":
    main()
