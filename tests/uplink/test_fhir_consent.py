from datetime import UTC, datetime

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


def test_the_address_that_was_consented_to_is_told() -> None:
    made = consent(GRANT.model_copy(update={"address": "https://space.example"}), None, "MES")

    to = made["provision"]["actor"][0]["reference"]
    assert to["display"] == "MES (https://space.example)"


def test_a_withdrawn_grant_is_inactive_and_ends_there() -> None:
    withdrawal = Withdrawal(
        id="w", subject=GRANT.subject, destination="mes", at=AT.replace(hour=10), withdrawn_by="B"
    )

    made = consent(GRANT, withdrawal_of(GRANT, (GRANT, withdrawal)), "MES")

    assert made["status"] == "inactive"
    assert made["provision"]["period"]["end"] == "2026-03-14T10:00:00+00:00"


def test_another_destinations_withdrawal_leaves_it_active() -> None:
    elsewhere = Withdrawal(
        id="w", subject=GRANT.subject, destination="other", at=AT, withdrawn_by="B"
    )

    assert withdrawal_of(GRANT, (GRANT, elsewhere)) is None
