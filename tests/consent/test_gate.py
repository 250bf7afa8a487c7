from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.consent.gate import (
    Delivery,
    Reason,
    Released,
    Withheld,
    covers,
    decide,
    decide_retraction,
)
from gateway.consent.grant import ConsentEntry, Grant
from gateway.domain.device_time import Correction, Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import identity
from gateway.domain.reading import Kind, Quality
from gateway.domain.subject import Attribution, SubjectId
from gateway.testing.clock import START
from tests.consent.consents import ADA, BO, DAY, EVERYTHING, grant, ledgers, withdrawal
from tests.journal.making import SCALE, weight


def _entry(quality: Quality = Quality.GOOD) -> Entry:
    reading = weight(1, quality=quality)
    timing = Timing(START, timedelta(), Correction.RECEPTION, timedelta(minutes=2), sendable=True)
    return Entry(identity(reading), reading, timing, ADA, Attribution.ASSIGNMENT, SCALE)


ENTRY = _entry()
EXACT = replace(ENTRY, timing=replace(ENTRY.timing, uncertainty=timedelta()))
MINUTE = timedelta(minutes=1)
UNKNOWN = Timing(START, timedelta(), Correction.UNKNOWN, None, sendable=False)
WAITING = replace(UNKNOWN, reason=Correction.HUB_CLOCK_UNSET)


def _due(entry: Entry = ENTRY, destination: str = "mes") -> Delivery:
    return Delivery(entry, destination, attempt=1, unsettled=False)


def _reason(decision: Released | Withheld) -> Reason | None:
    return decision.reason if isinstance(decision, Withheld) else None


def test_a_living_grant_releases_and_is_named() -> None:
    decision = decide(_due(), (grant(ADA),), START)

    assert decision == Released(_due(), ADA, grant(ADA))


@pytest.mark.parametrize(
    ("ledger", "reason"),
    [
        ((), Reason.NO_GRANT),
        ((grant(BO),), Reason.NO_GRANT),
        ((grant(ADA, destination="elsewhere"),), Reason.NO_GRANT),
        ((grant(ADA), withdrawal(ADA)), Reason.WITHDRAWN),
        ((grant(ADA, kinds=frozenset({Kind.HEIGHT})),), Reason.KIND_NOT_COVERED),
        ((grant(ADA, covers_from=START + DAY),), Reason.BEFORE_GRANT),
        ((grant(ADA, covers_from=START),), Reason.PERHAPS_BEFORE_GRANT),
        ((grant(ADA, covers_from=START + MINUTE),), Reason.PERHAPS_BEFORE_GRANT),
        ((grant(ADA, covers_until=START),), Reason.PERHAPS_AFTER_GRANT),
        ((grant(ADA, covers_until=START - MINUTE),), Reason.PERHAPS_AFTER_GRANT),
        ((grant(ADA, covers_until=START - 2 * MINUTE),), Reason.AFTER_GRANT),
        ((grant(ADA, expires=START),), Reason.EXPIRED),
    ],
)
def test_a_reading_is_withheld_for_a_reason(
    ledger: tuple[ConsentEntry, ...], reason: Reason
) -> None:
    assert _reason(decide(_due(), ledger, START)) is reason


@pytest.mark.parametrize("kind", Kind)
def test_what_a_grant_does_not_name_it_never_covers_so_none_of_before_covers_a_new_kind(
    kind: Kind,
) -> None:
    entry = replace(ENTRY, reading=ENTRY.reading.model_copy(update={"kind": kind}))
    others = (grant(ADA, kinds=EVERYTHING - {kind}),)

    assert _reason(decide(_due(entry), others, START)) is Reason.KIND_NOT_COVERED
    assert not covers(others[0], kind, START, START, START)
    assert isinstance(decide(_due(entry), (*others, grant(ADA)), START), Released)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (replace(ENTRY, subject=None), Reason.UNCLAIMED),
        (replace(ENTRY, timing=replace(ENTRY.timing, sendable=False)), Reason.TIME_UNKNOWN),
        (replace(ENTRY, timing=WAITING), Reason.TIME_PENDING),
        (_entry(Quality.QUESTIONABLE), Reason.NOT_RELIABLE),
        (_entry(Quality.CONTROL), Reason.NOT_RELIABLE),
    ],
)
def test_some_readings_never_leave_whatever_was_granted(entry: Entry, reason: Reason) -> None:
    assert _reason(decide(_due(entry), (grant(ADA),), START)) is reason


