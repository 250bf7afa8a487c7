"""Two customers, one counter, any order of touches, readings and waits.

What is asserted is what people are promised: a reading is somebody's only if the screen was touched
in their turn shortly before it, or they said, with the turn's picture, that it is theirs; no value
is on the screen for longer than that after the last touch; and nobody sees a turn's values by
touching, only by its picture.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.domain.kiosk import UNATTENDED, KioskSession
from gateway.domain.subject import SubjectId
from gateway.web.kiosk.pictures import PICTURES, picture_of
from tests.web.measuring import weigh
from tests.web.window import Answer, Window, at_a_counter

KIOSK = "/kiosk"
MEMORY = Path("/dev/shm")
TOUCHES = ("/kiosk/here", "/kiosk/prolong", "/kiosk/name", "/kiosk/consent", "/kiosk/keep")


@dataclass(slots=True)
class Told:
    """What the model knows of the turn that is going on."""

    session: KioskSession
    touched_at: datetime
    claimed: set[str] = field(default_factory=set)


class TwoCustomers(RuleBasedStateMachine):
    """One knows the picture of the turn that is open, the other has never seen it."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.kiosk: Window = self.runner.run(self._open())
        self.turn: Told | None = None
        self.taken = 0
        self.theirs: dict[str, SubjectId] = {}
        """Readings that may be somebody's, and whose."""

    async def _open(self) -> Window:
        return await self.stack.enter_async_context(at_a_counter(Path(self.folder.name)))

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    def now(self) -> datetime:
        return self.kiosk.hub.clock.now().utc

    def visible(self) -> bool:
        """Whether a touch is heeded: one was, shortly before."""
        turn = self.turn
        return turn is not None and self.now() < min(
            turn.touched_at + UNATTENDED, self.limit(turn.session)
        )

    def limit(self, session: KioskSession) -> datetime:
        found = self.kiosk.hub.reader.kiosk()
        return found.until if found is not None and found.number == session.number else self.now()

    def show(self) -> Answer:
        return self.runner.run(self.kiosk.get(KIOSK))

    def act(self, path: str, turn: Told, **form: str) -> Answer:
        """Send a form of a turn, by whoever stands there."""
        number = str(turn.session.number)
        return self.runner.run(self.kiosk.send(path, on=KIOSK, session=number, **form))

    @rule()
    def begin(self) -> None:
        """Somebody begins a turn, their own."""
        self.runner.run(self.kiosk.send("/kiosk/begin", on=KIOSK))
        session = self.kiosk.hub.reader.kiosk()
        assert session is not None
        self.turn = Told(session, self.now())

    @rule(seconds=st.sampled_from([1, 6, 20, 45, 89, 90, 91, 200, 400]))
    def wait(self, seconds: int) -> None:
        self.kiosk.hub.clock.advance(seconds)

    @rule()
    def measure(self) -> None:
        """Somebody measures themselves, whoever it is."""
        self.taken += 1
        visible = self.visible()
        entry = self.runner.run(weigh(self.kiosk, f"{100 + self.taken}.7"))
        if visible and self.turn is not None:
            self.theirs[entry.id] = self.turn.session.subject
        assert entry.subject is None or visible, "it is somebody's, and nobody was there"

    @precondition(lambda self: self.turn is not None)
    @rule(path=st.sampled_from(TOUCHES), name=st.sampled_from(["Anne", "Bruno"]))
    def touch(self, path: str, name: str) -> None:
        """Somebody touches something, whoever it is."""
        assert self.turn is not None
        visible = self.visible()
        answer = self.act(path, self.turn, destination="mes", called=name)
        if visible:
            self.turn.touched_at = self.now()
        else:
            assert not self.values(answer), "a touch alone brought values back"

    @precondition(lambda self: self.turn is not None)
    @rule(mine=st.booleans())
    def answer(self, mine: bool) -> None:
        """The person of the turn comes back, and says whether what came is theirs."""
        turn = self.turn
        assert turn is not None
        gone_on = self.now() < self.limit(turn.session)
        asked = re.findall(r'name="reading" value="(\w+)"', self.show().html)
        reading = asked[0] if asked else ""
        form = {"reading": reading, "mine": "yes"} if mine and reading else {}
        self.act("/kiosk/back", turn, picture=picture_of(turn.session), **form)
        if gone_on:
            turn.touched_at = self.now()
            if form:
                self.theirs[reading] = turn.session.subject

    @precondition(lambda self: self.turn is not None and not self.visible())
    @rule(path=st.sampled_from(("/kiosk/back", *TOUCHES)), guess=st.integers(1, 8))
    def guess(self, path: str, guess: int) -> None:
        """Somebody who never saw the picture chooses another one."""
        turn = self.turn
        assert turn is not None
        wrong = PICTURES[(PICTURES.index(picture_of(turn.session)) + guess) % len(PICTURES)]
        answer = self.act(path, turn, picture=wrong, called="Bruno", destination="mes")
        assert not self.values(answer)
        self.turn = None

    def values(self, answer: Answer) -> list[str]:
        """Return what is shown of values, and of the readings' names none."""
        return re.findall(r"1\d\d,7", answer.html)

    @invariant()
    def nobody_has_what_they_did_not_answer_for(self) -> None:
        for view in self.kiosk.hub.reader.entries(limit=200):
            subject = view.entry.subject
            assert subject is None or self.theirs.get(view.entry.id) == subject

    @invariant()
    def nothing_is_shown_after_the_limit(self) -> None:
        if not self.visible():
            assert not self.values(self.show())


TestTwoCustomers = TwoCustomers.TestCase
TestTwoCustomers.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
