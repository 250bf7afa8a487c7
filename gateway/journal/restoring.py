"""Restoring a backup in the place of a journal, without reviving what was taken back since."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import MappingProxyType

from gateway.clock import Clock
from gateway.consent.grant import Withdrawal, living
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import audit, backup, erasing, hub_key, ledger, outbox
from gateway.journal.database import make_private
from gateway.journal.hub_key import HubKey
from gateway.journal.lock import WriterLock
from gateway.journal.opening import Opening
from gateway.journal.ownership import FILES, hand_over
from gateway.journal.taken_back import TakenBackFile
from gateway.journal.writer import Transaction, run_now

NOWHERE_ELSE: Mapping[str, Path] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    withdrawn: int
    """Grants of the backup that had been withdrawn since, or that nobody vouched for."""
    erased: int
    """People of the backup who had been erased since."""
    replaced: Path | None
    """Where the journal and the bonds that were there before are now."""


def restore(
    source: Path,
    passphrase: bytes,
    journal: Path,
    clock: Clock,
    zone: tzinfo,
    routes: Mapping[str, frozenset[Kind]],
    *,
    consents_stand: bool,
    others: Mapping[str, Path] = NOWHERE_ELSE,
) -> Restored:
    """Put a backup in the place of the journal; what was there is moved aside.

    `others` says where files that went with it belong, by name, if not beside the journal.
    Withdrawals and erasures that this hub knows of are made again. Where it knows of none, because
    it is a new hub, every grant is withdrawn unless `consents_stand`: somebody asked the people.
    What the backup had not sent may have been sent since, so it is searched for first. Root may
    do it: everything then belongs to the user whose folder it is.
    """
    make_private(journal)
    lock = WriterLock(journal)
    aside = journal.parent / f"replaced-{clock.now().utc.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    places: list[Path] = []
    try:
        with tempfile.TemporaryDirectory(dir=journal.parent, prefix="restore-") as folder:
            unpacked = Path(folder)
            files = backup.read(source, passphrase, unpacked)
            for file in files:
                if file.name not in (backup.DATABASE, backup.HUB_KEY):
                    place = others.get(file.name, journal.parent / file.name)
                    _move_aside(place, aside / file.name)
                    _put(file, place)
                    places.append(place)
            if journal.stat().st_size:
                for name in FILES:
                    _move_aside(journal.parent / name, aside / name)
            secret = (unpacked / backup.HUB_KEY).read_bytes()
            _keep_key(hub_key.folder_of(journal), HubKey(secret))
            (unpacked / backup.DATABASE).rename(journal)
        replaced = aside if aside.exists() else None
        return _take_back(journal, clock, zone, routes, consents_stand, replaced)
    finally:
        hand_over(journal, [aside, *places])
        lock.release()


def _keep_key(folder: Path, key: HubKey) -> None:
    """Keep the backup's hub key, unless this hub is given that very key in another way."""
    try:
        there = hub_key.find(folder)
    except JournalError:
        there = []
    if key not in there:
        hub_key.keep_in_file(folder, key)


def _move_aside(path: Path, to: Path) -> None:
    """Move a file or folder out of the way, on another disk perhaps, if it is there."""
    if path.exists():
        to.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.move(path, to)


def _put(file: Path, place: Path) -> None:
    """Put an unpacked file where it belongs, on another disk perhaps, for this user only."""
    try:
        fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(file.read_bytes())
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise JournalError(
            f"cannot put what the backup holds to {place}: {error.strerror}"
        ) from error


def _take_back(
    journal: Path,
    clock: Clock,
    zone: tzinfo,
    routes: Mapping[str, frozenset[Kind]],
    consents_stand: bool,
    replaced: Path | None,
) -> Restored:
    taken = TakenBackFile(journal)
    known = taken.all()
    database, keys = Opening(journal, clock, zone, routes, ()).database()

    def again(tx: Transaction) -> Restored:
        now = clock.now().utc
        people = {row[0] for row in tx.db.rows("SELECT id FROM subjects")}
        gone = {each.subject for each in known if each.destination is None} & people
        withdrawn = 0
        for subject in sorted(people - gone):
            had = ledger.ledger(tx.db, tx.keys, SubjectId(subject))
            there = {entry.id for entry in had}
            again = {
                each.destination: each.id
                for each in known
                if each.subject == subject and each.destination and each.id not in there
            }
            if not taken.exists() and not consents_stand:
                again = {grant.destination: f"restore-{grant.id}" for grant in living(had)}
            withdrawn += sum(grant.destination in again for grant in living(had))
            for destination, name in again.items():
                ledger.record_withdrawal(tx, _withdrawal(name, subject, destination, now))
        for subject in sorted(gone):
            erasing.erase(tx, SubjectId(subject))
        outbox.restored(tx)
        audit.append(tx, audit.Audited.RESTORED, {"withdrawn": withdrawn, "erased": len(gone)})
        return Restored(withdrawn, len(gone), replaced)

    try:
        return run_now(database, keys, clock, again)
    finally:
        database.close()


def _withdrawal(name: str, subject: str, destination: str, at: datetime) -> Withdrawal:
    return Withdrawal(
        id=name,
        subject=SubjectId(subject),
        destination=destination,
        at=at,
        withdrawn_by="restore",
    )
