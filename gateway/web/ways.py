"""Where a reading is, for who looks at it: at each destination, or why it never goes to one."""

from __future__ import annotations

from gateway.api.hub import Hub
from gateway.consent.grant import in_force
from gateway.domain.reading import DOCUMENTS, Kind
from gateway.domain.subject import SubjectId
from gateway.journal.views import EntryView
from gateway.language.words import Words
from gateway.web.saying import whereabouts
from gateway.web.standing import Whereabouts


def ways(hub: Hub, view: EntryView, words: Words) -> list[Whereabouts]:
    """Say how a reading stands with each destination it is for.

    Where its person sends readings to one that has no place for its kind, that is said too: they
    would wait for it there.
    """
    told = [
        whereabouts(delivery, hub.title(delivery.destination), words)
        for delivery in view.deliveries
    ]
    entry = view.entry
    if entry.subject is None or entry.reading.kind in DOCUMENTS:
        return told
    return told + [
        Whereabouts("kept", words("delivery.no_place", destination=hub.title(name)))
        for name in _without_place(hub, entry.subject, entry.reading.kind)
        if name not in {delivery.destination for delivery in view.deliveries}
    ]


def _without_place(hub: Hub, subject: SubjectId, kind: Kind) -> list[str]:
    """Return the destinations of readings that take none of a kind, of those consented to."""
    without = [n for n, takes in hub.routes.items() if kind not in takes and takes - DOCUMENTS]
    if not without:
        return []
    given = in_force(hub.reader.ledger(subject), hub.clock.now().utc)
    consented = {grant.destination for grant in given}
    return [name for name in without if name in consented]
