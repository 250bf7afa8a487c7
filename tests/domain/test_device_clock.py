from __future__ import annotations

from datetime import timedelta

from gateway.clock import Instant
from gateway.domain.device_clock import (
    DRIFT,
    SPANS_KEPT,
    hub_was_set,
    moments,
    seen,
    seen_before,
    was_set,
)
from gateway.domain.device_time import Correction
from gateway.domain.reading import ClockSample
from tests.domain.looking import DAY, HOUR, NOON, SECOND, instant, look, seen_in, timed


def test_before_the_first_look_an_hour_may_be_missing_however_new_a_reading_seems() -> None:
    # Measured 65 minutes ago; then its owner set it back an hour, for winter.
    stamp = NOON - timedelta(minutes=5)

    timing = timed(stamp, look(NOON, timedelta()), ())

    assert timing.earliest is not None
    assert timing.earliest <= NOON - timedelta(minutes=65)


def test_looks_that_agree_make_one_span() -> None:
    history = seen_in(look(NOON, HOUR), look(NOON + DAY, HOUR + 8 * SECOND))

    (span,) = history
    assert (span.low, span.high, span.offset) == (HOUR, HOUR + 9 * SECOND, HOUR + 8 * SECOND)
    assert (span.first, span.last, span.gap) == (NOON, NOON + DAY, DAY)


def test_a_look_that_differs_begins_another() -> None:
    history = seen_in(look(NOON, HOUR), look(NOON + DAY, 2 * HOUR))

    assert [span.offset for span in history] == [HOUR, 2 * HOUR]


def test_a_look_older_than_the_last_adds_nothing() -> None:
    history = seen_in(look(NOON, HOUR))

    assert seen(history, look(NOON - DAY, 2 * HOUR), SECOND) == history


def test_only_so_many_spans_are_kept() -> None:
    history = seen_in(*(look(NOON + n * DAY, n * HOUR) for n in range(2 * SPANS_KEPT)))

    assert len(history) == SPANS_KEPT
    assert history[-1].offset == (2 * SPANS_KEPT - 1) * HOUR


def test_between_two_looks_that_differ_both_accounts_are_possible() -> None:
    history = seen_in(look(NOON - 2 * DAY, HOUR), look(NOON, 2 * HOUR))
    stamp = (NOON - DAY).replace(tzinfo=None)

    possible = moments(stamp, SECOND, history, NOON)

    assert [moment.at for moment in possible] == [NOON - DAY - HOUR, NOON - DAY - 2 * HOUR]


def test_a_clock_set_an_hour_back_between_two_looks_leaves_an_hours_doubt() -> None:
    history = seen_in(look(NOON - 2 * DAY, 2 * HOUR))

    timing = timed(NOON - DAY, look(NOON, HOUR), history)

    assert timing.reason is Correction.CLOCK_CHANGED
    assert timing.uncertainty is not None
    assert HOUR < timing.uncertainty < HOUR + timedelta(seconds=15)
    assert timing.sendable


def test_a_clock_set_by_six_hours_between_two_looks_leaves_too_much_doubt_to_send() -> None:
    history = seen_in(look(NOON - 2 * DAY, HOUR))

    timing = timed(NOON - DAY, look(NOON, -5 * HOUR), history)

    assert (timing.reason, timing.sendable) == (Correction.CLOCK_CHANGED, False)


def test_a_clock_lost_since_is_moved_by_what_was_seen_before() -> None:
    history = seen_in(look(NOON - 2 * DAY, 3 * HOUR))
    lost = look(NOON, timedelta(days=-9000))

    timing = timed(NOON - DAY + 3 * HOUR, lost, history)

    assert timing.reason is Correction.EARLIER_OFFSET
    assert timing.measured_at == NOON - DAY
    assert timing.uncertainty == 3 * SECOND + DAY * DRIFT


