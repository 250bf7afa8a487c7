"""Carries out what the plan says, and makes good again what would not mend by itself."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from gateway.demo.stage import LONG_AGO
from tests.chaos.diary import Diary, delivery
from tests.chaos.plan import DESTINATIONS, FROM_THE_START, MES, Act, Do
from tests.chaos.world import World

PAIR_AGAIN = "pair this person again"
"""What the gateway says of a delivery that waits for that."""


class Acts:
    """Everything that is done to the world. `now` is seconds since the run began."""

    def __init__(self, world: World, now: Callable[[], float]) -> None:
        self._world = world
        self._now = now
        self.diary = Diary()
        self._broker_back_s: float | None = None
        self._seen_when_withdrawn: dict[tuple[str, str], int] = {}
        self._refused: set[str] = set()
        self.paired_again = 0

    def begin(self) -> None:
        """Record the consents that stand from the start."""
        for who in FROM_THE_START:
            for where in DESTINATIONS:
                self._grant(Act(0, Do.GRANT, who=who, where=where))

    def carry_out(self, act: Act) -> None:
        """Do one thing."""
        stage = self._world.stage
        match act.do:
            case Do.WITHDRAW:
                self._withdraw(act)
            case Do.GRANT:
                self._grant(act)
            case Do.REFUSE:
                self._refused.add(act.who)
                self._consent_there(act.who, given=False)
            case Do.RELENT:
                self._relent(act.who)
            case Do.KILL_DAEMON:
                stage.kill_daemon()
            case Do.KILL_BROKER | Do.STOP_BROKER:
                self._end_broker(act)
            case _:
                path, asked = _ASKED[act.do](act)
                stage.ask(path, asked)

    def tend(self) -> None:
        """Start the broker again when its time has come."""
        if self._broker_back_s is not None and self._now() >= self._broker_back_s:
            self._broker_back_s = None
            self._world.broker.start()

    def make_good(self) -> None:
        """End all trouble. People whom the health space refused consent anew, as it asks."""
        stage = self._world.stage
        self._broker_back_s = self._broker_back_s and 0.0
        self.tend()
        stage.ask("/sandbox/faults", method="DELETE")
        stage.ask("/sandbox/link", {"up": True})
        stage.ask("/sandbox/clock", {"skew_s": 0})
        for who in sorted(self._refused):
            self._relent(who)

    def pair_again(self) -> None:
        """Do what the gateway asks people for: pair again whom the health space did not accept."""
        stage = self._world.stage
        for subject, who in self._world.names.items():
            ways = [
                delivery(reading, MES)
                for reading in stage.readings()
                if reading["subject"] == subject
            ]
            if any(way and PAIR_AGAIN in (way["reason"] or "") for way in ways):
                stage.pair(who, stage.ask(f"/sandbox/people/{who}/code", {})["code"])
                self.paired_again += 1

    def close_the_books(self) -> None:
        """Count what arrived of people who have withdrawn and not come back."""
        for who, where in list(self._seen_when_withdrawn):
            self._count_since_withdrawal(who, where)

    def _consent_there(self, who: str, *, given: bool) -> None:
        self._world.stage.ask(f"/sandbox/people/{who}/consent", {"given": given})

    def _relent(self, who: str) -> None:
        self._refused.discard(who)
        self._consent_there(who, given=True)
        if self.diary.consents(who, MES):
            self._grant(Act(0, Do.GRANT, who=who, where=MES))

    def _withdraw(self, act: Act) -> None:
        stage, who, where = self._world.stage, act.who, act.where
        if not self.diary.consents(who, where):
            return
        subject = stage.people[who]
        stage.daemon.client.post(
            "consents", "withdraw", subject=subject, destination=where, withdrawn_by=who
        )
        # Asked twice: what is in the server's socket by now is counted between the two.
        self._world.bytes_about(who, where)
        self._seen_when_withdrawn[who, where] = self._world.bytes_about(who, where)
        ways = [
            (reading["id"], delivery(reading, where))
            for reading in stage.readings()
            if reading["subject"] == subject
        ]
        dropped = {known for known, way in ways if way and way["state"] == "dropped"}
        self.diary.withdrew(who, where, dropped)

    def _grant(self, act: Act) -> None:
        self._count_since_withdrawal(act.who, act.where)
        covers_from = datetime.now(UTC).isoformat() if act.number else LONG_AGO
        self._world.stage.grant(act.who, act.where, covers_from)
        self.diary.granted(act.who, act.where, datetime.fromisoformat(covers_from))

    def _count_since_withdrawal(self, who: str, where: str) -> None:
        seen = self._seen_when_withdrawn.pop((who, where), None)
        if seen is not None:
            more = self._world.bytes_about(who, where) - seen
            self._world.withdrawn_bytes[where] += more

    def _end_broker(self, act: Act) -> None:
        if self._broker_back_s is not None:
            return
        if act.do is Do.STOP_BROKER:
            self._world.broker.stop()
        else:
            self._world.broker.kill()
        self._broker_back_s = self._now() + act.for_s


def _fault(act: Act) -> dict[str, object]:
    given: dict[str, object] = {
        "kind": act.fault,
        "on": act.on,
        "duration_s": act.for_s,
        "probability": act.share,
        "seed": act.seed,
    }
    if act.number:
        given["delay_s" if act.fault == "slow" else "retry_after_s"] = act.number
    return given


_ASKED: Mapping[Do, Callable[[Act], tuple[str, object]]] = {
    Do.FAULT: lambda act: ("/sandbox/faults", _fault(act)),
    Do.CUT: lambda act: ("/sandbox/link", {"up": False, "for_s": act.for_s}),
    Do.EXPIRE: lambda _: ("/sandbox/tokens/expire", {}),
    Do.SKEW: lambda act: ("/sandbox/clock", {"skew_s": act.number}),
}
