from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import clock as hub_clock
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


def test_what_is_right_again_is_relied_on_once_all_have_been_told() -> None:
    wall = ManualClock()
    clock = HubClock(wall, lambda: True)
    clock.now()

    wall.step(YEAR)
    before = clock.now()
    clock.trust()

    assert (before.trusted, clock.is_right(), clock.now().trusted) == (False, True, True)


def test_a_clock_that_is_steered_is_not_set() -> None:
    wall = ManualClock()
    clock = HubClock(wall, lambda: True)
    for _ in range(10):
        clock.now()
        wall.step(timedelta(milliseconds=500))

    assert clock.steps == 0


def test_the_word_of_somebody_who_may_ask_is_good_until_the_clock_is_set() -> None:
    wall = ManualClock()
    clock = HubClock(wall, lambda: None)  # the kernel may not be asked

    before = clock.now()
    clock.trust()
    told = clock.now()
    wall.step(YEAR)

    assert (before.trusted, told.trusted, clock.now().trusted) == (False, True, False)


REFUSED = """
import ctypes, struct
from gateway.clock import is_synchronised
before = is_synchronised()
calls = {"x86_64": (159, 305), "aarch64": (171, 266)}[%r]  # adjtimex, clock_adjtime
allow, refuse = 0x7FFF0000, 0x00050001  # SECCOMP_RET_ERRNO | EPERM
jumps = [(0x15, len(calls) - at, 0, call) for at, call in enumerate(calls)]
filter = [(0x20, 0, 0, 0), *jumps, (0x06, 0, 0, allow), (0x06, 0, 0, refuse)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in filter))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(filter), ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP, a filter
print(before is None, is_synchronised())
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="other call numbers")
def test_a_kernel_that_may_not_be_asked_is_no_answer() -> None:
    # What ProtectClock= does: both calls are refused, whatever they would have done.
    told = subprocess.run(
        [sys.executable, "-c", REFUSED % platform.machine()],
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == ["False", "None"]


def test_the_system_is_asked_without_being_changed() -> None:
    before = datetime.now(UTC)

    answers = {is_synchronised() for _ in range(3)}

    assert len(answers) == 1
    assert timedelta() <= SystemClock().now().utc - before < timedelta(minutes=1)


def test_where_a_boot_has_no_name_no_two_processes_are_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub_clock, "_BOOT_ID", tmp_path / "none")

    assert hub_clock.boot_id.__wrapped__() != hub_clock.boot_id.__wrapped__()
