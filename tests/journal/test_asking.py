"""What is due would be let go: the gate is asked when it becomes so, and when a grant has ended."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.identity import ReadingId
from gateway.domain.reading import Kind, Quality
from gateway.domain.subject import SubjectId
from gateway.errors import JournalDamaged, JournalError, JournalFull
from gateway.journal import asking
from gateway.journal.journal import Journal, Routes
from gateway.journal.ledger import Addresses
from gateway.journal.reader import Reader
from gateway.journal.writer import Transaction
from gateway.testing.clock import START, ManualClock
from tests.journal.making import LONG_AGO, SCALE, consenting, grant, open_journal, weight

LATER = START + timedelta(hours=1)


async def _ada(journal: Journal) -> SubjectId:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, None, subject, LONG_AGO)
    return subject


def _states(reader: Reader) -> dict[tuple[str, str | None, bool], int]:
    return {(c.state, c.reason, c.may_have_arrived): c.count for c in reader.delivery_counts()}


async def test_what_would_not_be_let_go_is_withheld_as_it_is_recorded(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal, slot="1")

    await journal.record(
        SCALE, [weight(1), weight(2, slot="1"), weight(3, slot="1", quality=Quality.CONTROL)]
    )

    assert _states(reader) == {
        ("due", None, False): 1,
        ("withheld", "unclaimed", False): 1,
        ("withheld", "not_reliable", False): 1,
    }
    assert reader.verify_against(None).whole


async def test_of_what_a_new_consent_does_not_cover_nothing_becomes_due(
    journal: Journal, reader: Reader
) -> None:
    subject = await _ada(journal)
    await journal.record(SCALE, [weight(n, at=START - timedelta(days=n)) for n in range(1, 6)])

    await journal.record_grant(grant(subject, covers_from=START - timedelta(days=2, hours=1)))

    assert _states(reader) == {("due", None, False): 2, ("withheld", "before_grant", False): 3}


async def test_of_very_many_the_latest_are_asked_about_at_once_and_the_rest_soon(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = await _ada(journal)
    await journal.record(SCALE, [weight(n) for n in range(50)])
    monkeypatch.setattr(asking, "AT_ONCE", 20)
    seen: list[list[str]] = []
    journal.when_due("mes", lambda: seen.append([v.deliveries[0].state for v in reader.entries()]))

    ask, loop, all_asked = asking.ask, asyncio.get_running_loop(), asyncio.Event()

    def asked(tx: Transaction, routes: Routes, addresses: Addresses) -> bool:
        more = ask(tx, routes, addresses)
        if not more:
            loop.call_soon_threadsafe(all_asked.set)
        return more

    monkeypatch.setattr(asking, "ask", asked)
    before = journal.commits
    await journal.record_grant(grant(subject, kinds=frozenset({Kind.BODY_TEMPERATURE})))
    async with asyncio.timeout(5):
        await all_asked.wait()
    await journal.answers()

    assert journal.commits - before >= 4  # a page that shows them is made anew by that
    assert seen[0][:20] == ["withheld"] * 20
    assert _states(reader) == {("withheld", "kind_not_covered", False): 50}


async def test_when_a_consent_ends_what_rests_upon_it_waits_no_more(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    subject = await _ada(journal)
    await journal.record_grant(grant(subject, expires=LATER))
    await journal.record(SCALE, [weight(n) for n in range(2)])
    (released,) = await journal.claim("mes", 1, START)
    await journal.unsettle(released, START, "no answer")
    clock.advance(3599)
    await journal.answers()
    before = _states(reader)

    clock.advance(1)
    await journal.answers()

    assert set(before) == {("due", None, False), ("unsettled", "no answer", True)}
    assert _states(reader) == {("withheld", "expired", False): 1, ("withheld", "expired", True): 1}
    await journal.record_grant(grant(subject, "grant-2"))
    searched = {each.delivery.unsettled for each in await journal.claim("mes", 2, LATER)}
    assert searched == {True, False}


async def test_at_another_address_nothing_waits_until_it_is_consented_to(
    path: Path, clock: ManualClock
) -> None:
    there, elsewhere = {"mes": ("https://a.example",)}, {"mes": ("https://b.example",)}
    async with open_journal(path, clock, addresses=there) as journal:
        subject = await _ada(journal)
        given = grant(subject).model_copy(update={"address": "https://a.example"})
        await journal.record_grant(given)
        await journal.record(SCALE, [weight(1)])

    found = []
    for addresses in (there, elsewhere, there):
        async with open_journal(path, clock, addresses=addresses):
            pass
        with Reader.open(path) as reader:
            found += list(_states(reader))

    assert [state for state, *_ in found] == ["due", "withheld", "due"]


async def test_a_hub_that_does_not_know_the_time_says_of_no_consent_that_it_has_ended(
    path: Path,
) -> None:
    clock = ManualClock()
    async with open_journal(path, clock) as journal:
        subject = await _ada(journal)
        await journal.record_grant(grant(subject, expires=LATER))
        await journal.record(SCALE, [weight(1)])
        clock.trusted = False
        clock.advance(7200)
        await journal.record(SCALE, [weight(2)])
        with Reader.open(path) as reader:
            meanwhile = _states(reader)
            clock.trusted = True
            await journal.answers()
            known = _states(reader)

    assert meanwhile == {("due", None, False): 2}
    assert known == {("withheld", "expired", False): 2}


async def test_what_was_measured_before_a_consent_after_all_waits_no_more(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    await journal.hub_time_known(clock.now())
    subject = await _ada(journal)
    await journal.record_grant(grant(subject, covers_from=START - timedelta(minutes=30)))
    await journal.record(SCALE, [weight(1)])
    before = _states(reader)

    clock.step(timedelta(hours=-1))  # it was an hour ahead
    await journal.hub_time_known(clock.now(), stepped=True)

    assert before == {("due", None, False): 1}
    assert _states(reader) == {("withheld", "before_grant", False): 1}


@pytest.mark.parametrize(
    ("beside_another", "told"),
    [(False, "expired"), (True, "before_grant")],
    ids=["alone", "beside another"],
)
async def test_a_clock_that_was_ahead_ends_no_consent(
    beside_another: bool, told: str, journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    """Of two, what is told then is why the other, which has not ended, does not cover it."""
    await journal.hub_time_known(clock.now())
    subject = await _ada(journal)
    await journal.record_grant(grant(subject, expires=START + timedelta(days=365)))
    if beside_another:
        await journal.record_grant(grant(subject, "grant-2", covers_from=LATER))
    await journal.record(SCALE, [weight(1)])
    clock.step(timedelta(days=4000))
    await journal.answers()
    ahead = _states(reader)

    clock.step(timedelta(days=-4000))
    await journal.hub_time_known(clock.now(), stepped=True)

    assert ahead == {("withheld", told, False): 1}
    assert _states(reader) == {("due", None, False): 1}


@pytest.mark.parametrize("whose", ["known at once", "said later"])
async def test_what_came_before_a_consent_ended_leaves_after_that_as_well(
    whose: str, journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    """By its uncertainty it may be of later; but what is here was measured before it came."""
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    if whose == "known at once":
        await journal.assign(SCALE.id, None, subject, LONG_AGO)
    until = START + timedelta(seconds=1)
    await journal.record_grant(grant(subject).model_copy(update={"covers_until": until}))
    (entry,) = await journal.record(SCALE, [weight(1)])
    clock.advance(86400)
    if whose == "said later":
        await journal.claim_entry(entry.id, subject)

    assert entry.timing.latest is not None
    assert entry.timing.latest > until
    assert len(await journal.claim("mes", 1, clock.now().utc)) == 1
    assert _states(reader) == {("sending", None, False): 1}


async def test_what_comes_while_the_hub_does_not_know_the_time_is_asked_about_once_it_does(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    clock.trusted = False
    await journal.record(SCALE, [weight(1)])
    meanwhile = _states(reader)
    clock.trusted = True
    await journal.answers()

    assert meanwhile == {("due", None, False): 1}
    assert _states(reader) == {("withheld", "unclaimed", False): 1}


async def test_what_was_here_before_a_destination_was_is_asked_about_too(
    path: Path, clock: ManualClock
) -> None:
    async with open_journal(path, clock, {}) as journal:
        subject = await _ada(journal)
        await journal.record(SCALE, [weight(1), weight(2, quality=Quality.CONTROL)])
    async with open_journal(path, clock) as journal:
        await journal.record_grant(grant(subject))

    with Reader.open(path) as reader:
        assert _states(reader) == {
            ("due", None, False): 1,
            ("withheld", "not_reliable", False): 1,
        }


@pytest.mark.parametrize("error", [JournalFull, JournalDamaged])
async def test_should_asking_fail_it_is_done_after_the_next_commit_or_damage_is_told_of(
    journal: Journal,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
    error: type[JournalError],
) -> None:
    subject = await _ada(journal)
    await journal.record(SCALE, [weight(1)])
    ask = asking.ask

    def failing(tx: Transaction, routes: Routes, addresses: Addresses) -> bool:
        ask(tx, routes, addresses)
        monkeypatch.undo()
        raise error("once")

    monkeypatch.setattr(asking, "ask", failing)
    await journal.record_grant(grant(subject, kinds=frozenset({Kind.BODY_TEMPERATURE})))
    before = _states(reader)
    await journal.answers()

    assert before == {("due", None, False): 1}
    assert _states(reader) == {("withheld", "kind_not_covered", False): 1}
    if error is JournalDamaged:
        async with asyncio.timeout(5):
            assert "once" in str(await journal.damage.first())


async def test_what_can_no_longer_be_read_is_parked_and_the_log_tells(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        (entry,) = await journal.record(SCALE, [weight(1)])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE entries SET payload = x'00'")
    other.close()

    await open_journal(path).close()

    with Reader.open(path) as reader:
        assert _states(reader) == {("parked", "unreadable", False): 1}
        assert [event.name for event in reader.story(entry.id)] == ["recorded", "parked"]


async def test_a_call_that_fails_has_nothing_asked_about_anew(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Months of readings may wait for a destination that is away."""
    await consenting(journal)
    await journal.record(SCALE, [weight(n) for n in range(3)])
    await journal.answers()
    asked: list[int] = []
    monkeypatch.setattr(asking, "ask", lambda *_: asked.append(1) or False)

    with pytest.raises(JournalError):
        await journal.claim_entry(ReadingId("00" * 16), SubjectId("nobody"))
    await journal.answers()

    assert asked == []