def test_a_grant_covers_from_its_first_moment_to_before_its_last() -> None:
    exactly = grant(ADA, covers_from=START, covers_until=START + DAY, expires=START + DAY)

    decision = decide(_due(EXACT), (exactly,), START + DAY - timedelta(microseconds=1))

    assert isinstance(decision, Released)


def test_of_what_was_let_go_before_the_stated_time_counts_and_no_doubt_about_it() -> None:
    from_then_on, till_before = (grant(ADA, covers_from=START),), (grant(ADA, covers_until=START),)

    assert _reason(decide(_due(), from_then_on, START)) is Reason.PERHAPS_BEFORE_GRANT
    assert _reason(decide(_due(), from_then_on, START, certain=True)) is None
    assert _reason(decide(_due(), till_before, START, certain=True)) is Reason.AFTER_GRANT


def test_what_is_here_already_was_measured_before_now() -> None:
    ends_soon = (grant(ADA, covers_until=START + MINUTE),)

    in_time = decide(_due(), ends_soon, START + MINUTE - timedelta(microseconds=1))
    too_late = decide(_due(), ends_soon, START + MINUTE)

    assert isinstance(in_time, Released)
    assert _reason(too_late) is Reason.PERHAPS_AFTER_GRANT


def test_what_was_here_before_a_consent_ended_is_covered_however_late_it_leaves() -> None:
    ended = (grant(ADA, covers_until=START + MINUTE),)
    by_then = START + MINUTE - timedelta(microseconds=1)

    in_time = decide(_due(), ended, START + DAY, arrived=by_then)
    perhaps_too_late = decide(_due(), ended, START + DAY, arrived=START + MINUTE)
    of_a_clock_ahead = decide(_due(), (grant(ADA, covers_until=START),), START, arrived=START - DAY)

    assert isinstance(in_time, Released)
    assert _reason(perhaps_too_late) is Reason.PERHAPS_AFTER_GRANT
    assert _reason(of_a_clock_ahead) is Reason.PERHAPS_AFTER_GRANT


_MOMENTS = st.integers(-6, 6).map(lambda minutes: START + minutes * MINUTE)


