"""The gate. Every reading that leaves passes `decide`, and only `decide` makes a `Released`.

`Uplink.send` takes nothing but a `Released`, so sending without consent is a type error. The gate
is pure; the journal calls it inside the transaction that claims a batch of deliveries, so a
withdrawal recorded a moment earlier is honoured.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import final

from gateway.consent.grant import ConsentEntry, Grant, in_force, living
from gateway.domain.device_time import Correction, Timing
from gateway.domain.entry import Entry
from gateway.domain.reading import Kind, Quality
from gateway.domain.subject import SubjectId
from gateway.frozen import frozen


class Reason(StrEnum):
    """Why a reading was withheld. A closed vocabulary: people are shown it in words."""

    UNCLAIMED = "unclaimed"
    NO_GRANT = "no_grant"
    WITHDRAWN = "withdrawn"
    KIND_NOT_COVERED = "kind_not_covered"
    BEFORE_GRANT = "before_grant"
    AFTER_GRANT = "after_grant"
    PERHAPS_BEFORE_GRANT = "perhaps_before_grant"
    """By the uncertainty of its time it may be older than what the grant covers."""
    PERHAPS_AFTER_GRANT = "perhaps_after_grant"
    EXPIRED = "expired"
    TIME_UNKNOWN = "time_unknown"
    TIME_PENDING = "time_pending"
    """The hub did not know the time when it came; it waits until the hub does."""
    NOT_RELIABLE = "not_reliable"
    REFUSED_THERE = "refused_there"
    """The destination itself says the person does not consent; held until they grant anew."""
    ADDRESS_CHANGED = "address_changed"
    """The destination is elsewhere than when it was consented to; held until they grant anew."""


OF_A_GRANT = (
    Reason.KIND_NOT_COVERED,
    Reason.EXPIRED,
    Reason.BEFORE_GRANT,
    Reason.AFTER_GRANT,
    Reason.PERHAPS_BEFORE_GRANT,
    Reason.PERHAPS_AFTER_GRANT,
)
"""Why a grant does not cover a reading. Of several that refuse, the one is told that came nearest:
most ask for the least."""


@frozen
class Delivery:
    """An entry that is due at a destination, as claimed from the outbox.

    `unsettled` means that an earlier attempt may have arrived: search before sending again.
    `earlier` are then the times with which it may have been sent, before it got the one it has.
    `addresses` are where the destination is, and where it was before; None stands for one that is
    nowhere in particular, as in tests.
    """

    entry: Entry
    destination: str
    attempt: int
    unsettled: bool
    earlier: tuple[Timing, ...] = ()
    addresses: tuple[str | None, ...] = (None,)


@final
@frozen
class Released:
    """Permission to send one delivery to its destination now, under the named grant."""

    delivery: Delivery
    subject: SubjectId
    grant: Grant


@frozen
class Withheld:
    """A refusal: expected, stored with the delivery, lifted when its reason goes away."""

    delivery: Delivery
    reason: Reason


def decide(
    delivery: Delivery,
    ledger: tuple[ConsentEntry, ...],
    now: datetime,
    *,
    certain: bool = False,
    arrived: datetime | None = None,
) -> Released | Withheld:
    """Release the delivery if a living grant of its subject lets it go; else say why not.

    A grant lets go what it covers whenever, within the uncertainty of its time, it was measured;
    `certain` is for what a gate that knew more has let go before: its stated time counts then.
    `arrived` is a moment at which it was here by any account, hence measured; without it, now is.
    `ledger` is the subject's consent ledger, in order of recording (empty for nobody).
    """
    entry = delivery.entry
    if entry.subject is None:
        return Withheld(delivery, Reason.UNCLAIMED)
    if (unfit := unfit_to_be_sent(entry)) is not None:
        return Withheld(delivery, unfit)
    grants = _good_there(delivery, ledger)
    if isinstance(grants, Reason):
        return Withheld(delivery, grants)
    measured_to = entry.timing.measured_at
    measured_from = measured_to - (entry.reading.period or timedelta())
    doubt = timedelta()
    if entry.timing.uncertainty is not None and not certain:  # what has none at all is unfit
        doubt = entry.timing.uncertainty
    here_by = now if arrived is None else min(arrived, now)
    refusals = []
    for grant in grants:
        refusal = _refusal(
            grant, entry.reading.kind, measured_from, measured_to, now, doubt, here_by
        )
        if refusal is None:
            return Released(delivery, entry.subject, grant)
        refusals.append(refusal)
    return Withheld(delivery, max(refusals, key=OF_A_GRANT.index))


def decide_retraction(
    delivery: Delivery, ledger: tuple[ConsentEntry, ...], now: datetime
) -> Released | Withheld:
    """Release the word that a reading is not its subject's; else say why not.

    It may tell that something was measured and when, never what: that is another person's, who need
    not consent. So neither the time nor the quality of it counts; but it concerns the subject's
    record there, so it needs a living grant of theirs for that kind.
    """
    entry = delivery.entry
    if entry.subject is None:
        return Withheld(delivery, Reason.UNCLAIMED)
    grants = _good_there(delivery, ledger)
    if isinstance(grants, Reason):
        return Withheld(delivery, grants)
    current = in_force(grants, now)
    if not current:
        return Withheld(delivery, Reason.EXPIRED)
    for grant in current:
        if entry.reading.kind in grant.kinds:
            return Released(delivery, entry.subject, grant)
    return Withheld(delivery, Reason.KIND_NOT_COVERED)


def _good_there(delivery: Delivery, ledger: tuple[ConsentEntry, ...]) -> tuple[Grant, ...] | Reason:
    """Return the living grants of the entry's subject that are good where the destination is.

    If there are none, say why.
    """
    whose = (delivery.entry.subject, delivery.destination)
    here = tuple(e for e in ledger if (e.subject, e.destination) == whose)
    grants = living(here)
    if not grants:
        return Reason.WITHDRAWN if here else Reason.NO_GRANT
    good = tuple(grant for grant in grants if grant.address in delivery.addresses)
    return good or Reason.ADDRESS_CHANGED


def unfit_to_be_sent(entry: Entry) -> Reason | None:
    """Say why an entry goes nowhere, whatever its person consents to; None if it may."""
    if not entry.timing.sendable:
        pending = entry.timing.reason is Correction.HUB_CLOCK_UNSET
        return Reason.TIME_PENDING if pending else Reason.TIME_UNKNOWN
    if entry.reading.quality is not Quality.GOOD:
        return Reason.NOT_RELIABLE
    return None


def covers(
    grant: Grant, kind: Kind, measured_from: datetime, measured_to: datetime, now: datetime
) -> bool:
    """Tell whether a grant would let go what is yet to be computed; nothing is released by it."""
    return _refusal(grant, kind, measured_from, measured_to, now, timedelta(), now) is None


def _refusal(
    grant: Grant,
    kind: Kind,
    measured_from: datetime,
    measured_to: datetime,
    now: datetime,
    doubt: timedelta,
    here_by: datetime,
) -> Reason | None:
    """Say why this grant does not cover a kind and a time, give or take `doubt`; None if it does.

    The doubt reaches as far ahead as back, but what was `here_by` some moment was measured before.
    """
    if kind not in grant.kinds:
        return Reason.KIND_NOT_COVERED
    if grant.expires is not None and now >= grant.expires:
        return Reason.EXPIRED
    since, until = grant.covers_from, grant.covers_until
    if measured_from - doubt < since:
        surely = measured_from + doubt < since
        return Reason.BEFORE_GRANT if surely else Reason.PERHAPS_BEFORE_GRANT
    if until is not None and max(measured_to, min(measured_to + doubt, here_by)) >= until:
        surely = measured_to - doubt >= until
        return Reason.AFTER_GRANT if surely else Reason.PERHAPS_AFTER_GRANT
    return None
