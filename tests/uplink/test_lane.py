"""What of one person goes in the same request, and what goes by itself."""

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.correction import Wrong
from gateway.uplink.lane import Lane
from tests.uplink.samples import ALICE, MEASURED, entry, released


def lane(*unsettled: bool) -> Lane:
    """A lane of readings, each of which is to be searched for first or not."""
    waiting = [
        released(entry(record=f"seq:{number}"), unsettled=each)
        for number, each in enumerate(unsettled)
    ]
    return Lane(ALICE, 0.0, deque(waiting))


def taken(given: Lane, most: int) -> list[int]:
    sizes = []
    while given.readings:
        sizes.append(len(given.take(most)))
    return sizes


def test_readings_go_together_up_to_so_many() -> None:
    assert taken(lane(*[False] * 7), 3) == [3, 3, 1]


def test_what_is_searched_for_first_goes_by_itself_and_nothing_overtakes_it() -> None:
    assert taken(lane(False, False, True, False, False), 3) == [2, 1, 2]


def test_it_is_good_until_the_first_consent_of_it_ends() -> None:
    waiting, ends = lane(False, False, False), MEASURED + timedelta(days=1)
    first, second, last = waiting.readings
    waiting.readings = deque([until(first, ends + timedelta(hours=1)), second])
    waiting.corrections.append(ReleasedCorrection(1, Wrong.TIME, None, until(last, ends)))

    assert waiting.good_until() == ends
    waiting.corrections.clear()
    assert waiting.good_until() == ends + timedelta(hours=1)


def until(let_go: Released, ends: datetime) -> Released:
    return replace(let_go, grant=let_go.grant.model_copy(update={"expires": ends}))


def test_what_was_put_back_goes_next_and_by_itself() -> None:
    waiting = lane(*[False] * 4)
    first = waiting.take(3)

    waiting.put_back_alone(first[:2])

    assert list(waiting.readings)[:2] == first[:2]
    assert taken(waiting, 3) == [1, 1, 1]


@given(st.lists(st.booleans(), max_size=12), st.integers(1, 5))
def test_every_reading_is_taken_once_in_order(unsettled: list[bool], most: int) -> None:
    waiting = lane(*unsettled)
    expected = list(waiting.readings)

    batches = []
    while waiting.readings:
        batches.append(waiting.take(most))

    assert [each for batch in batches for each in batch] == expected
    assert all(len(batch) <= most for batch in batches)
    assert all(len(batch) == 1 for batch in batches if batch[0].delivery.unsettled)
