"""Trouble on demand: what goes wrong, for which requests, for how long."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from types import NoneType
from typing import Any

from firmware_sims.health_space.messages import Answer
from firmware_sims.health_space.outcome import Issue, refusal
from firmware_sims.health_space.rules import CONSENT_REFUSED


class Kind(StrEnum):
    """What a fault does to a request."""

    UNAUTHORISED = "401"
    CONSENT_REFUSED = "403_consent"
    CONFLICT = "409"
    UNPROCESSABLE = "422"
    TOO_MANY = "429"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a fault's name
    SLOW = "slow"
    HANG = "hang"
    RESET_BEFORE_COMMIT = "reset_before_commit"
    RESET_AFTER_COMMIT = "reset_after_commit"
    TRUNCATED_BODY = "truncated_body"
    GARBAGE_BODY = "garbage_body"
    EMPTY_REPLY = "empty_reply"


class Operation(StrEnum):
    """Which requests a fault concerns."""

    BUNDLE = "bundle"
    SEARCH = "search"
    DOCUMENT = "document"
    DOCUMENT_SEARCH = "document_search"
    TOKEN = "token"  # noqa: S105 - an operation's name
    GENERIC = "generic"
    """Everything at the generic FHIR server, `/r4`."""
    ANY = "any"


_OUTCOMES: Mapping[Kind, tuple[int, Issue]] = {
    Kind.UNAUTHORISED: (401, Issue("login", "The access_token is missing, invalid or expired.")),
    Kind.CONSENT_REFUSED: (403, Issue("forbidden", CONSENT_REFUSED)),
    Kind.CONFLICT: (409, Issue("conflict", "Injected conflict.")),
    Kind.UNPROCESSABLE: (422, Issue("invalid", "Injected refusal.")),
    Kind.TOO_MANY: (429, Issue("throttled", "Injected throttling.")),
    Kind.SERVER_ERROR: (500, Issue("exception", "Injected failure.")),
    Kind.UNAVAILABLE: (503, Issue("transient", "Injected unavailability.")),
}

_OTHERWISE_NORMAL = frozenset({Kind.EXPIRED_TOKEN, Kind.SLOW})
_COMMITS_BY_DEFAULT = _OTHERWISE_NORMAL | frozenset(
    {
        Kind.RESET_AFTER_COMMIT,
        Kind.TRUNCATED_BODY,
        Kind.GARBAGE_BODY,
        Kind.EMPTY_REPLY,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble and its reach.

    `count`: at most so many requests are hit (None: no limit). `duration_s`: only so long from now
    (None: until cleared). `probability` with `seed`: each request is hit or spared by a seeded
    draw. `delay_s` is how long `slow` keeps back its answer, after the work is done.
    `commit` overrides whether the request takes effect before the trouble; by default it does for
    reset_after_commit, truncated_body, garbage_body and empty_reply. Under slow and expired_token
    everything else is normal, so there it says nothing.
    """

    kind: Kind
    on: Operation = Operation.BUNDLE
    count: int | None = None
    duration_s: float | None = None
    probability: float = 1.0
    seed: int = 0
    retry_after_s: int | None = None
    delay_s: float = 1.0
    commit: bool | None = None

    @property
    def commits(self) -> bool:
        """Whether the request takes effect."""
        if self.commit is None or self.kind in _OTHERWISE_NORMAL:
            return self.kind in _COMMITS_BY_DEFAULT
        return self.commit

    def outcome(self) -> Answer | None:
        """Return the answer of a fault that is an HTTP status, None for the others."""
        if self.kind not in _OUTCOMES:
            return None
        status, issue = _OUTCOMES[self.kind]
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return refusal(status, [issue], headers)


@dataclass(slots=True)
class _Active:
    fault: Fault
    until: float | None
    hits: int = 0
    draw: random.Random = field(default_factory=random.Random)


class Faults:
    """The faults in force, asked in the order they were added; the first that hits decides.

    `monotonic` is the clock durations are counted on, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._active: list[_Active] = []
        self.hits: Counter[str] = Counter()
        """How many requests each fault has hit since the start, by "operation kind"."""

    def add(self, fault: Fault) -> None:
        """Put a fault in force from now on."""
        until = None if fault.duration_s is None else self._monotonic() + fault.duration_s
        draw = random.Random(fault.seed)  # noqa: S311 - repeatable on purpose
        self._active.append(_Active(fault, until, draw=draw))

    def clear(self) -> None:
        """End all trouble."""
        self._active.clear()

    def take(self, operation: Operation | None) -> Fault | None:
        """Return the fault that hits this request, if any, and count it.

        None as operation is a request outside these (a page): only "any" hits it.
        """
        for active in self._living():
            concerned = active.fault.on in (operation, Operation.ANY)
            if concerned and active.draw.random() < active.fault.probability:
                active.hits += 1
                self.hits[f"{operation or Operation.ANY} {active.fault.kind}"] += 1
                return active.fault
        return None

    def describe(self) -> list[dict[str, Any]]:
        """Return the faults in force as JSON, with how often each has hit."""
        return [asdict(active.fault) | {"hits": active.hits} for active in self._living()]

    def _living(self) -> list[_Active]:
        now = self._monotonic()
        self._active = [
            active
            for active in self._active
            if (active.until is None or now < active.until)
            and (active.fault.count is None or active.hits < active.fault.count)
        ]
        return list(self._active)


def parse_fault(asked: Mapping[str, Any]) -> Fault:
    """Return the fault a JSON object describes (the field names of Fault); raises ValueError."""
    unknown = set(asked) - set(Fault.__dataclass_fields__)
    if unknown or "kind" not in asked:
        fields = ", ".join(Fault.__dataclass_fields__)
        raise ValueError(f"a fault has a kind, and possibly: {fields}")
    numbers = {"count", "duration_s", "probability", "seed", "retry_after_s", "delay_s"}
    for name in numbers & set(asked):
        value = asked[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise ValueError(f"{name} must be a number")
    if not isinstance(asked.get("commit"), (bool, NoneType)):
        raise ValueError("commit must be true or false")
    plain = {name: value for name, value in asked.items() if name not in ("kind", "on")}
    kind, operation = Kind(asked["kind"]), Operation(asked.get("on", Operation.BUNDLE))
    return Fault(kind=kind, on=operation, **plain)
