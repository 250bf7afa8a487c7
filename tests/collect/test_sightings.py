"""The table of devices in reach stays small, and keeps what matters."""

from gateway.collect.sightings import Seen, Sightings
from gateway.domain.device import DeviceId
from gateway.testing.clock import ManualClock

CLOCK = ManualClock()


def seen(number: int, driver: str | None = None) -> Seen:
    CLOCK.advance(1)
    return Seen(DeviceId(f"ble:{number}"), str(number), None, -50, driver, False, "t", CLOCK.now())


def test_the_device_heard_last_comes_first() -> None:
    table = Sightings()
    for number in (1, 2, 1):
        table.note(seen(number))

    assert [it.address for it in table.all()] == ["1", "2"]


def test_passers_by_make_room_for_each_other_before_anything_readable_goes() -> None:
    table = Sightings(limit=3)
    table.note(seen(1, "bp_monitor/fake"))
    for number in range(2, 10):
        table.note(seen(number))

    assert {it.address for it in table.all()} == {"1", "8", "9"}


def test_of_readable_devices_the_one_not_heard_for_longest_goes() -> None:
    table = Sightings(limit=2)
    for number in (1, 2, 1, 3):
        table.note(seen(number, "bp_monitor/fake"))

    assert {it.address for it in table.all()} == {"1", "3"}


def test_a_device_whose_driver_is_installed_later_is_listed_once() -> None:
    table = Sightings()
    table.note(seen(1))
    table.note(seen(1, "bp_monitor/fake"))

    assert [it.driver for it in table.all()] == ["bp_monitor/fake"]