def test_a_stamp_that_no_clock_we_saw_can_have_shown_has_no_known_time() -> None:
    history = seen_in(look(NOON - 2 * DAY, HOUR))

    timing = timed(NOON + DAY, look(NOON, HOUR), history)

    assert (timing.reason, timing.uncertainty) == (Correction.UNKNOWN, None)


def test_a_count_that_nobody_can_set_needs_no_one_to_watch_it() -> None:
    sample = look(NOON, HOUR)
    stamp = (NOON - 10 * DAY + HOUR).replace(tzinfo=None)

    (settable,) = moments(stamp, SECOND, seen_in(sample), NOON)
    (counted,) = moments(stamp, SECOND, seen_in(sample), NOON, settable=False)

    assert counted.at - counted.earliest == 3 * SECOND + 10 * DAY * DRIFT
    assert settable.at - settable.earliest == timedelta(hours=1, minutes=10)


def test_a_clock_that_we_set_ourselves_is_no_riddle_afterwards() -> None:
    wrong = seen_in(look(NOON - 2 * DAY, -7 * HOUR))
    history = was_set(wrong, instant(NOON - 2 * DAY))

    timing = timed(NOON - DAY + HOUR, look(NOON, HOUR), history)

    assert timing.reason is Correction.MEASURED_OFFSET
    assert timing.measured_at == NOON - DAY
    assert timing.uncertainty == 3 * SECOND + DAY * DRIFT


def test_a_look_before_we_set_the_clock_is_of_the_clock_before() -> None:
    told = look(NOON, -7 * HOUR)
    history = seen(was_set(seen_in(look(NOON - DAY, HOUR)), instant(NOON + SECOND)), told, SECOND)

    assert [span.until for span in history] == [None, NOON + SECOND]


def test_a_clock_that_did_not_take_its_setting_goes_on_as_before() -> None:
    history = seen_in(look(NOON - DAY, HOUR))

    (span,) = seen(was_set(history, instant(NOON - DAY + SECOND)), look(NOON, HOUR), SECOND)

    assert (span.first, span.last, span.until) == (NOON - DAY, NOON, None)


def test_setting_a_clock_that_nobody_looked_at_ends_nothing() -> None:
    assert was_set((), instant(NOON)) == ()


def test_a_clock_set_twice_unseen_says_nothing_since_the_first_time() -> None:
    history = was_set(seen_in(look(NOON - DAY, HOUR)), instant(NOON))

    assert was_set(history, instant(NOON + DAY)) == history


def test_of_a_hub_that_was_slow_only_what_was_seen_in_that_boot_moves() -> None:
    """The device was right; the hub was an hour slow, so the device seemed an hour ahead."""
    before = ClockSample(
        shown=(NOON - 9 * DAY).replace(tzinfo=None), at=Instant(NOON - 9 * DAY, 0.0, "a")
    )
    history = was_set(
        seen_in(before, look(NOON, HOUR), look(NOON + DAY, HOUR)), instant(NOON + DAY)
    )

    old, told = hub_was_set(history, "b", HOUR)

    assert old == history[0]
    assert (told.offset, told.low, told.high) == (timedelta(), timedelta(), SECOND)
    assert (told.first, told.last, told.gap) == (NOON + HOUR, NOON + DAY + HOUR, DAY)
    assert (told.until, told.set_in) == (NOON + DAY + HOUR, "b")


def test_when_we_set_a_clock_is_told_by_the_time_of_the_boot_in_which_we_did() -> None:
    history = was_set(seen_in(look(NOON, HOUR)), Instant(NOON + DAY, 5.0, "c"))

    (of_the_look,) = hub_was_set(history, "b", HOUR)
    (of_the_setting,) = hub_was_set(history, "c", HOUR)

    assert (of_the_look.last, of_the_look.until) == (NOON + HOUR, NOON + DAY)
    assert (of_the_setting.last, of_the_setting.until) == (NOON, NOON + DAY + HOUR)


