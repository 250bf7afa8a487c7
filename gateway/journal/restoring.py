"""Restoring a backup in the place of a journal, without reviving what was taken back since.

All of it happens to the unpacked backup, in a folder of its own; only what is ready takes the place
of what is there (replacing.py). So a power cut leaves one or the other, and never a backup in which
a withdrawn consent lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from pathlib import Path

from gateway.clock import Clock
from gateway.consent.grant import BY_RESTORING, Withdrawal, living
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import audit, backup, erasing, hub_key, ledger, outbox, replacing
from gateway.journal.hub_key import HubKey
from gateway.journal.keys import SIGNING, Keyring
from gateway.journal.ledger import NOWHERE, Addresses
from gateway.journal.lock import WriterLock
from gateway.journal.opening import Opening
from gateway.journal.replacing import BESIDE_IT
from gateway.journal.schema import open_reader
from gateway.journal.scratch import scratch
from gateway.journal.taken_back import TakenBack, TakenBackFile
from gateway.journal.writer import Transaction, run_now


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    withdrawn: int
    """Grants of the backup that had been withdrawn since, or that nobody vouched for."""
    erased: int
    """People of the backup who had been erased since."""
    replaced: Path | None
    """Where the journal and the bonds that were there before are now."""
    beside: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """What the backup held beside the journal, by name: secrets."""


def restore(
    source: Path,
    passphrase: bytes,
    journal: Path,
    clock: Clock,
    zone: tzinfo,
    routes: Mapping[str, frozenset[Kind]],
    *,
    addresses: Addresses = NOWHERE,
    consents_stand: bool,
    others: Mapping[str, Path] = BESIDE_IT,
) -> Restored:
    """Put a backup in the place of the journal; what was there is moved aside.

    `others` says where files that went with it belong, by name, if not beside the journal.
    Withdrawals and erasures that this hub knows of are made again. Where it need not know of all,
    because the backup is another hub's, every grant is withdrawn unless `consents_stand`: somebody
    asked the people. What the backup had not sent may have been sent since, so it is searched for
    first. A journal whose key is no file here keeps the key that this hub is given. Raises
    JournalError; then nothing is replaced, or the next start finishes it.
    """
    try:
        journal.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = WriterLock(journal)
        try:
            replacing.finish(journal)
            with scratch(journal) as made:
                beside = backup.read(source, passphrase, made)
                key = HubKey(beside.pop(backup.HUB_KEY))
                restoring = _Restoring(journal, made, key, clock, zone, routes, addresses)
                done = restoring.take_back(consents_stand)
                for name, content in beside.items():
                    (made / name).write_bytes(content)
                    (made / name).chmod(0o600)
                places = {name: others[name] for name in beside if name in others}
                aside = replacing.aside(journal, "replaced", clock)
                replaced = replacing.put(made, journal, aside, places)
        finally:
            lock.release()
    except OSError as error:
        raise JournalError(f"cannot restore {source}: {error.strerror}") from error
    return replace(done, replaced=replaced, beside=beside)


@dataclass(frozen=True, slots=True)
class _Restoring:
    """A backup, unpacked in the folder `made`, on its way to the place of `journal`."""

    journal: Path
    made: Path
    key: HubKey
    """Of the backup."""
    clock: Clock
    zone: tzinfo
    routes: Mapping[str, frozenset[Kind]]
    addresses: Addresses

    def take_back(self, consents_stand: bool) -> Restored:
        """Take back again what was since the backup was made, and make the rest ready."""
        ours = hub_key.not_in_a_file(hub_key.folder_of(self.journal))
        new = self.made / self.journal.name
        (self.made / backup.DATABASE).rename(new)
        opening = Opening(new, self.clock, self.zone, self.routes, self.addresses, (self.key,))
        database, keys = opening.sound()
        try:
            done = run_now(database, keys, self.clock, lambda tx: self._again(tx, consents_stand))
            if ours is None:
                hub_key.keep_in_file(hub_key.folder_of(new), self.key)
            else:
                run_now(database, keys, self.clock, lambda tx: tx.keys.change_hub_key(ours))
        finally:
            database.close()
        return done

    def _again(self, tx: Transaction, consents_stand: bool) -> Restored:
        known = TakenBackFile(self.journal).all()
        people = {SubjectId(row[0]) for row in tx.db.rows("SELECT id FROM subjects")}
        vouched = consents_stand or self._is_our_own(tx.keys, people, known)
        gone = {each.subject for each in known if each.destination is None} & people
        outbox.restored(tx)  # before anything is dropped: that, too, may be there
        withdrawn = 0
        for subject in sorted(people - gone):
            had = ledger.ledger(tx.db, tx.keys, subject)
            there = {entry.id for entry in had}
            again = {
                each.destination: each.id
                for each in known
                if each.subject == subject and each.destination and each.id not in there
            }
            if not vouched:
                again |= {grant.destination: f"{BY_RESTORING}{grant.id}" for grant in living(had)}
            withdrawn += sum(grant.destination in again for grant in living(had))
            for destination, name in again.items():
                made = _withdrawal(name, subject, destination, self.clock.now().utc)
                ledger.record_withdrawal(tx, made)
        for subject in sorted(gone):
            erasing.erase(tx, subject)
        audit.append(tx, audit.Audited.RESTORED, {"withdrawn": withdrawn, "erased": len(gone)})
        self._tell_of_all(tx, known)
        return Restored(withdrawn, len(gone), None)

    def _is_our_own(self, keys: Keyring, people: set[SubjectId], known: list[TakenBack]) -> bool:
        """Tell whether it is a backup of this very hub, which knows what was taken back since."""
        if not people.isdisjoint(each.subject for each in known):
            return True
        with suppress(JournalError):
            ours = open_reader(self.journal, newer=True)
            try:
                there = Keyring(ours, hub_key.find(hub_key.folder_of(self.journal)))
                return there.secret(SIGNING) == keys.secret(SIGNING)
            finally:
                ours.close()
        return False

    def _tell_of_all(self, tx: Transaction, known: list[TakenBack]) -> None:
        """Keep beside the journal to come whatever was taken back, here or before the backup."""
        there = [
            TakenBack(
                name, subject, destination, number, ledger.grants_of(tx.db, subject, destination)
            )
            for name, subject, destination, number in tx.db.rows(
                "SELECT id, subject, destination, number FROM consent WHERE event = 'withdrawal'"
                " ORDER BY number"
            )
        ]
        ids = {each.id for each in there}
        told = [*(each for each in known if each.id not in ids), *there]
        if told:
            TakenBackFile(self.made / self.journal.name).add(*told)


def _withdrawal(name: str, subject: str, destination: str, at: datetime) -> Withdrawal:
    return Withdrawal(
        id=name,
        subject=SubjectId(subject),
        destination=destination,
        at=at,
        withdrawn_by="restore",
    )
