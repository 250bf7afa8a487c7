"""How a person stands with each destination: what they consented to, and what is left to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.api import consents
from gateway.api.hub import Hub, PairsBy, ShutOut
from gateway.consent.gate import Reason
from gateway.consent.grant import ConsentEntry, Withdrawal, in_force, living
from gateway.domain.subject import SubjectId
from gateway.journal.states import State
from gateway.journal.views import EntryView
from gateway.language.moments import moment
from gateway.language.words import Words
from gateway.web.consents import not_covered

_OLDER = {Reason.BEFORE_GRANT, Reason.PERHAPS_BEFORE_GRANT}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a person stands with a destination."""

    destination: str
    title: str
    given: str | None
    """When they last gave a consent that lives; None if there is none."""
    ends: str | None
    """When the last that they gave comes to its own end, or came; None if it does not."""
    lapsed: bool
    """Nobody took it back: the hub took over a backup, and does not know whether it stands."""
    grants: Sequence[tuple[str, str]]
    """Each that lives, and when it was given, the first first."""
    more: bool
    """Whether the destination takes kinds of readings that no living consent of theirs covers."""
    older: bool
    """Whether something that is shown stays here for being older than their consents, perhaps."""
    refused: bool
    moved: bool
    """The destination is elsewhere by now, and their consent not good for there."""
    pairs_by: PairsBy
    paired: bool
    shut_out: ShutOut | None
    """Whose matter it is that readings wait there for our access; None if it is accepted."""

    @property
    def awaits(self) -> bool:
        """Whether something is for its person to do before anything leaves, or goes on leaving."""
        if (
            self.refused
            or self.moved
            or self.lapsed
            or (self.ends is not None and self.given is None)
        ):
            return True
        if self.pairs_by is PairsBy.NOTHING:
            return False
        return not self.paired and self.given is not None


def agreements(
    hub: Hub, subject: SubjectId, words: Words, views: Sequence[EntryView] = ()
) -> Iterator[Agreement]:
    """Yield how a person stands with each destination, also one that is configured no longer.

    `views` are the readings of theirs that are shown.
    """
    held = [each for view in views for each in view.deliveries if each.state is State.WITHHELD]
    older = {each.destination for each in held if each.reason in _OLDER}
    now, ledger = hub.clock.now().utc, hub.reader.ledger(subject)
    alive = in_force(ledger, now)
    here = {grant.destination for grant in consents.good(hub, ledger)}
    paired = hub.reader.pairings(subject)
    for name in dict.fromkeys([*hub.routes, *(grant.destination for grant in alive)]):
        grants = [
            (grant.id, moment(grant.given_at, now, hub.zone, words))
            for grant in alive
            if grant.destination == name
        ]
        ends = [grant.expires for grant in living(ledger) if grant.destination == name]
        last = max((end for end in ends if end is not None), default=None)
        yield Agreement(
            destination=name,
            title=hub.title(name),
            given=grants[-1][1] if grants else None,
            ends=None if last is None or None in ends else moment(last, now, hub.zone, words),
            lapsed=_lapsed(ledger, name),
            grants=grants,
            more=bool(grants and not_covered(hub, subject, name)),
            older=bool(grants) and name in older,
            refused=hub.reader.refused(subject, name),
            moved=bool(grants) and name not in here,
            pairs_by=hub.pairs_by(name) if name in hub.routes else PairsBy.NOTHING,
            paired=name in paired,
            shut_out=hub.shuts_out(subject, name),
        )


def _lapsed(ledger: Sequence[ConsentEntry], destination: str) -> bool:
    """Tell whether a consent was the last that was said of it, and is to be given anew."""
    last = next((each for each in reversed(ledger) if each.destination == destination), None)
    return isinstance(last, Withdrawal) and last.is_to_be_asked_about
