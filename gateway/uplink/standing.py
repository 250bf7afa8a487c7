"""How a destination stands: whether it, or one person there, is left alone for now, and why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from gateway.clock import Clock
from gateway.domain.subject import SubjectId
from gateway.errors import OutcomeUnknown, PairingOver, UplinkUnauthorised, UplinkUnavailable
from gateway.uplink.backoff import Backoff

PERSON_PAUSE = timedelta(minutes=15)  # long enough not to hammer, short enough after re-pairing
_DOUBTS_IN_A_ROW = 5  # more than one batch of four people can leave at once, less than a backlog

_log = logging.getLogger(__name__)


class Standing:
    """What the answers so far say of one destination. `jitter` draws from [0, 1)."""

    def __init__(self, name: str, clock: Clock, jitter: Callable[[], float]) -> None:
        self._name = name
        self._clock = clock
        self._backoff = Backoff(jitter)
        self._doubts_in_a_row = 0
        self._why = ""
        self._people: dict[SubjectId, tuple[float, UplinkUnauthorised]] = {}

    @property
    def failing(self) -> bool:
        """Whether its last word was a failure: try with one delivery first."""
        return self._backoff.failing

    @property
    def problem(self) -> str | None:
        """Why nothing goes there for now; None if it does."""
        return self._why if self._backoff.failing else None

    @property
    def pause_s(self) -> float:
        """For how many seconds more it is left alone; 0 if it is not."""
        return self._backoff.remaining(self._now_s)

    def hold(self, subject: SubjectId) -> tuple[float, str] | None:
        """Say for how many seconds this person's deliveries wait, and why; None if they do not."""
        if self.pause_s:
            return self.pause_s, self._why
        error = self.refusal(subject)
        return None if error is None else (self._people[subject][0] - self._now_s, str(error))

    def refusal(self, subject: SubjectId) -> UplinkUnauthorised | None:
        """Return in what words it did not accept our access for this person; None if it does."""
        return self._refusals().get(subject)

    @property
    def held(self) -> str | None:
        """Why somebody's deliveries wait because our access is not accepted; None if nobody's.

        What the operator mends goes first: until then it helps nobody to pair.
        """
        errors = sorted(self._refusals().values(), key=lambda it: isinstance(it, PairingOver))
        return str(errors[0]) if errors else None

    def answered(self) -> None:
        """Take down that it answers."""
        self._doubts_in_a_row = 0
        if self._backoff.failing:
            _log.info("%s: it answers again", self._name)
        self._backoff.answered()

    def unavailable(self, error: UplinkUnavailable) -> None:
        """Take down that it could not be reached, or asks to wait."""
        pause_s = self._backoff.failed(self._now_s, error.retry_after)
        self._why = str(error)
        _log.warning("%s: left alone for %.0f s: %s", self._name, pause_s, error)

    def doubted(self, error: OutcomeUnknown) -> None:
        """Take down that it left a doubt; some in a row with no other word are an outage."""
        self._doubts_in_a_row += 1
        if self._doubts_in_a_row >= _DOUBTS_IN_A_ROW:
            self.unavailable(UplinkUnavailable(str(error)))

    def unauthorised(self, subject: SubjectId, error: UplinkUnauthorised) -> None:
        """Take down that it does not accept our access for this person."""
        self._people[subject] = (self._now_s + PERSON_PAUSE.total_seconds(), error)
        _log.warning("%s: one person's deliveries wait: %s", self._name, error)

    def resume(self, subject: SubjectId) -> None:
        """Leave this person alone no longer."""
        self._people.pop(subject, None)

    def _refusals(self) -> dict[SubjectId, UplinkUnauthorised]:
        now_s = self._now_s
        return {who: error for who, (until_s, error) in self._people.items() if until_s > now_s}

    @property
    def _now_s(self) -> float:
        return self._clock.now().monotonic
