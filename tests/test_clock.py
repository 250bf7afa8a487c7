from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.clock import HubClock, SystemClock, is_synchronised
from gateway.testing.clock import ManualClock

YEAR = timedelta(days=365)


class Server:
    """A time server that is reached or not."""

    def __init__(self) -> None:
        self.reached = False

    def __call__(self) -> bool:
        return self.reached


def test_a_hub_that_has_not_heard_the_time_says_so_of_every_moment() -> None:
    server, wall = Server(), ManualClock()
    clock = HubClock(wall, server)

    before = clock.now()
    wall.step(YEAR)
    server.reached = True
    after = clock.now()

    assert (before.trusted, after.trusted) == (False, True)
    assert clock.steps == 1


def test_trust_once_given_stays_while_the_clock_runs_on() -> None:
    server, wall = Server(), ManualClock()
    server.reached = True
    clock = HubClock(wall, server)
    clock.now()

    server.reached = False  # the server is out of reach for a day
    wall.advance(86400)

    assert clock.now().trusted
    assert clock.steps == 0


def test_a_clock_that_is_set_has_to_be_trusted_anew() -> None:
    server, wall = Server(), ManualClock()
    server.reached = True
    clock = HubClock(wall, server)
    clock.now()

    server.reached = False
    wall.step(-YEAR)

    assert not clock.now().trusted
    assert clock.steps == 1


def test_a_clock_that_is_steered_is_not_set() -> None:
    wall = ManualClock()
    clock = HubClock(wall, lambda: True)
    for _ in range(10):
        clock.now()
        wall.step(timedelta(milliseconds=500))

    assert clock.steps == 0


def test_the_system_is_asked_without_being_changed() -> None:
    before = datetime.now(UTC)

    answers = {is_synchronised() for _ in range(3)}

    assert len(answers) == 1
    assert timedelta() <= SystemClock().now().utc - before < timedelta(minutes=1)
