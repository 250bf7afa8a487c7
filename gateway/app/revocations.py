"""What was withdrawn for a destination, for those who hold readings under it and must not use them.

The ledger tells it of the people who are here. Of who was erased, or whose ledger damage or an old
backup has cut short, the file beside the journal does: a broker may keep readings for months.
"""

from __future__ import annotations

from datetime import datetime

from gateway.consent.grant import Grant, in_force, living
from gateway.domain.subject import SubjectId
from gateway.journal.reader import Reader


def revoked(reader: Reader, destination: str, now: datetime) -> tuple[list[str], list[SubjectId]]:
    """List the grants for a destination that were withdrawn, and who has no other there now.

    One that came to its end was not withdrawn, but says no more for its person either.
    """
    told = [each for each in reader.taken_back() if each.destination == destination]
    gone = {grant for each in told for grant in each.grants}
    people = {each.subject for each in told}
    for subject in reader.subjects():
        here = tuple(e for e in reader.ledger(subject.id) if e.destination == destination)
        alive = {grant.id for grant in living(here)}
        current = in_force(here, now)
        granted = {each.id for each in here if isinstance(each, Grant)}
        gone = (gone | granted) - alive
        if granted and not current:
            people.add(subject.id)
        elif current:
            people.discard(subject.id)
    return sorted(gone), sorted(people)
