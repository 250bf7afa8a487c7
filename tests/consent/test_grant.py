from hypothesis import given

from gateway.consent.grant import ConsentEntry, Grant, living
from tests.consent.consents import ADA, BO, grant, ledgers, withdrawal


def test_a_withdrawal_ends_every_grant_before_it_and_none_after() -> None:
    before, after = grant(ADA), grant(ADA, kinds=frozenset())

    assert living((before, before, withdrawal(ADA), after)) == (after,)


def test_a_withdrawal_is_for_one_person_at_one_destination() -> None:
    kept = (grant(BO), grant(ADA, "fhir"))

    assert living((grant(ADA), *kept, withdrawal(ADA))) == kept


@given(ledgers())
def test_grants_live_in_the_order_they_were_given(ledger: tuple[ConsentEntry, ...]) -> None:
    given_in_order = [entry for entry in ledger if isinstance(entry, Grant)]

    remaining = iter(given_in_order)

    assert all(any(each is other for other in remaining) for each in living(ledger))


@given(ledgers())
def test_withdrawing_twice_is_withdrawing_once(ledger: tuple[ConsentEntry, ...]) -> None:
    once = (*ledger, withdrawal(ADA))

    assert living((*once, withdrawal(ADA))) == living(once)
    assert not any((g.subject, g.destination) == (ADA, "mes") for g in living(once))


@given(ledgers())
def test_a_ledger_survives_json(ledger: tuple[ConsentEntry, ...]) -> None:
    assert all(type(e).model_validate_json(e.model_dump_json()) == e for e in ledger)
