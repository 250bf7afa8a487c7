from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device import DeviceId
from gateway.domain.subject import Assignment, Attribution, SubjectId
from gateway.domain.subject import attribute as attribute_within
from gateway.testing.clock import START

SCALE, OTHER = DeviceId("ble:1"), DeviceId("ble:2")
ADA, BO = SubjectId("p-ada"), SubjectId("p-bo")
DAY = timedelta(days=1)

MOMENTS = st.integers(-10, 10).map(lambda days: START + days * DAY)
ASSIGNMENTS = st.builds(
    Assignment,
    device=st.sampled_from([SCALE, OTHER]),
    slot=st.sampled_from([None, "1", "2"]),
    subject=st.sampled_from([ADA, BO]),
    since=MOMENTS,
    until=st.none() | MOMENTS,
)
SLOTS = st.sampled_from([None, "1", "2", "3"])


def _assigned(subject: SubjectId, slot: str | None = None, days: int | None = None) -> Assignment:
    until = None if days is None else START + days * DAY
    return Assignment(device=SCALE, slot=slot, subject=subject, since=START, until=until)


def attribute(
    assignments: tuple[Assignment, ...], device: DeviceId, slot: str | None, at: datetime
) -> tuple[SubjectId | None, Attribution]:
    """Attribute what was measured at one moment known exactly."""
    return attribute_within(assignments, device, slot, at, at)


def test_nobody_is_assigned_and_nobody_is_guessed() -> None:
    assert attribute((), SCALE, None, START) == (None, Attribution.UNCLAIMED)


def test_an_assignment_holds_from_its_first_moment_to_before_its_last() -> None:
    assigned = (_assigned(ADA, days=1),)

    moments = [START - DAY, START, START + DAY - timedelta(microseconds=1), START + DAY]

    assert [attribute(assigned, SCALE, None, at)[0] for at in moments] == [None, ADA, ADA, None]


def test_the_very_slot_beats_every_slot() -> None:
    assigned = (_assigned(ADA), _assigned(BO, "2"))

    assert attribute(assigned, SCALE, "2", START) == (BO, Attribution.ASSIGNMENT)
    assert attribute(assigned, SCALE, "1", START) == (ADA, Attribution.ASSIGNMENT)


def test_a_reading_without_a_slot_is_not_that_of_a_slot() -> None:
    assert attribute((_assigned(ADA, "1"),), SCALE, None, START) == (None, Attribution.UNCLAIMED)


def test_two_people_are_one_too_many() -> None:
    assigned = (_assigned(ADA), _assigned(BO))

    assert attribute(assigned, SCALE, None, START) == (None, Attribution.AMBIGUOUS)


def test_the_same_person_twice_is_one_person() -> None:
    assert attribute((_assigned(ADA), _assigned(ADA)), SCALE, None, START)[0] == ADA


@given(st.lists(ASSIGNMENTS, max_size=5), SLOTS, MOMENTS, st.randoms())
def test_the_order_of_assignments_does_not_matter(assignments, slot, at, chance) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(assignments)
    chance.shuffle(shuffled)

    answers = {attribute(tuple(each), SCALE, slot, at) for each in (assignments, shuffled)}

    assert len(answers) == 1


@given(st.lists(ASSIGNMENTS, max_size=5).map(tuple), SLOTS, MOMENTS)
def test_a_person_found_is_one_that_an_assignment_names(assignments, slot, at) -> None:  # type: ignore[no-untyped-def]
    subject, attribution = attribute(assignments, SCALE, slot, at)

    covering = {a.subject for a in assignments if a.covers(SCALE, slot, at)}
    assert (subject is not None) == (attribution is Attribution.ASSIGNMENT)
    assert subject is None or subject in covering
    assert (attribution is Attribution.UNCLAIMED) == (not covering)


def test_a_reading_that_may_be_older_than_the_assignment_is_nobodys_yet() -> None:
    earliest, latest = START - timedelta(seconds=1), START + timedelta(seconds=1)

    found = attribute_within((_assigned(ADA),), SCALE, None, earliest, latest)

    assert found == (None, Attribution.AMBIGUOUS)


def test_a_reading_of_the_same_person_whenever_it_was_is_theirs() -> None:
    assigned = (_assigned(ADA, days=1), _assigned(ADA).model_copy(update={"since": START + DAY}))

    found = attribute_within(assigned, SCALE, None, START, START + 2 * DAY)

    assert found == (ADA, Attribution.ASSIGNMENT)


def test_what_was_measured_during_a_session_at_a_kiosk_says_so() -> None:
    session = _assigned(ADA, days=1).model_copy(update={"session": 1})

    assert attribute((session,), SCALE, None, START) == (ADA, Attribution.SESSION)


def test_what_was_measured_in_a_session_and_under_an_assignment_needs_no_session() -> None:
    session = _assigned(ADA, days=1).model_copy(update={"session": 1})
    at_home = _assigned(ADA).model_copy(update={"since": START + DAY})
    theirs = (ADA, Attribution.ASSIGNMENT)

    assert attribute((session, _assigned(ADA)), SCALE, None, START) == theirs
    assert attribute_within((session, at_home), SCALE, None, START, START + 2 * DAY) == theirs


Days = tuple[int, int | None]
PERIOD = (0, 4)


@pytest.mark.parametrize(
    ("other", "left"),
    [
        ((1, 2), [(0, 1), (2, 4)]),
        ((-1, 2), [(2, 4)]),
        ((0, 2), [(2, 4)]),
        ((2, 9), [(0, 2)]),
        ((2, 4), [(0, 2)]),
        ((2, None), [(0, 2)]),
        ((-1, None), []),
        ((0, 4), []),
        ((-2, 0), [PERIOD]),
        ((4, 9), [PERIOD]),
        ((4, None), [PERIOD]),
    ],
)
def test_what_is_left_of_an_assignment_is_what_lies_outside_of_the_other(
    other: Days, left: list[Days]
) -> None:
    assert _left(PERIOD, other) == left


def test_what_goes_on_for_ever_goes_on_after_another_that_ends() -> None:
    assert _left((0, None), (1, 2)) == [(0, 1), (2, None)]
    assert _left((0, None), (1, None)) == [(0, 1)]


def test_an_assignment_leaves_alone_those_of_other_devices_and_other_slots() -> None:
    mine, at_once = _assigned(ADA, "1"), _assigned(BO)

    assert mine.without(at_once) == ()
    assert at_once.without(at_once) == ()
    assert mine.without(_assigned(BO, "2")) == (mine,)
    assert mine.without(at_once.model_copy(update={"device": OTHER})) == (mine,)
    assert at_once.without(mine) == (at_once,)


def _left(mine: Days, other: Days) -> list[Days]:
    """Return the parts of a period that another leaves, in days since START."""
    one, two = (
        _assigned(subject, days=until).model_copy(update={"since": START + since * DAY})
        for subject, (since, until) in ((ADA, mine), (BO, other))
    )
    return [
        ((a.since - START) // DAY, None if a.until is None else (a.until - START) // DAY)
        for a in one.without(two)
    ]


@given(st.lists(ASSIGNMENTS, max_size=5).map(tuple), SLOTS, MOMENTS, MOMENTS, st.floats(0, 1))
def test_whoever_is_named_is_named_at_every_moment(assignments, slot, one, other, part) -> None:  # type: ignore[no-untyped-def]
    earliest, latest = sorted((one, other))
    moment = earliest + part * (latest - earliest)

    subject, _ = attribute_within(assignments, SCALE, slot, earliest, latest)

    assert subject is None or subject == attribute(assignments, SCALE, slot, moment)[0]
