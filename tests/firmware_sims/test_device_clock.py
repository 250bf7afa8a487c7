from datetime import datetime, timedelta

from firmware_sims.device_clock import FACTORY_TIME, DeviceClock

from tests.firmware_sims.people import NOON, Time


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_right_clock_shows_local_time_without_a_zone() -> None:
    clock = DeviceClock(Time(), utc_offset=timedelta(hours=1))

    assert clock.device_local() == naive("2026-03-10T13:00:00")


def test_a_wrong_clock_is_wrong_about_the_past_too() -> None:
    clock = DeviceClock(Time(), error=timedelta(hours=-1))

    assert clock.device_local(NOON - timedelta(days=1)) == naive("2026-03-09T11:00:00")


def test_a_drifting_clock_gains_with_time() -> None:
    now = Time()
    clock = DeviceClock(now, drift_ppm=100)
    now.pass_by(timedelta(days=10))

    gained = clock.device_local() - naive("2026-03-20T12:00:00")

    assert gained == timedelta(seconds=86.4)


def test_a_clock_goes_on_from_what_it_was_set_to() -> None:
    now = Time()
    clock = DeviceClock(now, error=timedelta(hours=5))
    clock.set_to(naive("2026-03-10T12:00:00"))
    now.pass_by(timedelta(minutes=5))

    assert clock.device_local() == naive("2026-03-10T12:05:00")


def test_a_reset_clock_starts_again_in_2000() -> None:
    clock = DeviceClock(Time())

    clock.reset()

    assert clock.device_local() == FACTORY_TIME


def test_a_battery_changed_in_the_past_leaves_what_was_shown_before() -> None:
    clock = DeviceClock(Time(), utc_offset=timedelta(hours=1))

    clock.lost(NOON - timedelta(hours=5))

    assert clock.device_local(NOON - timedelta(hours=6)) == naive("2026-03-10T07:00:00")
    assert clock.device_local() == FACTORY_TIME + timedelta(hours=5)


def test_a_clock_moved_twice_has_shown_three_times() -> None:
    clock = DeviceClock(Time())

    clock.moved(NOON - timedelta(days=2), timedelta(hours=-6))
    clock.moved(NOON - timedelta(days=1), timedelta(hours=6))

    shown = [clock.device_local(NOON - timedelta(days=days)).hour for days in (3, 2, 1, 0)]
    assert shown == [12, 6, 12, 12]
