"""How long a destination is left alone."""

from datetime import timedelta

from gateway.uplink.backoff import STEPS_S, Backoff


def never() -> float:
    return 0.0


def test_it_waits_as_long_as_asked_and_no_shorter_than_it_would_have() -> None:
    backoff = Backoff(never)
    for now in range(0, 3000, 1000):
        backoff.failed(now)

    assert backoff.failed(3000.0, timedelta(seconds=1)) == STEPS_S[3]
    assert backoff.failed(3000.0, timedelta(hours=1)) == 3600.0


def test_it_waits_no_longer_once_it_was_answered_whatever_was_asked_before() -> None:
    """Attempts run side by side: one may be told to wait, and the next be taken."""
    backoff = Backoff(never)
    backoff.failed(0.0, timedelta(hours=1))

    backoff.answered()

    assert backoff.remaining(1.0) == 0.0
