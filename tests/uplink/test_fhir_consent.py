import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.consent.grant import Capacity, ConsentText, Grant, Purpose, Withdrawal, withdrawal_of
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.uplink.fhir_consent import consent

AT = datetime(2026, 3, 14, 9, tzinfo=UTC)
GRANT = Grant(
    id="grant-1",
    subject=SubjectId("p-ada"),
    destination="mes",
    kinds=frozenset({Kind.WEIGHT}),
    purpose=Purpose.HEALTH_RECORD,
    given_at=AT,
    covers_from=AT,
    given_by="Byron",
    capacity=Capacity.PARENT,
    text=ConsentText(version="1", language="fr", sha256="0" * 64),
)


def test_a_grant_is_an_active_consent_for_its_kinds_and_destination() -> None:
    made = consent(GRANT, None, "Mon espace santé")

    provision = made["provision"]
    assert (made["resourceType"], made["status"]) == ("Consent", "active")
    (kind,) = provision["code"][0]["coding"]
    assert (kind["code"], kind["display"]) == ("weight", "Poids")
    to = provision["actor"][0]["reference"]
    assert (to["identifier"]["value"], to["display"]) == ("mes", "Mon espace santé")
    assert provision["actor"][1]["role"]["coding"][0]["code"] == "PRN"
    assert provision["dataPeriod"] == {"start": "2026-03-14T09:00:00+00:00"}
    assert {"scope", "category", "policy", "patient", "dateTime"} < set(made)


def test_it_tells_who_gave_it_or_what_they_are_to_the_person() -> None:
    by_name = consent(GRANT, None, "MES")
    by_a_guest = consent(GRANT.model_copy(update={"given_by": ""}), None, "MES")

    for made, name in ((by_name, "Byron"), (by_a_guest, "parent")):
        assert made["performer"] == [{"display": name}]
        assert made["provision"]["actor"][1]["reference"] == {"display": name}


def test_it_tells_until_when_readings_are_covered_and_until_when_they_may_leave() -> None:
    ends = {"covers_until": AT + timedelta(days=1), "expires": AT + timedelta(days=2)}

    provision = consent(GRANT.model_copy(update=ends), None, "MES")["provision"]

    assert provision["dataPeriod"] == {
        "start": "2026-03-14T09:00:00+00:00",
        "end": "2026-03-15T09:00:00+00:00",
    }
    assert provision["period"] == {
        "start": "2026-03-14T09:00:00+00:00",
        "end": "2026-03-16T09:00:00+00:00",
    }


def test_the_address_that_was_consented_to_is_told() -> None:
    made = consent(GRANT.model_copy(update={"address": "https://space.example"}), None, "MES")

    to = made["provision"]["actor"][0]["reference"]
    assert to["display"] == "MES (https://space.example)"


@pytest.mark.parametrize("expires", [None, AT + timedelta(days=2)])
def test_a_withdrawn_grant_is_inactive_and_ends_there(expires: datetime | None) -> None:
    withdrawal = Withdrawal(
        id="w", subject=GRANT.subject, destination="mes", at=AT.replace(hour=10), withdrawn_by="B"
    )

    grant = GRANT.model_copy(update={"expires": expires})
    made = consent(grant, withdrawal_of(grant, (grant, withdrawal)), "MES")

    assert made["status"] == "inactive"
    assert made["provision"]["period"]["end"] == "2026-03-14T10:00:00+00:00"


def test_another_destinations_withdrawal_leaves_it_active() -> None:
    elsewhere = Withdrawal(
        id="w", subject=GRANT.subject, destination="other", at=AT, withdrawn_by="B"
    )

    assert withdrawal_of(GRANT, (GRANT, elsewhere)) is None


_MOMENTS = st.builds(
    lambda hours, zone: (AT + timedelta(hours=hours)).astimezone(zone),
    st.integers(-99_999, 99_999),
    st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
_GIVEN = _MOMENTS.flatmap(
    lambda since: st.builds(
        Grant,
        id=st.just("grant-1"),
        subject=st.just(GRANT.subject),
        destination=st.just("mes"),
        kinds=st.frozensets(st.sampled_from(Kind), min_size=1),
        purpose=st.sampled_from(Purpose),
        given_at=_MOMENTS,
        covers_from=st.just(since),
        covers_until=st.none() | st.integers(1, 10**9).map(lambda s: since + timedelta(seconds=s)),
        expires=st.none() | _MOMENTS,
        given_by=st.sampled_from(["Byron", ""]),
        capacity=st.sampled_from(Capacity),
        method=st.sampled_from(["screen", "paper"]),
        text=st.sampled_from(["fr", "en"]).map(
            lambda spoken: ConsentText(version="1", language=spoken, sha256="0" * 64)
        ),
    )
)
_FHIR_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
)


@given(_GIVEN, st.none() | _MOMENTS)
def test_every_grant_is_a_consent_that_fhir_takes_whatever_the_hubs_clock_did(
    granted: Grant, withdrawn_at: datetime | None
) -> None:
    """R4: consent.html (ppc-1, what must be there), datatypes.html (per-1, no empty strings)."""
    ended = withdrawn_at and Withdrawal(
        id="w", subject=granted.subject, destination="mes", at=withdrawn_at, withdrawn_by="B"
    )

    made = consent(granted, ended, "MES")

    provision = made["provision"]
    assert {"status", "scope", "category", "policy", "patient", "performer"} < set(made)
    assert len(provision["code"]) == len(granted.kinds)
    assert all({"role", "reference"} == set(actor) for actor in provision["actor"])
    assert all(text for text in _texts(made))
    for period in (provision["period"], provision["dataPeriod"]):
        assert all(_FHIR_DATE_TIME.fullmatch(moment) for moment in period.values())
        start, *end = map(datetime.fromisoformat, period.values())
        assert end == [] or start <= end[0]


def _texts(part: Any) -> Iterator[str]:
    """Yield every text; an object without members counts as an empty one, which FHIR has not."""
    if isinstance(part, str):
        yield part
        return
    members = list(part.values()) if isinstance(part, dict) else part
    yield from (text for member in members for text in _texts(member))
    if not members:
        yield ""
