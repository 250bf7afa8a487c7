"""Claiming corrections: those that may be made now, decided in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Delivery, Reason, Withheld, decide, decide_retraction
from gateway.domain.correction import Wrong
from gateway.domain.entry import Entry
from gateway.domain.subject import SubjectId
from gateway.errors import Unreadable
from gateway.journal import attribution, audit, corrections, entry_rows, ledger, timings
from gateway.journal.asking import IN_A_WHILE
from gateway.journal.instants import to_us
from gateway.journal.ledger import NOWHERE, Addresses
from gateway.journal.writer import Transaction


def claim(
    tx: Transaction,
    destination: str,
    limit: int,
    now: datetime,
    addresses: Addresses = NOWHERE,
) -> list[ReleasedCorrection]:
    """Release up to `limit` corrections that are due; they stay due until told what came of them.

    One that has become pointless is done; one that the gate withholds is left to a person, until
    they consent anew.
    """
    where = addresses.get(destination, (None,))
    wrong_boots = timings.still_wrong(tx.db)
    found: list[ReleasedCorrection] = []
    for number, entry, subject, wrong, reference, attempts in tx.db.rows(
        "SELECT c.number, entry, subject, wrong, reference, ifnull(attempts, 0)"
        + corrections.OURS
        + " AND ifnull(due_us, 0) <= ? ORDER BY c.number LIMIT ?",
        (destination, to_us(now), limit),
    ):
        attribution.look_first(tx, entry)
        try:
            row = tx.db.one("SELECT * FROM whole_entries WHERE number = ?", (entry,))
            known = entry_rows.from_row(row, tx.keys)
        except Unreadable:
            corrections.leave(tx, number, "unreadable")
            continue
        if timings.may_be_wrong(wrong_boots, entry, known.reading):
            corrections.retry_at(tx, number, now + IN_A_WHILE)
            continue
        if _is_pointless(known, subject, Wrong(wrong)):
            corrections.done(tx, number)
            continue
        theirs = replace(known, subject=subject)
        unsettled = reference is None
        delivery = Delivery(theirs, destination, attempts + 1, unsettled, addresses=where)
        standing = ledger.standing(tx.db, tx.keys, subject, destination)
        rule = decide_retraction if wrong == Wrong.PERSON else decide
        decision = rule(delivery, standing.entries, now)
        if isinstance(decision, Withheld):
            corrections.leave(tx, number, decision.reason)
        elif standing.refused:
            corrections.leave(tx, number, Reason.REFUSED_THERE)
        else:
            corrections.tried(tx, number, attempts + 1, due_us=0)
            manifest: audit.Manifest = {
                "destination": destination,
                "correction": number,
                "entries": {decision.grant.id: [known.id]},
            }
            audit.append(tx, audit.Audited.CORRECTING, manifest)
            found.append(ReleasedCorrection(number, Wrong(wrong), reference, decision))
    return found


def _is_pointless(entry: Entry, subject: SubjectId | None, wrong: Wrong) -> bool:
    """Whether nothing is wrong there any more, or another correction says more."""
    if subject is None:
        return True
    is_theirs = entry.subject == subject
    return is_theirs if wrong is Wrong.PERSON else not is_theirs
