"""Grants and withdrawals of two people at two destinations."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from gateway.consent.grant import ConsentEntry, ConsentText, Grant, Purpose, Withdrawal
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.testing.clock import START

ADA, BO = SubjectId("p-ada"), SubjectId("p-bo")
DAY = timedelta(days=1)
EVERYTHING = frozenset(Kind)

_TEXT = ConsentText(version="1", language="fr", sha256="0" * 64)


def grant(
    subject: SubjectId,
    destination: str = "mes",
    *,
    kinds: frozenset[Kind] = EVERYTHING,
    covers_from: datetime = START - 30 * DAY,
    covers_until: datetime | None = None,
    expires: datetime | None = None,
) -> Grant:
    return Grant(
        id="grant",
        subject=subject,
        destination=destination,
        kinds=kinds,
        purpose=Purpose.HEALTH_RECORD,
        given_at=START - 30 * DAY,
        covers_from=covers_from,
        covers_until=covers_until,
        expires=expires,
        given_by="Ada",
        text=_TEXT,
    )


def withdrawal(subject: SubjectId, destination: str = "mes") -> Withdrawal:
    return Withdrawal(
        id="withdrawal", subject=subject, destination=destination, at=START, withdrawn_by="Ada"
    )


def ledgers() -> st.SearchStrategy[tuple[ConsentEntry, ...]]:
    """Any ledger: what was given and withdrawn, in any order."""
    subjects, destinations = st.sampled_from([ADA, BO]), st.sampled_from(["mes", "fhir"])
    moments = st.integers(-40, 40).map(lambda days: START + days * DAY)
    grants = st.builds(
        grant,
        subjects,
        destinations,
        kinds=st.frozensets(st.sampled_from([Kind.WEIGHT, Kind.HEIGHT])),
        covers_from=moments,
        covers_until=st.none() | moments,
        expires=st.none() | moments,
    )
    return st.lists(grants | st.builds(withdrawal, subjects, destinations), max_size=8).map(tuple)
