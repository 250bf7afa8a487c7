"""An outbox in memory, a destination that does as told, and a timer that lets time pass."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Delivery, Released, decide
from gateway.consent.grant import ConsentEntry, ConsentText, Grant, Purpose, Withdrawal
from gateway.domain.correction import Wrong
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Kind
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError, JournalFull, OutcomeUnknown, UplinkRejected
from gateway.testing.clock import START, ManualClock
from tests.uplink.samples import ALICE, BOB, entry

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def weight(number: int = 1, subject: SubjectId = ALICE) -> Entry:
    return entry(subject=subject, record=f"seq:{subject}:{number}")


def grant(subject: SubjectId, destination: str = "mes") -> Grant:
    return Grant(
        id=f"grant-{subject}",
        subject=subject,
        destination=destination,
        kinds=frozenset(Kind),
        purpose=Purpose.HEALTH_RECORD,
        given_at=LONG_AGO,
        covers_from=LONG_AGO,
        given_by="somebody",
        text=ConsentText(version="1", language="fr", sha256="0" * 64),
    )


@dataclass
class Row:
    entry: Entry
    state: str = "due"
    due_at: datetime = LONG_AGO
    unsettled: bool = False
    attempts: int = 0
    why: str = ""
    receipt: Receipt | None = None


class MemoryOutbox:
    """Keeps deliveries to one destination by the rules of `Outbox`; the real gate decides."""

    def __init__(self, *entries: Entry, destination: str = "mes") -> None:
        self.rows: dict[ReadingId, Row] = {}
        self.ledger: list[ConsentEntry] = [grant(ALICE, destination), grant(BOB, destination)]
        self.full = 0
        """So many writes are refused for want of space."""
        self.broken = False
        self.owed: dict[int, tuple[ReleasedCorrection, datetime]] = {}
        """Corrections that the hub may make, and when each is due."""
        self.has_no_corrections = False
        """They cannot be read; all else can."""
        self.left: dict[int, str] = {}
        """Those left to a person, and why."""
        self.claims: list[int] = []
        self.before_claim_returns: Callable[[], Awaitable[None]] | None = None
        self._wakes: list[Callable[[], None]] = []
        self.add(*entries)

    def add(self, *entries: Entry) -> None:
        for each in entries:
            self.rows[each.id] = Row(each)
        for wake in self._wakes:
            wake()

    def withdraw(self, subject: SubjectId) -> None:
        gone = Withdrawal(
            id="w", subject=subject, destination="mes", at=START, withdrawn_by="somebody"
        )
        self.ledger.append(gone)
        for row in self.rows.values():
            if row.entry.subject == subject and row.state != "settled":
                row.state = "dropped"

    def states(self) -> list[str]:
        return [row.state for row in self.rows.values()]

    def row(self, what: Entry) -> Row:
        return self.rows[what.id]

    async def claim(self, destination: str, limit: int, now: datetime) -> list[Released]:
        if self.broken:
            raise JournalError("the journal is damaged")
        self.claims.append(limit)
        due = [r for r in self.rows.values() if r.state == "due" and r.due_at <= now]
        claimed = []
        for row in sorted(due, key=lambda r: r.due_at)[:limit]:
            row.attempts += 1
            delivery = Delivery(row.entry, destination, row.attempts, row.unsettled)
            decision = decide(delivery, tuple(self.ledger), now)
            row.state = "sending" if isinstance(decision, Released) else "withheld"
            if isinstance(decision, Released):
                claimed.append(decision)
        if self.before_claim_returns is not None:
            await self.before_claim_returns()
        return claimed

    def _move(self, released: Released, state: str, why: str = "") -> Row:
        if self.full:
            self.full -= 1
            raise JournalFull("no space")
        row = self.rows[released.delivery.entry.id]
        if row.state not in ("sending", "dropped"):
            raise JournalError(f"a delivery that is {row.state} cannot become {state}")
        if row.state != "dropped" or state == "settled":
            row.state = state
        row.why = why
        return row

    async def settle(self, released: Released, receipt: Receipt) -> None:
        self._move(released, "settled").receipt = receipt

    async def retry_at(self, released: Released, due_at: datetime, why: str) -> None:
        self._move(released, "due", why).due_at = due_at

    async def unsettle(self, released: Released, due_at: datetime, why: str) -> None:
        row = self._move(released, "due", why)
        row.due_at, row.unsettled = due_at, True

    async def park(self, released: Released, reason: str) -> None:
        self._move(released, "parked", reason)

    async def refuse(self, released: Released) -> None:
        self._move(released, "withheld")
        for row in self.rows.values():
            if row.entry.subject == released.subject and row.state == "due":
                row.state = "withheld"

    async def next_due(self, destination: str) -> datetime | None:
        return min((r.due_at for r in self.rows.values() if r.state == "due"), default=None)

    def owe(self, *corrections: ReleasedCorrection) -> None:
        self.owed.update({each.number: (each, LONG_AGO) for each in corrections})

    async def claim_corrections(
        self, destination: str, limit: int, now: datetime
    ) -> list[ReleasedCorrection]:
        if self.has_no_corrections:
            raise JournalError("the journal is damaged")
        return [each for each, due_at in self.owed.values() if due_at <= now][:limit]

    async def corrected(self, correction: ReleasedCorrection) -> None:
        del self.owed[correction.number]

    async def correct_at(self, correction: ReleasedCorrection, due_at: datetime) -> None:
        self.owed[correction.number] = (correction, due_at)

    async def leave_correction(self, correction: ReleasedCorrection, why: str) -> None:
        del self.owed[correction.number]
        self.left[correction.number] = why

    async def next_correction_due(self, destination: str) -> datetime | None:
        return min((due_at for _, due_at in self.owed.values()), default=None)

    def when_due(self, destination: str, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)


class Answered(OutcomeUnknown):
    """The destination took the reading, but the answer got lost."""


class ScriptedUplink:
    """Does with each reading what the script says, attempt by attempt; else takes it."""

    takes = frozenset(Kind)

    def __init__(self, name: str = "mes") -> None:
        self.name = name
        self.script: defaultdict[ReadingId, deque[Exception]] = defaultdict(deque)
        self.search_script: defaultdict[ReadingId, deque[Exception]] = defaultdict(deque)
        self.calls: list[tuple[str, ReadingId]] = []
        self.there: list[ReadingId] = []
        """What the destination holds; twice where it was sent twice."""
        self.gates: dict[ReadingId, asyncio.Event] = {}
        """Sending waits for it after the request left and before the answer comes."""
        self.started = asyncio.Event()
        self.under_way: set[ReadingId] = set()
        self.most_under_way = 0
        self.subjects_under_way: list[SubjectId] = []
        self.overlapped = False

    def does(self, what: Entry, *outcomes: Exception) -> None:
        self.script[what.id].extend(outcomes)

    @property
    def sent(self) -> list[ReadingId]:
        return [reading for call, reading in self.calls if call == "send"]

    async def send(self, released: Released, /) -> Receipt:
        reading = released.delivery.entry.id
        self.calls.append(("send", reading))
        self.overlapped |= released.subject in self.subjects_under_way
        self.subjects_under_way.append(released.subject)
        self.under_way.add(reading)
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        self.started.set()
        try:
            await self.gates[reading].wait() if reading in self.gates else await asyncio.sleep(0)
        finally:
            self.under_way.discard(reading)
            self.subjects_under_way.remove(released.subject)
        outcome = self.script[reading].popleft() if self.script[reading] else None
        if outcome is None or isinstance(outcome, Answered):
            self.there.append(reading)
        if outcome is not None:
            raise outcome
        return Receipt("mes", f"Observation/{reading}", START)

    async def find(self, released: Released, /) -> Receipt | None:
        reading = released.delivery.entry.id
        self.calls.append(("find", reading))
        if self.search_script[reading]:
            raise self.search_script[reading].popleft()
        if reading in self.there:
            return Receipt("mes", f"Observation/{reading}", START, found=True)
        return None

    async def close(self) -> None:
        pass


class GatheringUplink(ScriptedUplink):
    """One that takes several readings at once, all or none; the script is that of each reading."""

    most_together = 3

    def __init__(self, name: str = "mes") -> None:
        super().__init__(name)
        self.together: list[list[ReadingId]] = []

    async def send_together(self, released: Sequence[Released], /) -> list[Receipt | None]:
        readings = [each.delivery.entry.id for each in released]
        assert len(readings) <= self.most_together
        assert len({each.subject for each in released}) == 1
        assert not any(each.delivery.unsettled for each in released)
        self.together.append(readings)
        self.started.set()
        for reading in readings:
            await self.gates[reading].wait() if reading in self.gates else await asyncio.sleep(0)
        trouble = [each for each in readings if self.script[each]]
        if any(isinstance(self.script[each][0], UplinkRejected) for each in trouble):
            return [None] * len(readings)
        outcome = self.script[trouble[0]].popleft() if trouble else None
        if outcome is None or isinstance(outcome, Answered):
            self.there.extend(readings)
        if outcome is not None:
            raise outcome
        return [Receipt("mes", f"Observation/{reading}", START) for reading in readings]


class PassingTime:
    """A timer that moves the clock instead of waiting, and remembers for how long."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.waits: list[float] = []

    async def __call__(self, event: asyncio.Event, seconds: float) -> None:
        await asyncio.sleep(0)
        if not event.is_set():
            self.waits.append(round(seconds, 3))
            self.clock.advance(seconds)


class CorrectingUplink(ScriptedUplink):
    """A destination that takes corrections too; the script is that of the reading."""

    def __init__(self, name: str = "mes") -> None:
        super().__init__(name)
        self.corrected: list[tuple[Wrong, ReadingId]] = []

    async def correct(self, correction: ReleasedCorrection, /) -> Receipt:
        reading = correction.released.delivery.entry.id
        self.started.set()
        await self.gates[reading].wait() if reading in self.gates else await asyncio.sleep(0)
        if self.script[reading]:
            raise self.script[reading].popleft()
        self.corrected.append((correction.wrong, reading))
        return Receipt(self.name, f"Observation/{reading}" if reading in self.there else "", START)
