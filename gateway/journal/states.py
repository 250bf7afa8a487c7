"""The states of a delivery, one entry to one destination, and what takes it from one to the next.

`TRANSITIONS` says where each event takes it; what is not in the table does not happen. One rule
comes on top: a delivery that may have arrived never becomes plainly due again but unsettled, so it
is searched for first, whatever befell it in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.errors import JournalDamaged, JournalError


class State(StrEnum):
    """Where a delivery stands."""

    DUE = "due"
    """The gate, when it was last asked, would have let it go."""
    SENDING = "sending"
    """Released and on its way; made durable before the first byte leaves."""
    UNSETTLED = "unsettled"
    """It may have arrived: due, but to be searched for before it is sent again."""
    SETTLED = "settled"
    WITHHELD = "withheld"
    PARKED = "parked"
    DROPPED = "dropped"


class Event(StrEnum):
    """What happens to a delivery."""

    RELEASED = "released"
    WITHHELD = "withheld"
    RECEIVED = "receipt received"
    UNAVAILABLE = "unavailable"
    OUTCOME_UNKNOWN = "outcome unknown"
    REJECTED = "rejected"
    UNREADABLE = "found damaged"
    REFUSED = "refused there"
    RESTARTED = "gateway restarted"
    RECONSIDERED = "grant recorded, or person or time found"
    REASSIGNED = "it is another person's"
    RETRIED = "operator says retry"
    WITHDRAWN = "consent withdrawn"
    REPLACED = "computed anew"


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.DUE: {
        Event.REASSIGNED: State.DUE,
        Event.RELEASED: State.SENDING,
        Event.WITHHELD: State.WITHHELD,
        Event.UNREADABLE: State.PARKED,
        Event.REFUSED: State.WITHHELD,
        Event.WITHDRAWN: State.DROPPED,
        Event.REPLACED: State.DROPPED,
    },
    State.SENDING: {
        Event.RECEIVED: State.SETTLED,
        Event.UNAVAILABLE: State.DUE,
        Event.OUTCOME_UNKNOWN: State.UNSETTLED,
        Event.REJECTED: State.PARKED,
        Event.REFUSED: State.WITHHELD,
        Event.RESTARTED: State.UNSETTLED,
        Event.WITHDRAWN: State.DROPPED,
    },
    State.UNSETTLED: {
        Event.REASSIGNED: State.DUE,
        Event.RELEASED: State.SENDING,
        Event.WITHHELD: State.WITHHELD,
        Event.UNREADABLE: State.PARKED,
        Event.REFUSED: State.WITHHELD,
        Event.WITHDRAWN: State.DROPPED,
        Event.REPLACED: State.DROPPED,
    },
    State.SETTLED: {
        Event.REASSIGNED: State.DUE,
    },
    State.WITHHELD: {
        Event.REASSIGNED: State.DUE,
        Event.RECONSIDERED: State.DUE,
        Event.WITHDRAWN: State.DROPPED,
        Event.REPLACED: State.DROPPED,
    },
    State.PARKED: {
        Event.REASSIGNED: State.DUE,
        Event.RETRIED: State.DUE,
        Event.WITHDRAWN: State.DROPPED,
        Event.REPLACED: State.DROPPED,
    },
    # A withdrawal can meet a delivery on its way. What comes of it is still taken down.
    State.DROPPED: {
        Event.REASSIGNED: State.DUE,
        Event.RECEIVED: State.SETTLED,
        Event.UNAVAILABLE: State.DROPPED,
        Event.OUTCOME_UNKNOWN: State.DROPPED,
        Event.REJECTED: State.DROPPED,
        Event.REFUSED: State.DROPPED,
    },
}


def after(state: State, event: Event, *, may_have_arrived: bool) -> State:
    """Return the state that the event leads to; raises JournalError if the table has none."""
    to = TRANSITIONS[state].get(event)
    if to is None:
        raise JournalError(f'a delivery that is {state} cannot meet "{event}"')
    return State.UNSETTLED if to is State.DUE and may_have_arrived else to


def state_of(word: str) -> State:
    """Return the state that is stored as this word. Raises JournalDamaged if it is none."""
    try:
        return State(word)
    except ValueError:
        raise JournalDamaged(
            "a delivery is damaged; nothing was deleted. Start the gateway again: it saves what"
            " can be read"
        ) from None
