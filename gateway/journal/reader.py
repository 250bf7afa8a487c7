"""Looking into the journal, on a connection of its own, while the gateway runs or is stopped.

Nothing is written. A reader belongs to one thread at a time. Each call sees one state of the
journal, that of the last commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType

from gateway.consent.grant import ConsentEntry, Grant
from gateway.domain.device import DeviceId
from gateway.domain.identity import ReadingId
from gateway.domain.kiosk import KioskSession
from gateway.domain.reading import Kind
from gateway.domain.subject import Assignment, Subject, SubjectId
from gateway.errors import JournalError
from gateway.journal import (
    aside,
    assignments,
    corrections,
    counts,
    devices,
    earlier,
    entry_rows,
    history,
    hub_key,
    kiosk,
    ledger,
    measured,
    outbox,
    pages,
    pairings,
    people,
    replacing,
    signing,
)
from gateway.journal.audit import Link
from gateway.journal.damage import Damage
from gateway.journal.database import Database
from gateway.journal.hub_key import HubKey
from gateway.journal.instants import from_us, to_us
from gateway.journal.keys import Keyring
from gateway.journal.ledger import Standing
from gateway.journal.retention import Expired
from gateway.journal.schema import open_reader
from gateway.journal.signing import Checkpoint, Finding
from gateway.journal.taken_back import TakenBack, TakenBackFile
from gateway.journal.views import (
    CorrectionOwed,
    DeliveryCount,
    DeviceView,
    Earlier,
    EntryView,
    Event,
    LastRecorded,
    Position,
    Remark,
    Salvage,
    Sample,
    Summary,
)


class Reader:
    """A view of the journal as of each call."""

    def __init__(self, database: Database, keys: Keyring, taken_back: TakenBackFile) -> None:
        """Use `Reader.open`."""
        self._db = database
        self._keyring = keys
        self._taken_back = taken_back
        self._version = 0

    @classmethod
    def open(
        cls, path: Path, hub_keys: Sequence[HubKey] = (), *, damage: Damage | None = None
    ) -> Reader:
        """Open a journal to look at; raises JournalError if there is none, or it is damaged.

        Where no gateway runs, open it anew to see what one that is started later adds. `damage` is
        told of what is met later.
        """
        if replacing.is_unfinished(path):
            raise JournalError(
                "putting a journal in the place of this one was cut short: start the gateway, which"
                " finishes it"
            )
        database = open_reader(path)
        if damage is not None:
            database.on_damage = damage.met
        try:
            found = hub_keys or hub_key.find(hub_key.folder_of(path))
            return cls(database, Keyring(database, found), TakenBackFile(path))
        except JournalError:
            database.close()
            raise

    def another(self) -> Reader:
        """Open the journal once more, for a thread that looks for long; its owner closes it."""
        made = Reader.open(self._taken_back.journal, (self._keyring.hub,))
        made._db.on_damage = self._db.on_damage
        return made

    @property
    def _keys(self) -> Keyring:
        """The keys as of the last commit: one that was destroyed is not used any more."""
        (version,) = self._db.one("PRAGMA data_version")
        if version != self._version:
            self._keyring.forget()
            self._version = version
        return self._keyring

    def close(self) -> None:
        """Let it go; harmless if repeated."""
        self._db.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def entries(
        self,
        *,
        limit: int = 50,
        before: Position | None = None,
        subject: SubjectId | None = None,
        kind: Kind | None = None,
        unclaimed: bool = False,
    ) -> list[EntryView]:
        """Return a page of entries, the latest measured first; `before` the last one's position.

        Damaged ones are left out: see `damaged`.
        """
        with self._db.snapshot():
            return pages.page(
                *(self._db, self._keys, limit),
                before=before,
                subject=subject,
                kind=kind,
                unclaimed=unclaimed,
            )

    def came_in(self, session: KioskSession, limit: int) -> list[EntryView]:
        """Return what is nobody's and came in a turn at the kiosk, by its devices.

        The latest measured first, `limit` of them at most.
        """
        with self._db.snapshot():
            since_us = to_us(session.opened_at)
            return pages.came_in(self._db, self._keys, session.number, since_us, limit)

    def nobodys(self, limit: int) -> tuple[list[EntryView], list[Earlier]]:
        """Return the latest of nobody's that somebody is asked about, each by itself; and the rest.

        That is what devices held from before anybody was said to use them: it is counted.
        """
        with self._db.snapshot():
            return earlier.nobodys(self._db, self._keys, limit)

    def entry(self, entry: ReadingId) -> EntryView | None:
        """Return one entry, or None if there is none of that identity."""
        with self._db.snapshot():
            row = self._db.row(
                "SELECT number FROM entries WHERE id = ?", (entry_rows.to_blob(entry),)
            )
            found = [] if row is None else pages.views(self._db, self._keys, row)
        return found[0] if found else None

    def glucose(self, subject: SubjectId, since: datetime, until: datetime) -> list[Sample]:
        """Return the subject's sensor samples measured from `since` to before `until`, in order.

        Only those the sensor vouches for, after its warm-up, and whose time is known.
        """
        return measured.glucose(self._db, self._keys, subject, since, until)

    def moments(self, subject: SubjectId, kind: Kind, limit: int) -> list[datetime]:
        """Return when the subject's latest readings of a kind were measured, the latest first."""
        return measured.moments(self._db, subject, kind, limit)

    def last_recorded(
        self, subject: SubjectId, kind: Kind, since: datetime, until: datetime
    ) -> LastRecorded | None:
        """Tell what was recorded last of the subject's that was measured in that time."""
        with self._db.snapshot():
            return measured.last_recorded(self._db, subject, kind, since, until)

    def last_weights(self, at: datetime) -> dict[SubjectId, Decimal]:
        """Return everyone's last weight (kg) before a moment, if it is recent and to be trusted."""
        found = {
            subject.id: measured.last_weight(self._db, self._keys, subject.id, at)
            for subject in self.subjects()
        }
        return {subject: kg for subject, kg in found.items() if kg is not None}

    def kiosk(self) -> KioskSession | None:
        """Return the session that is open at the kiosk."""
        return kiosk.current(self._db)

    def delivery_counts(self) -> list[DeliveryCount]:
        """Return how many deliveries there are by destination, state and reason.

        It counts them all: a journal of years has hundreds of thousands.
        """
        return counts.deliveries(self._db)

    def parked(self) -> list[DeliveryCount]:
        """Return those of `delivery_counts` that are parked; it looks at what is owed only."""
        return counts.parked(self._db)

    def devices(self) -> list[DeviceView]:
        """Return all devices, in the order they were first seen."""
        return devices.views(self._db, self._keys)

    def number_of(self, device: DeviceId) -> int | None:
        """Return what the log calls a device; None if the journal does not know it."""
        return devices.find(self._db, self._keys, device)

    def corrections_owed(self) -> list[CorrectionOwed]:
        """Return what still is to be put right at destinations, the oldest first."""
        return corrections.owed(self._db)

    def subjects(self) -> list[Subject]:
        """Return the people the hub knows, in the order they were added."""
        return people.subjects(self._db, self._keys)

    def assignments(self, session: int | None = None) -> list[Assignment]:
        """Return all assignments, past and present, in the order they were made.

        With `session`, those of that turn at the kiosk.
        """
        return assignments.made(self._db, self._keys, session)

    def ledger(self, subject: SubjectId) -> tuple[ConsentEntry, ...]:
        """Return the subject's consent ledger, in order of recording."""
        return ledger.ledger(self._db, self._keys, subject)

    def address_of(self, grant: Grant) -> str | None:
        """Return where the destination of a grant was when it was given, as far as known."""
        return ledger.address_of(self._db, grant)

    def taken_back(self) -> list[TakenBack]:
        """Return the withdrawals and erasures that are kept beside the journal, in order."""
        return self._taken_back.all()

    def standing(self, subject: SubjectId, destination: str) -> Standing:
        """Return how the subject stands with the destination; every grant has its address."""
        return ledger.standing(self._db, self._keys, subject, destination)

    def refused(self, subject: SubjectId, destination: str) -> bool:
        """Tell whether the destination itself refuses the person, who has not granted anew."""
        return self.standing(subject, destination).refused

    def pairings(self, subject: SubjectId) -> list[str]:
        """Return the destinations the subject is paired with."""
        return pairings.destinations(self._db, subject)

    def remarks(self, limit: int = 50) -> list[Remark]:
        """Return the latest remarks, the newest first."""
        return aside.remarks(self._db, self._keys, limit)

    def summary(self) -> Summary:
        """Return the journal in a few numbers."""
        with self._db.snapshot():
            return counts.summary(self._db)

    def damaged(self) -> list[ReadingId]:
        """Return the entries that cannot be read, in order of recording. Looks at every one."""
        return pages.damaged(self._db, self._keys)

    def verify_against(self, checkpoint: Checkpoint | None) -> Finding:
        """Verify the audit chain, and that it goes on from a checkpoint if one is given."""
        return signing.verify(self.audit(), checkpoint, self._keys)

    def checkpoint(self, at: datetime) -> Checkpoint | None:
        """Sign the head of the audit chain; None while it is empty."""
        last = history.last_link(self._db)
        return None if last is None else signing.sign(self._keys, last, at)

    def story(self, entry: ReadingId) -> list[Event]:
        """Return what the audit chain tells of an entry, in order."""
        return history.story(self._db, entry)

    def released_under(self, page: Sequence[EntryView]) -> dict[ReadingId, dict[str, str]]:
        """Return by destination the grant under which each entry was last released there."""
        return history.released_under(self._db, page)

    def expired(self, subject: SubjectId) -> list[Expired]:
        """Return the subject's readings that are kept no longer, in order of expiry."""
        return history.expired(self._db, subject)

    def gone_back(self) -> datetime | None:
        """Return when last a backup was restored, or damage salvaged, if ever.

        What was recorded and sent before that may be known no more.
        """
        at_us = outbox.gone_back_us(self._db)
        return None if at_us is None else from_us(at_us)

    def salvaged(self) -> list[Salvage]:
        """Return the damaged journals that this one goes on from, the oldest first."""
        return history.salvaged(self._db)

    def audit(self) -> Iterator[Link]:
        """Yield the audit chain from its first link on."""
        return history.links(self._db)
