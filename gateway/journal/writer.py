r"""The one thread that writes, and group commit.

Calls that wait at the same time share one transaction, hence one sync of the disk:

    call  call  call        BEGIN
      \    |    /            work of one call
       queue ------> thread  work of the next ...
      /    |    \            what they left for the end
    result result result    COMMIT, synced  ---> results go to the event loop

While one group is being synced the next collects in the queue: the slower the disk, the larger the
groups. If a call fails the group is taken back and each of its calls runs in a transaction of its
own, so that only those fail that fail by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from gateway.clock import Clock, Instant
from gateway.errors import JournalDamaged, JournalError, JournalFull
from gateway.journal.damage import Damage
from gateway.journal.database import Database
from gateway.journal.instants import to_us
from gateway.journal.keys import Keyring
from gateway.journal.memory import Memory
from gateway.journal.recorded import Made, Recorded
from gateway.journal.reserve import Reserve

_GROUP = 256  # calls in one transaction at most: bounds what one crash can take back
_LOG_PAGES = 1000  # of 4 KiB; folding each into the database costs one write

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Transaction:
    """What the work of a call is given: the open transaction, and what it wants done after."""

    db: Database
    now: Instant
    memory: Memory
    keys: Keyring
    now_us: int = field(init=False)
    due: set[str] = field(default_factory=set)
    """Destinations at which something became due: their workers are woken after the commit."""
    fold: bool = False
    """Whether the log is to be emptied after the commit: it may still hold what was erased."""
    recorded: list[Recorded] = field(default_factory=list)
    """Readings of which entries are still to be made."""
    made: list[Made] = field(default_factory=list)
    """Entries still to be written, before those."""
    undo: list[Callable[[], None]] = field(default_factory=list)
    """What takes back what was written elsewhere, the last first, should this not be committed."""
    rest: Callable[[], None] | None = None
    """Writes them and what follows from them, once for all calls."""

    def __post_init__(self) -> None:
        self.now_us = to_us(self.now.utc)

    def finish(self) -> None:
        """Do what was left, before something else looks at it and before the commit."""
        if self.rest is not None:
            rest, self.rest = self.rest, None
            rest()


Work = Callable[[Transaction], T]


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    joins: bool
    vital: bool
    result: Any = None
    due: Set[str] = frozenset()
    error: BaseException | None = None


def run_now(
    database: Database, keys: Keyring, clock: Clock, work: Work[T], memory: Memory | None = None
) -> T:
    """Run `work` in a transaction in this thread; for a database no other thread writes."""
    database.run("BEGIN IMMEDIATE")
    try:
        tx = Transaction(database, clock.now(), memory or Memory(), keys)
        result = work(tx)
        tx.finish()
        database.run("COMMIT")
    finally:
        if database.in_transaction:
            database.run("ROLLBACK")
    return result


class Writer:
    """Runs work in the writer's thread. The database belongs to this object until it is closed."""

    def __init__(
        self,
        database: Database,
        keys: Keyring,
        clock: Clock,
        reserve: Reserve,
        damage: Damage,
        ask: Work[bool],
    ) -> None:
        """Start the thread; all but the clock and the damage is its own from now on.

        `ask` asks the gate about what became due, in a transaction of its own after each that made
        something so, and tells whether more of it is to be asked about.
        """
        self._ask_gate = ask
        self._damage = damage
        database.on_damage = damage.met
        self._reserve = reserve
        self._db = database
        self._keys = keys
        self._clock = clock
        self._wakes: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._memory = Memory()
        self._emptying = False
        self._asks = False
        self._fold_at = _LOG_PAGES
        self.commits = 0
        """Transactions committed so far; each that wrote something was one sync."""
        self._ask()  # the start may have changed where destinations are, and what may have arrived
        # A daemon thread: an abandoned journal must not keep the interpreter from ending, and
        # being cut off in the middle is what the database is made for.
        self._thread = threading.Thread(target=self._serve, name="journal-writer", daemon=True)
        self._thread.start()

    def run(self, work: Work[T], *, joins: bool = False, vital: bool = False) -> asyncio.Future[T]:
        """Queue `work` to be run in a transaction; the result is there once that is synced.

        The result may be an error that the work raised, or JournalError; then nothing of it was
        written. If it is cancelled the work may still be done. Work may run twice, the first time
        taken back. Work that `joins` is content with what the calls before it left for the end;
        before any other that is done. It is refused while nothing is kept back for what is `vital`,
        which is still done when the disk is full. Raises JournalError if the journal is closed.
        """
        if self._closed:
            raise JournalError("the journal is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(work, loop, future, joins, vital))
        return future

    def when_due(self, destination: str, wake: Callable[[], None]) -> None:
        """Have `wake` called on the event loop after each commit that made something due there."""
        self._wakes[destination].append(wake)

    async def close(self) -> None:
        """Finish what is queued, then close the database; harmless if repeated."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            group = self._commit(job)
            self._ask()  # whoever waited for these calls sees what it says
            for loop in {job.loop for job in group}:
                # A loop that is closed has no one left who waits for an answer.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(
                        self._deliver, [job for job in group if job.loop is loop]
                    )
            self._fold()
        self._db.close()

    def _next(self) -> _Job | None:
        """Return the next call; while none waits, the gate is asked about what is left."""
        while self._asks:
            with suppress(Empty):
                return self._queue.get_nowait()
            self._ask()
        return self._queue.get()

    def _ask(self) -> None:
        """Have the gate asked about some of what became due; should it fail, then later."""
        self._asks = False
        if not self._memory.is_to_ask(to_us(self._clock.now().utc)):
            return
        try:
            self._asks = run_now(self._db, self._keys, self._clock, self._ask_gate, self._memory)
            self.commits += 1
        except Exception as error:  # noqa: BLE001  whatever it is, the thread must live on
            self._memory.forget()
            self._memory.unasked = None
            if isinstance(error, JournalDamaged):
                self._damage.met(error)
            elif not isinstance(error, JournalError):
                _log.error("what may leave could not be looked at: %s", type(error).__name__)

    def _fold(self) -> None:
        """Fold the log when it has grown, after those who waited have their answers."""
        if self._emptying:
            with suppress(JournalError):  # a reader may be looking at it: tried after each commit
                self._emptying = not self._db.fold(whole=True)
        if self._db.log_pages >= self._fold_at:
            with suppress(JournalError):  # what is committed stays so; it is tried again later
                self._db.fold()
            self._fold_at = self._db.log_pages + _LOG_PAGES

    def _commit(self, first: _Job) -> list[_Job]:
        """Run the waiting calls in one transaction; if that is lost, each in one of its own."""
        group: list[_Job] = []
        error = self._together(self._waiting(first), group)
        if error is None:
            return group
        for job in group:
            job.error = error if len(group) == 1 else self._together([job], [])
            if job.vital and isinstance(job.error, JournalFull) and self._reserve.held:
                self._reserve.give_up()
                job.error = self._together([job], [])
            if isinstance(job.error, JournalDamaged):  # not the engine found it, but who read it
                self._damage.met(job.error)
        return group

    def _waiting(self, first: _Job) -> Iterator[_Job]:
        """Yield calls until none waits: one that comes while others run still joins the group."""
        yield first
        for _ in range(_GROUP - 1):
            try:
                job = self._queue.get_nowait()
            except Empty:
                return
            if job is None:
                self._queue.put(None)  # the end, to be met again after this group
                return
            yield job

    def _together(self, jobs: Iterable[_Job], group: list[_Job]) -> BaseException | None:
        """Run and commit the jobs, adding them to `group`; an error means none was written."""
        undo: list[Callable[[], None]] = []
        try:
            tx = Transaction(self._db, self._clock.now(), self._memory, self._keys)
            undo = tx.undo
            for job in jobs:
                group.append(job)
                if len(group) == 1:
                    self._db.run("BEGIN IMMEDIATE")
                if not job.joins:
                    tx.finish()
                elif not self._reserve.hold():
                    raise JournalFull(
                        "the disk is full: readings wait in the devices until some space is free"
                    )
                job.result = job.work(tx)
                job.due = tx.due
            tx.finish()
            self._db.run("COMMIT")
            self._emptying = self._emptying or tx.fold
        except BaseException as error:  # noqa: BLE001  handed to the caller
            self._memory.forget()
            # Should even that fail, the next BEGIN says so to its callers; the thread must live on.
            with suppress(JournalError):
                if self._db.in_transaction:
                    self._db.run("ROLLBACK")
            for take_back in reversed(undo):
                with suppress(JournalError):  # then it is done at the next start
                    take_back()
            return error
        self.commits += 1
        return None

    def _deliver(self, group: list[_Job]) -> None:
        due: set[str] = set()
        for job in group:
            if job.error is None:
                due |= job.due
            if job.future.done():
                continue  # its caller was cancelled
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)
        for wake in [wake for destination in due for wake in self._wakes.get(destination, ())]:
            wake()