def test_looks_of_two_boots_are_two_spans_while_the_later_may_move() -> None:
    history = seen_in(look(NOON, HOUR))
    next_boot = look(NOON + DAY, HOUR).model_copy(update={"at": Instant(NOON + DAY, 9.0, "c")})

    both = seen(history, next_boot, SECOND)
    stamp = (NOON + DAY // 2 + HOUR).replace(tzinfo=None)

    assert [(span.boot, span.first) for span in both] == [("b", NOON), ("c", NOON + DAY)]
    assert [moment.at for moment in moments(stamp, SECOND, both, NOON + DAY)] == [NOON + DAY // 2]


def test_a_look_learned_late_widens_the_span_in_whose_midst_it_was() -> None:
    history = seen_in(look(NOON, HOUR), look(NOON + DAY, HOUR + 2 * SECOND))

    below = seen_before(history, look(NOON + HOUR, HOUR - 9 * SECOND), SECOND)
    above = seen_before(history, look(NOON + HOUR, HOUR + 9 * SECOND), SECOND)

    assert [(s.low, s.high) for s in below] == [(HOUR - 9 * SECOND, HOUR + 3 * SECOND)]
    assert [(s.low, s.high) for s in above] == [(HOUR, HOUR + 10 * SECOND)]
    assert [(s.first, s.last, s.offset) for s in below] == [(NOON, NOON + DAY, HOUR + 2 * SECOND)]


def test_a_look_learned_late_that_differs_parts_the_span_no_further_than_its_longest_gap() -> None:
    history = seen_in(*(look(NOON + n * HOUR, HOUR) for n in range(9)))

    before, late, after = seen_before(history, look(NOON + 4 * HOUR, 3 * HOUR), SECOND)

    assert (before.first, before.last, before.offset) == (NOON, NOON + 3 * HOUR, HOUR)
    assert (late.first, late.last, late.offset) == (NOON + 4 * HOUR, NOON + 4 * HOUR, 3 * HOUR)
    assert (after.first, after.last, after.offset) == (NOON + 5 * HOUR, NOON + 8 * HOUR, HOUR)


def test_a_look_learned_late_from_between_two_spans_is_one_of_its_own() -> None:
    history = seen_in(look(NOON, HOUR), look(NOON + 2 * DAY, 5 * HOUR))

    spans = seen_before(history, look(NOON + DAY, 3 * HOUR), SECOND)

    assert [span.offset for span in spans] == [HOUR, 3 * HOUR, 5 * HOUR]


def test_a_look_of_another_boot_parts_the_span_though_it_agrees() -> None:
    history = seen_in(*(look(NOON + n * HOUR, HOUR) for n in range(3)))
    elsewhere = ClockSample(
        shown=(NOON + 2 * HOUR).replace(tzinfo=None), at=Instant(NOON + HOUR, 0.0, "a")
    )

    assert [span.boot for span in seen_before(history, elsewhere, SECOND)] == ["b", "a", "b"]


def test_what_a_clock_showed_before_we_set_it_is_no_account_of_what_it_showed_after() -> None:
    before = was_set(seen_in(look(NOON - 2 * DAY, -7 * HOUR)), instant(NOON - DAY))
    history = seen(before, look(NOON, HOUR), SECOND)
    stamp = (NOON - 36 * HOUR - 7 * HOUR).replace(tzinfo=None)

    (moment,) = moments(stamp, SECOND, history, NOON)

    assert (moment.at, moment.present) == (NOON - 36 * HOUR, False)


def test_long_after_the_last_look_an_hour_may_be_missing_either_way() -> None:
    stamp = (NOON + DAY).replace(tzinfo=None)

    (moment,) = moments(stamp, SECOND, seen_in(look(NOON, timedelta())), NOON + 2 * DAY)

    assert (
        moment.at - moment.earliest == moment.latest - moment.at == timedelta(hours=1, minutes=10)
    )
