"""When the screen at the counter is told to show itself anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from gateway.domain.kiosk import KioskSession, OpenedBy
from gateway.domain.subject import SubjectId
from gateway.journal.views import EntryView
from gateway.testing.clock import START
from gateway.web.turn import Turn

MINUTE = timedelta(minutes=1)
SESSION = KioskSession(
    number=1,
    subject=SubjectId("p-1"),
    opened_by=OpenedBy.PERSON,
    opened_at=START,
    until=START + 10 * MINUTE,
    attended_until=START + MINUTE,
    keep=False,
)
TURN = Turn(SESSION, attended=True)
READING = cast(EntryView, object())


@pytest.mark.parametrize(
    "change",
    [
        {"session": None},
        {"session": replace(SESSION, number=2)},
        {"session": replace(SESSION, until=START + 20 * MINUTE)},
        {"session": replace(SESSION, keep=True)},
        {"attended": False},
        {"readings": (READING,)},
        {"unanswered": (READING,)},
        {"doubtful": 1},
    ],
    ids=["nobody", "another", "longer", "kept", "away", "read", "asked of", "doubtful"],
)
def test_a_screen_that_is_another_looks_so(change: dict[str, Any]) -> None:
    assert replace(TURN, **change).looks != TURN.looks


def test_a_touch_alone_changes_nothing_that_is_shown() -> None:
    touched = replace(SESSION, attended_until=START + 2 * MINUTE)

    assert replace(TURN, session=touched).looks == TURN.looks
