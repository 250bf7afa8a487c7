"""A child's parent agrees on the owner's page, as their parent and until the child is of age."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.clock import Instant
from gateway.consent.grant import Capacity, Grant, Withdrawal
from gateway.domain.subject import SubjectId
from gateway.web.forms import Form
from gateway.web.giver import Giver, Unclear, giver
from tests.journal.making import grant
from tests.web.measuring import SCALE, owned
from tests.web.window import Answer, Window

PARIS = ZoneInfo("Europe/Paris")
RECORD = ("language", "version", "destination", "subject", "address", "purpose")


@pytest.fixture
async def window(window: Window) -> Window:
    return await owned(window, SCALE)


async def child(window: Window) -> SubjectId:
    return (await window.hub.journal.add_subject("Adèle")).id


async def agree(window: Window, subject: SubjectId, **said: str) -> Answer:
    asked = await window.send("/consent", subject=subject, destination="mes")
    record = {name: asked.field(name) for name in RECORD}
    return await window.send("/consent/give", kind="weight", **record, **said)


async def test_a_parent_agrees_as_such_until_their_child_is_of_age(window: Window) -> None:
    subject = await child(window)

    await agree(window, subject, capacity="parent", by="Claude", expires="2031-05-03")

    (given,) = window.hub.reader.ledger(subject)
    assert isinstance(given, Grant)
    assert (given.given_by, given.capacity) == ("Claude", Capacity.PARENT)
    assert given.expires == datetime(2031, 5, 3, tzinfo=PARIS)
    receipt = await window.send("/consent/receipt", subject=subject, grant=given.id)
    assert "Claude" in receipt.text
    assert "En vigueur jusqu'à : 3 mai 2031 à 0 h 00" in receipt.text


async def test_one_tap_takes_it_back_as_it_was_given(window: Window) -> None:
    subject = await child(window)
    await agree(window, subject, capacity="legal_representative", by="Claude")

    await window.send("/consent/withdraw", subject=subject, destination="mes")

    taken_back = window.hub.reader.ledger(subject)[-1]
    assert isinstance(taken_back, Withdrawal)
    assert taken_back.withdrawn_by == "Claude"
    assert taken_back.capacity is Capacity.LEGAL_REPRESENTATIVE


@pytest.mark.parametrize("bound", ["expires", "covers_until"])
async def test_a_consent_until_the_end_of_the_calendar_is_shown_and_taken_back(
    bound: str, window: Window
) -> None:
    """So other systems write for ever; here it is the year 10,000 by then."""
    subject = await child(window)
    for_ever = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    given = grant(subject).model_copy(update={bound: for_ever})
    await window.hub.journal.record_grant(given)

    asked = await window.send("/consent", subject=subject, destination="mes")
    receipt = await window.send("/consent/receipt", subject=subject, grant=given.id)
    await window.send("/consent/withdraw", subject=subject, destination="mes")

    assert (asked.status, receipt.status) == (200, 200)
    assert "31 décembre 9999 à 23 h 59" in receipt.text
    assert isinstance(window.hub.reader.ledger(subject)[-1], Withdrawal)


async def test_who_agrees_for_themselves_says_no_more_than_before(window: Window) -> None:
    subject = await child(window)

    await agree(window, subject)

    (given,) = window.hub.reader.ledger(subject)
    assert isinstance(given, Grant)
    assert (given.given_by, given.capacity, given.expires) == ("Adèle", Capacity.SELF, None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"capacity": "parent"}, "Écrivez le nom du parent"),
        ({"capacity": "parent", "by": "adèle"}, "Écrivez le nom du parent"),
        ({"capacity": "self", "by": "Claude"}, "choisissez à quel titre"),
        ({"expires": "2026-03-14"}, "Ce jour est passé"),
        ({"expires": "le 3 mai"}, "Donnez un jour"),
    ],
)
async def test_what_is_unclear_is_asked_again_with_all_that_was_said(
    said: dict[str, str], told: str, window: Window
) -> None:
    """Else what was unticked would be ticked again, and sent."""
    subject = await child(window)

    answer = await agree(window, subject, earlier="yes", **said)

    assert (answer.status, told in answer.text) == (400, True)
    ticked = [
        line for line in answer.html.splitlines() if 'name="kind"' in line and "checked" in line
    ]
    assert ['value="weight"' in line for line in ticked] == [True]
    assert 'name="earlier" value="yes" checked' in answer.html
    assert window.hub.reader.ledger(subject) == ()
    for name in ("by", "expires"):
        if name in said:
            assert f'name="{name}"' in answer.html
            assert f'value="{said[name]}"' in answer.html


async def test_who_else_could_agree_is_one_line_until_it_is_touched_or_was_said(
    window: Window,
) -> None:
    """Else it is most of a telephone's screen between what is sent and the answer."""
    subject = await child(window)
    alone = await window.send("/consent", subject=subject, destination="mes")
    unclear = await agree(window, subject, capacity="parent")
    await agree(window, subject, expires="2031-05-03")
    until_a_day = await window.send("/consent", subject=subject, destination="mes")
    await agree(window, subject, capacity="parent", by="Claude")
    as_parent = await window.send("/consent", subject=subject, destination="mes")

    pages = (alone, unclear, until_a_day, as_parent)
    line = "Pour un enfant, une personne que vous représentez, ou jusqu'à une date"
    assert all(line in page.text and "Un représentant légal" in page.text for page in pages)
    found = ["<details open>" in page.html for page in pages]
    assert found == [False, True, True, True]