@given(
    doubt=st.integers(0, 4).map(lambda minutes: minutes * MINUTE),
    period=st.none() | st.integers(1, 3).map(lambda minutes: minutes * MINUTE),
    covers_from=_MOMENTS,
    covers_until=st.none() | _MOMENTS,
    late=st.integers(0, 8),
)
def test_what_is_released_is_covered_whenever_it_was_measured_and_what_may_be_covered_says_so(
    doubt: timedelta,
    period: timedelta | None,
    covers_from: datetime,
    covers_until: datetime | None,
    late: int,
) -> None:
    now = START + late * MINUTE
    reading = ENTRY.reading.model_copy(update={"period": period})
    entry = replace(ENTRY, reading=reading, timing=replace(ENTRY.timing, uncertainty=doubt))
    given_by = grant(ADA, covers_from=covers_from, covers_until=covers_until)
    spread = range(-(doubt // MINUTE), doubt // MINUTE + 1)
    ends = [START + minutes * MINUTE for minutes in spread if START + minutes * MINUTE <= now]

    covered = [
        covers_from <= end - (period or timedelta())
        and (covers_until is None or end < covers_until)
        for end in ends
    ]

    reason = _reason(decide(_due(entry), (given_by,), now))
    assert (reason is None) == all(covered)
    if any(covered):
        assert reason in {None, Reason.PERHAPS_BEFORE_GRANT, Reason.PERHAPS_AFTER_GRANT}


def test_a_summary_must_be_covered_from_where_it_begins() -> None:
    reading = EXACT.reading.model_copy(update={"period": 14 * DAY})
    summary = _due(replace(EXACT, reading=reading))

    whole = decide(summary, (grant(ADA, covers_from=START - 14 * DAY),), START)
    part = decide(summary, (grant(ADA, covers_from=START - 13 * DAY),), START)

    assert isinstance(whole, Released)
    assert _reason(part) is Reason.BEFORE_GRANT


def test_one_grant_that_covers_is_enough() -> None:
    other = grant(ADA, kinds=frozenset({Kind.HEIGHT}))

    decisions = [decide(_due(), pair, START) for pair in [(grant(ADA), other), (other, grant(ADA))]]

    assert all(isinstance(decision, Released) for decision in decisions)


@pytest.mark.parametrize(
    ("covering", "reason"),
    [
        (grant(ADA, covers_from=START + DAY), Reason.BEFORE_GRANT),
        (grant(ADA, covers_from=START), Reason.PERHAPS_BEFORE_GRANT),
        (grant(ADA, expires=START), Reason.EXPIRED),
    ],
)
def test_of_several_grants_the_one_that_came_nearest_is_told(
    covering: Grant, reason: Reason
) -> None:
    of_another_kind = grant(ADA, kinds=frozenset({Kind.HEIGHT}))
    ended = grant(ADA, kinds=frozenset({Kind.HEIGHT}), expires=START - DAY)

    for ledger in [(covering, of_another_kind, ended), (of_another_kind, ended, covering)]:
        assert _reason(decide(_due(), ledger, START)) is reason


@given(ledgers())
def test_nothing_leaves_right_after_a_withdrawal(ledger: tuple[ConsentEntry, ...]) -> None:
    decision = decide(_due(), (*ledger, withdrawal(ADA)), START)

    assert _reason(decision) is Reason.WITHDRAWN


@given(ledgers())
def test_what_is_released_is_covered_by_the_grant_it_names(
    ledger: tuple[ConsentEntry, ...],
) -> None:
    decision = decide(_due(), ledger, START)

    if isinstance(decision, Released):
        given_by = decision.grant
        assert given_by in ledger
        assert (given_by.subject, given_by.destination) == (ADA, "mes")
        assert ENTRY.reading.kind in given_by.kinds
        assert given_by.covers_from <= START - 2 * MINUTE
        assert given_by.expires is None or given_by.expires > START


@given(ledgers(), st.sampled_from([ADA, BO]), st.sampled_from(["mes", "fhir"]))
def test_what_others_decide_or_elsewhere_changes_nothing(
    ledger: tuple[ConsentEntry, ...], subject: SubjectId, destination: str
) -> None:
    own = tuple(e for e in ledger if (e.subject, e.destination) == (subject, destination))
    delivery = _due(replace(ENTRY, subject=subject), destination)

    assert decide(delivery, ledger, START) == decide(delivery, own, START)


@pytest.mark.parametrize(
    "entry", [ENTRY, _entry(Quality.QUESTIONABLE), replace(ENTRY, timing=UNKNOWN)]
)
def test_that_a_reading_is_not_theirs_may_be_told_whatever_its_time_and_quality(
    entry: Entry,
) -> None:
    long_after = (grant(ADA, covers_from=START + DAY),)

    assert decide_retraction(_due(entry), long_after, START) == Released(
        _due(entry), ADA, long_after[0]
    )


@pytest.mark.parametrize(
    ("ledger", "reason"),
    [
        ((), Reason.NO_GRANT),
        ((grant(BO),), Reason.NO_GRANT),
        ((grant(ADA, destination="elsewhere"),), Reason.NO_GRANT),
        ((grant(ADA), withdrawal(ADA)), Reason.WITHDRAWN),
        ((grant(ADA, kinds=frozenset({Kind.HEIGHT})),), Reason.KIND_NOT_COVERED),
        ((grant(ADA, expires=START),), Reason.EXPIRED),
    ],
)
def test_without_a_living_grant_not_even_that_is_told(
    ledger: tuple[ConsentEntry, ...], reason: Reason
) -> None:
    assert _reason(decide_retraction(_due(), ledger, START)) is reason


def test_nobodys_reading_is_in_nobodys_record() -> None:
    nobodys = replace(ENTRY, subject=None)

    assert _reason(decide_retraction(_due(nobodys), (grant(ADA),), START)) is Reason.UNCLAIMED


@pytest.mark.parametrize(
    ("consented_to", "addresses", "released"),
    [
        ("https://space.example", ("https://space.example",), True),
        ("https://old.example", ("https://space.example", "https://old.example"), True),
        ("https://space.example", ("https://elsewhere.example",), False),
        (None, ("https://space.example",), False),
        ("https://space.example", (None,), False),
    ],
)
@pytest.mark.parametrize("rule", [decide, decide_retraction])
def test_consent_is_good_for_the_address_it_was_given_for(
    consented_to: str | None,
    addresses: tuple[str | None, ...],
    released: bool,
    rule: Callable[..., Released | Withheld],
) -> None:
    given = grant(ADA).model_copy(update={"address": consented_to})

    decision = rule(replace(_due(), addresses=addresses), (given,), START)

    assert _reason(decision) is (None if released else Reason.ADDRESS_CHANGED)


def test_of_two_grants_the_one_for_the_present_address_releases() -> None:
    here, there = (
        grant(ADA).model_copy(update={"id": name, "address": name}) for name in ("here", "there")
    )

    decision = decide(replace(_due(), addresses=("here",)), (here, there), START)

    assert isinstance(decision, Released)
    assert decision.grant == here
