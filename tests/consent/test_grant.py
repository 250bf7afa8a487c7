import pytest
from hypothesis import given
from pydantic import BaseModel, ValidationError

from gateway.consent.grant import (
    BY_RESTORING,
    ConsentEntry,
    Grant,
    in_force,
    living,
    withdrawal_of,
)
from gateway.testing.clock import START
from tests.consent.consents import ADA, BO, DAY, grant, ledgers, withdrawal


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


@given(ledgers())
def test_a_grant_lives_unless_a_later_withdrawal_of_theirs_ended_it_the_first_of_them(
    ledger: tuple[ConsentEntry, ...],
) -> None:
    numbered = tuple(e.model_copy(update={"id": str(n)}) for n, e in enumerate(ledger))

    for number, each in enumerate(numbered):
        if not isinstance(each, Grant):
            continue
        ended = withdrawal_of(each, numbered)
        assert (ended is None) == (each in living(numbered))
        if ended is not None:
            before = numbered[: int(ended.id)]
            assert int(ended.id) > number
            assert each in living(before)


def test_a_grant_is_in_force_until_the_moment_of_its_end_and_for_ever_if_it_has_none() -> None:
    ended, ends, endless = (grant(ADA, expires=e) for e in (START, START + DAY, None))

    assert in_force((ended, ends, endless), START) == (ends, endless)


@pytest.mark.parametrize("entry", [grant(ADA), withdrawal(ADA), grant(ADA).text], ids=type)
def test_what_is_recorded_is_never_edited_and_holds_nothing_that_nobody_knows(
    entry: BaseModel,
) -> None:
    for field in type(entry).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(entry, field, None)
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(entry).model_validate({**entry.model_dump(), "more": 1})


def test_only_a_withdrawal_that_nobody_asked_for_is_asked_about() -> None:
    asked_for = withdrawal(ADA)
    by_restoring = asked_for.model_copy(update={"id": f"{BY_RESTORING}1"})

    assert by_restoring.is_to_be_asked_about
    assert not asked_for.is_to_be_asked_about