async def test_who_writes_their_own_name_agrees_for_themselves(window: Window) -> None:
    subject = await child(window)

    await agree(window, subject, capacity="self", by="adèle")

    (given,) = window.hub.reader.ledger(subject)
    assert isinstance(given, Grant)
    assert (given.given_by, given.capacity) == ("Adèle", Capacity.SELF)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (datetime(2031, 5, 2, 23, 59, 59, tzinfo=PARIS), datetime(2031, 5, 3, tzinfo=PARIS)),
        (datetime(2031, 5, 3, tzinfo=PARIS), Unclear.OVER),
    ],
)
def test_a_day_ends_a_consent_as_it_begins_and_is_over_from_then_on(
    now: datetime, until: datetime | Unclear
) -> None:
    by = giver(Form([("expires", "2031-05-03")]), "Adèle", Instant(now, 0.0, "boot"), PARIS)

    assert (by.expires if isinstance(by, Giver) else by) == until


def test_no_day_is_past_by_a_clock_that_is_not_trusted() -> None:
    ahead = Instant(datetime(2050, 1, 1, tzinfo=UTC), 0.0, "boot", trusted=False)

    by = giver(Form([("expires", "2031-05-03")]), "Adèle", ahead, PARIS)

    assert by == Giver("Adèle", expires=datetime(2031, 5, 3, tzinfo=PARIS))


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    ("day", "zone", "told"),
    [
        ("0001-01-01", "Europe/Paris", "Ce jour est passé"),
        ("2009-12-31", "Europe/Paris", "Ce jour est passé"),
        ("9999-12-31", "Pacific/Marquesas", ""),
        ("10000-01-01", "Europe/Paris", "Donnez un jour"),
    ],
)
async def test_a_day_that_no_consent_can_end_on_is_asked_again_also_without_the_time(
    day: str, zone: str, told: str, trusted: bool, window: Window
) -> None:
    subject = await child(window)
    window.hub.zone = ZoneInfo(zone)
    window.hub.clock.trusted = trusted

    answer = await agree(window, subject, expires=day, earlier="yes")

    assert answer.status == (400 if told else 303)
    assert told in answer.text
    assert bool(window.hub.reader.ledger(subject)) is not bool(told)


async def test_what_was_unticked_stays_so_where_it_was_all(window: Window) -> None:
    subject = await child(window)
    asked = await window.send("/consent", subject=subject, destination="mes")
    record = {name: asked.field(name) for name in RECORD}

    answer = await window.send("/consent/give", **record, capacity="parent")

    assert "Écrivez le nom du parent" in answer.text
    assert "checked" in answer.html
    kinds = [line for line in answer.html.splitlines() if 'name="kind"' in line]
    assert [line for line in kinds if "checked" in line] == []


async def test_who_adds_to_a_parents_consent_is_asked_as_the_parent_and_until_the_same_day(
    window: Window,
) -> None:
    """Else the rest would leave in the child's own name, and go on when they are of age."""
    subject = await child(window)
    await agree(window, subject, capacity="parent", by="Claude", expires="2031-05-03")

    for more in ({}, {"earlier": "yes"}):
        asked = await window.send("/consent", subject=subject, destination="mes", **more)
        chosen = [line for line in asked.html.splitlines() if 'name="capacity"' in line]
        assert ["checked" in line for line in chosen] == [False, True, False]
        assert 'name="by" value="Claude"' in asked.html
        assert 'type="date" value="2031-05-03"' in asked.html


async def test_who_came_of_age_is_asked_for_themselves(window: Window) -> None:
    subject = await child(window)
    await agree(window, subject, capacity="parent", by="Claude", expires="2026-03-15")
    window.hub.clock.advance(2 * 86400)

    asked = await window.send("/consent", subject=subject, destination="mes")

    chosen = [line for line in asked.html.splitlines() if 'name="capacity"' in line]
    assert ["checked" in line for line in chosen] == [True, False, False]
    assert 'name="by" value=""' in asked.html
    assert 'type="date" value=""' in asked.html
