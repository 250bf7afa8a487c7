"""What goes wrong, and when: drawn from a seed, the same for the same seed. Pure.

The order of trouble is reproducible; which request meets which trouble is not, because six
processes run on a clock that nobody stops.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MES, CLINIC, HOME = "mes", "clinic", "home"
DESTINATIONS = (MES, CLINIC, HOME)

ODILE, MARCEL, LUCIE, PAUL, AWA = "Odile", "Marcel", "Lucie", "Paul", "Awa"
"""All are invented. Odile consents throughout, Marcel never; the others change their minds."""
FICKLE = (LUCIE, PAUL, AWA)
FROM_THE_START = (ODILE, LUCIE, PAUL)

DECK_S = 60.0
"""One deck of trouble, everything in it once, lasts about so long."""

_FAULTS = (
    *("429", "500", "503", "slow", "hang", "reset_before_commit", "reset_after_commit"),
    *("truncated_body", "garbage_body", "empty_reply"),
)
_MES_ONLY = ("401", "expired_token")
_SEARCH = ("429", "500", "hang", "truncated_body")
_TOKEN = ("503", "hang", "reset_before_commit")


class Do(StrEnum):
    """One kind of trouble."""

    FAULT = "the server misbehaves"
    CUT = "the link is cut"
    EXPIRE = "every access token expires"
    SKEW = "the server's clock is wrong"
    REFUSE = "the health space says that a person does not consent"
    RELENT = "it takes that back, and the person consents anew"
    WITHDRAW = "a person withdraws"
    GRANT = "a person consents"
    KILL_DAEMON = "the daemon is killed"
    KILL_BROKER = "the broker is killed"
    STOP_BROKER = "the broker is stopped"


@dataclass(frozen=True, slots=True)
class Act:
    """One trouble: what, from when, for how long, and where or for whom."""

    at_s: float
    do: Do
    for_s: float = 0.0
    who: str = ""
    where: str = ""
    fault: str = ""
    on: str = ""
    share: float = 1.0
    """Of the requests, how many the fault hits."""
    seed: int = 0
    number: int = 0
    """Seconds of `Retry-After`, of delay, or of skew; 0 says nothing of them."""

    def __str__(self) -> str:
        told = (self.fault, self.on, self.who, self.where)
        more = " ".join(each for each in told if each)
        return f"{self.at_s:6.1f} s  {self.do}" + (f": {more}" if more else "")


def draw(seed: int, seconds: float) -> list[Act]:
    """Return the trouble of a run, in order; the last tenth of it is left for what comes of it."""
    chance = random.Random(seed)
    decks = max(1, round(seconds / DECK_S))
    length = seconds * 0.9 / decks
    acts = [act for deck in range(decks) for act in _deck(chance, deck * length, length)]
    return sorted(acts, key=lambda act: act.at_s)


def _deck(chance: random.Random, start_s: float, length_s: float) -> Iterator[Act]:
    def at(earliest: float = 0.0, latest: float = 1.0) -> float:
        return start_s + length_s * chance.uniform(earliest, latest)

    for on, kinds in (
        ("bundle", (*_FAULTS, *_MES_ONLY)),
        ("generic", _FAULTS),
        ("search", _SEARCH),
        ("token", _TOKEN),
    ):
        for kind in kinds:
            yield _fault(chance, at(), on, kind)
    yield _fault(chance, at(), "bundle", "429", retry_after_s=2)
    yield _fault(chance, at(), "generic", "429", retry_after_s=2)
    yield Act(at(), Do.CUT, for_s=chance.uniform(1, 4))
    yield Act(at(), Do.EXPIRE)
    for _ in range(2):
        yield Act(at(), Do.SKEW, number=chance.choice((-7200, -90, 90, 7200)))
        yield Act(at(), Do.KILL_DAEMON)
    yield Act(at(), Do.KILL_BROKER, for_s=chance.uniform(0, 2))
    yield Act(at(), Do.STOP_BROKER, for_s=chance.uniform(0, 2))
    refused = chance.choice((ODILE, LUCIE))
    yield Act(at(0.1, 0.4), Do.REFUSE, who=refused)
    yield Act(at(0.6, 0.9), Do.RELENT, who=refused)
    for who in FICKLE:
        for where in DESTINATIONS:
            if chance.random() < 0.6:
                yield Act(at(0.0, 0.45), Do.WITHDRAW, who=who, where=where)
            if chance.random() < 0.75:
                from_now = chance.random() < 0.3
                yield Act(at(0.5, 0.95), Do.GRANT, who=who, where=where, number=int(from_now))


def _fault(chance: random.Random, at_s: float, on: str, kind: str, retry_after_s: int = 0) -> Act:
    return Act(
        at_s,
        Do.FAULT,
        for_s=chance.uniform(2, 6),
        fault=kind,
        on=on,
        share=chance.uniform(0.3, 1.0),
        seed=chance.randrange(1 << 30),
        number=3 if kind == "slow" else retry_after_s,
    )
