"""What the gate will say of a reading that it has not been asked about yet.

It is asked when a reading is about to leave. While a destination cannot be reached that may take
days, and who never consented is not to read meanwhile that their reading waits to leave; nor that
it was sent, as all counts that was waiting when a backup was made.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.api.hub import Hub
from gateway.consent.gate import Delivery, Withheld, decide
from gateway.journal.states import State
from gateway.journal.views import DeliveryView, EntryView

_TO_BE_ASKED = {State.DUE, State.UNSETTLED}


def foreseen(hub: Hub, view: EntryView) -> EntryView:
    """Return the view with what would be withheld now shown as withheld."""
    if not hub.clock.now().trusted or all(
        each.state not in _TO_BE_ASKED for each in view.deliveries
    ):
        return view
    return replace(view, deliveries=tuple(_delivery(hub, view, each) for each in view.deliveries))


def _delivery(hub: Hub, view: EntryView, owed: DeliveryView) -> DeliveryView:
    if owed.state not in _TO_BE_ASKED or owed.destination not in hub.routes:
        return owed
    subject = view.entry.subject
    ledger = () if subject is None else hub.reader.standing(subject, owed.destination).entries
    addresses = hub.addresses.get(owed.destination, (None,))
    delivery = Delivery(view.entry, owed.destination, 0, unsettled=False, addresses=addresses)
    decision = decide(delivery, ledger, hub.clock.now().utc)
    if not isinstance(decision, Withheld):
        return owed
    return replace(owed, state=State.WITHHELD, reason=decision.reason, due_at=None)
