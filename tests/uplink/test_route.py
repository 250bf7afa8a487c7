"""Deliveries reach their destination once, in turn, and stop at a person's word."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import HubClock
from gateway.domain.entry import Entry
from gateway.domain.subject import SubjectId
from gateway.errors import (
    OutcomeUnknown,
    PairingOver,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.metrics import Metrics
from gateway.testing.clock import START, ManualClock
from gateway.uplink.lane import Left
from gateway.uplink.route import Route
from tests.uplink.doubles import (
    Answered,
    GatheringUplink,
    MemoryOutbox,
    PassingTime,
    ScriptedUplink,
    weight,
)
from tests.uplink.samples import ALICE, BOB


class Bench:
    """A route between a fake outbox and a fake destination, on a clock that tests move."""

    def __init__(
        self,
        *entries: Entry,
        max_concurrent: int = 4,
        uplink: ScriptedUplink | None = None,
        knows_the_time: Callable[[], bool] = lambda: True,
    ) -> None:
        self.outbox = MemoryOutbox(*entries)
        self.uplink = uplink or ScriptedUplink()
        self.clock = ManualClock()
        self.timer = PassingTime(self.clock)
        self.metrics = Metrics()
        self.route = Route(
            self.outbox,
            self.uplink,
            HubClock(self.clock, knows_the_time),
            self.metrics,
            max_concurrent=max_concurrent,
            timer=self.timer,
            jitter=lambda: 0.0,
        )

    async def rounds(self, number: int) -> None:
        for _ in range(number):
            await self.route.round()

    async def until_quiet(self, most: int = 100) -> None:
        for _ in range(most):
            if not {"due", "sending"} & set(self.outbox.states()):
                return
            await self.route.round()
        raise AssertionError(f"still busy: {self.outbox.states()}")


def offline(seconds: float | None = None) -> UplinkUnavailable:
    wait = None if seconds is None else timedelta(seconds=seconds)
    return UplinkUnavailable("The server cannot be reached.", wait)


# --- the good day -----------------------------------------------------------------------------


async def test_what_is_due_is_sent_and_settled_with_its_receipt() -> None:
    bench = Bench(weight(1), weight(2), weight(1, BOB))

    await bench.rounds(1)

    assert bench.outbox.states() == ["settled"] * 3
    receipt = bench.outbox.row(weight(1)).receipt
    assert receipt is not None
    assert receipt.reference == f"Observation/{weight(1).id}"
    assert bench.metrics.value("deliveries_total", destination="mes", outcome="settled") == 3


async def test_one_persons_readings_go_one_after_another_in_due_order() -> None:
    entries = [weight(number) for number in range(5)]
    bench = Bench(*entries)

    await bench.rounds(1)

    assert bench.uplink.sent == [each.id for each in entries]
    assert not bench.uplink.overlapped


async def test_different_persons_readings_go_at_the_same_time_up_to_the_limit() -> None:
    people = [SubjectId(f"p{number}") for number in range(6)]
    bench = Bench(*(weight(1, person) for person in people), max_concurrent=3)
    bench.outbox.ledger += [
        bench.outbox.ledger[0].model_copy(update={"subject": person}) for person in people
    ]

    await bench.rounds(1)

    assert bench.outbox.states() == ["settled"] * 6
    assert bench.uplink.most_under_way == 3


async def test_what_a_grant_let_go_does_not_leave_once_the_grant_has_ended() -> None:
    bench = Bench(weight(1), weight(2), weight(1, BOB))
    ends = START + timedelta(seconds=2)
    for grant, expires in enumerate((ends, ends + timedelta(days=1))):
        given = bench.outbox.ledger[grant].model_copy(update={"expires": expires})
        bench.outbox.ledger[grant] = given

    async def time_passes() -> None:
        bench.clock.advance(2)

    bench.outbox.before_claim_returns = time_passes
    await bench.rounds(2)

    assert bench.uplink.sent == [weight(1, BOB).id]
    assert bench.outbox.states() == ["withheld", "withheld", "settled"]


async def test_nothing_leaves_once_the_clock_is_set_until_it_is_relied_on_again() -> None:
    bench = Bench(weight(1))

    async def the_clock_is_set() -> None:
        bench.clock.step(timedelta(hours=-1))

    bench.outbox.before_claim_returns = the_clock_is_set
    await bench.rounds(1)

    assert (bench.uplink.sent, bench.outbox.states()) == ([], ["due"])


async def test_with_nothing_due_it_rests_until_something_is() -> None:
    bench = Bench(weight())
    bench.outbox.row(weight()).due_at = START + timedelta(seconds=90)

    await bench.rounds(1)

    assert bench.timer.waits == [90]


@pytest.mark.parametrize(("due_in_s", "rest_s"), [(None, 300), (86_400, 300), (-5, 1)])
async def test_no_rest_is_so_long_that_a_stepped_clock_goes_unnoticed(
    due_in_s: int | None, rest_s: int
) -> None:
    bench = Bench()

    async def next_due(destination: str) -> object:
        return None if due_in_s is None else START + timedelta(seconds=due_in_s)

    bench.outbox.next_due = next_due  # type: ignore[method-assign,assignment]
    await bench.rounds(1)

    assert bench.timer.waits == [rest_s]


async def test_a_new_reading_ends_the_rest() -> None:
    bench = Bench()

    async def arrives_meanwhile() -> None:
        bench.outbox.before_claim_returns = None
        bench.outbox.add(weight())

    bench.outbox.before_claim_returns = arrives_meanwhile
    await bench.rounds(2)

    assert bench.timer.waits == []
    assert bench.outbox.states() == ["settled"]


# --- an outage --------------------------------------------------------------------------------


async def test_nothing_goes_while_the_hub_does_not_know_the_time() -> None:
    known: list[bool] = []
    bench = Bench(weight(1), knows_the_time=lambda: bool(known))

    await bench.rounds(3)
    before = (bench.outbox.states(), list(bench.outbox.claims))
    known.append(True)
    await bench.rounds(1)

    assert before == (["due"], [])
    assert bench.timer.waits == [10] * 3
    assert bench.outbox.states() == ["settled"]


async def test_an_unreachable_destination_is_left_alone_longer_each_time() -> None:
    bench = Bench(weight())
    bench.uplink.does(weight(), *(offline() for _ in range(10)))

    await bench.until_quiet()

    assert bench.timer.waits == [1, 2, 5, 10, 30, 60, 120, 300, 300, 300]
    assert bench.outbox.states() == ["settled"]


async def test_after_an_outage_one_delivery_goes_first() -> None:
    bench = Bench(*(weight(number) for number in range(3)))
    bench.uplink.does(weight(0), offline(), offline())

    await bench.until_quiet()

    assert bench.outbox.claims == [64, 1, 1, 64]


async def test_in_an_outage_the_rest_of_a_batch_is_not_tried() -> None:
    bench = Bench(*(weight(number) for number in range(5)))
    bench.uplink.does(weight(0), offline())

    await bench.rounds(1)

    assert bench.uplink.sent == [weight(0).id]
    assert bench.outbox.states() == ["due"] * 5
    assert {row.why for row in bench.outbox.rows.values()} == {"The server cannot be reached."}
    assert {row.due_at for row in bench.outbox.rows.values()} == {START + timedelta(seconds=1)}


async def test_failures_that_were_under_way_together_count_once() -> None:
    bench = Bench(weight(1), weight(1, BOB))
    bench.uplink.does(weight(1), offline())
    bench.uplink.does(weight(1, BOB), offline())

    await bench.until_quiet()

    assert bench.timer.waits[:1] == [1]
    assert 2 not in bench.timer.waits


async def test_a_wait_the_destination_asks_for_is_kept() -> None:
    bench = Bench(weight())
    bench.uplink.does(weight(), offline(700))

    await bench.until_quiet()

    assert bench.timer.waits == [300, 300, 100]


async def test_an_answer_ends_the_back_off() -> None:
    bench = Bench(weight(1))
    bench.uplink.does(weight(1), offline(), offline())
    bench.uplink.does(weight(2), offline())

    await bench.until_quiet()
    bench.outbox.add(weight(2))
    await bench.until_quiet()

    assert bench.timer.waits == [1, 2, 1]


@pytest.mark.parametrize("word", [UplinkRejected("Not this one."), UplinkRefused("Not theirs.")])
async def test_a_no_is_an_answer_too_and_ends_the_outage(word: Exception) -> None:
    bench = Bench(weight())
    bench.uplink.does(weight(), offline(), word)

    await bench.rounds(1)
    assert bench.route.problem == "The server cannot be reached."
    await bench.rounds(2)

    assert bench.route.problem is None


# --- an unknown outcome -----------------------------------------------------------------------


async def test_an_unknown_outcome_is_searched_for_before_it_is_sent_again() -> None:
    bench = Bench(weight())
    bench.uplink.does(weight(), OutcomeUnknown("The server did not answer."))

    await bench.until_quiet()

    assert [call for call, _ in bench.uplink.calls] == ["send", "find", "send"]
    assert bench.uplink.there == [weight().id]


async def test_a_reading_that_is_found_is_not_sent_again() -> None:
    bench = Bench(weight())
    bench.uplink.does(weight(), Answered("The answer got lost."))

    await bench.until_quiet()

    assert [call for call, _ in bench.uplink.calls] == ["send", "find"]
    receipt = bench.outbox.row(weight()).receipt
    assert receipt is not None
    assert receipt.found
    assert bench.metrics.value("deliveries_total", destination="mes", outcome="found") == 1


async def test_searches_come_more_rarely_while_the_doubt_lasts_whatever_was_before() -> None:
    """Attempts during an outage brought nothing there: they make nobody wait for the search."""
    bench = Bench(weight())
    bench.uplink.does(weight(), *[offline()] * 4, Answered("no answer"))
    bench.uplink.search_script[weight().id].extend([OutcomeUnknown("no answer")] * 2)

    await bench.until_quiet()

    assert bench.outbox.states() == ["settled"]
    assert bench.timer.waits == [1, 2, 5, 10, 10, 30, 60]


@pytest.mark.parametrize(
    "trouble", [OutcomeUnknown("No answer."), offline(), UplinkUnauthorised("Pair again.")]
)
async def test_a_search_that_fails_leaves_it_unsettled(trouble: Exception) -> None:
    bench = Bench(weight())
    bench.uplink.does(weight(), Answered("The answer got lost."))
    bench.uplink.search_script[weight().id].append(trouble)

    await bench.until_quiet()

    assert [call for call, _ in bench.uplink.calls] == ["send", "find", "find"]
    assert bench.uplink.there == [weight().id]


async def test_a_reading_of_unknown_outcome_waits_longer_each_time_and_alone() -> None:
    bench = Bench(weight(1), weight(1, BOB))
    bench.uplink.does(weight(1), *(OutcomeUnknown("No answer.") for _ in range(3)))

    await bench.until_quiet()

    assert bench.timer.waits == [10, 30, 60]
    assert bench.uplink.sent[1] == weight(1, BOB).id


# --- one bad reading, one bad pairing ---------------------------------------------------------


async def test_a_destination_that_leaves_only_doubts_is_left_alone_longer_each_time() -> None:
    entries = [weight(number) for number in range(9)]
    bench = Bench(*entries)
    for each in entries:
        bench.uplink.does(each, OutcomeUnknown("it fails"))

    await bench.rounds(4)
    assert bench.route.problem is None
    await bench.rounds(1)
    assert bench.route.problem == "it fails"
    await bench.rounds(4)

    assert len(bench.uplink.sent) == 7
    assert bench.timer.waits == [1, 2]
    await bench.until_quiet()
    assert bench.route.problem is None
    assert sorted(bench.uplink.there) == sorted(each.id for each in entries)


async def test_a_doubt_now_and_then_holds_up_nothing() -> None:
    entries = [weight(number) for number in range(12)]
    bench = Bench(*entries)
    for each in entries[::2]:
        bench.uplink.does(each, OutcomeUnknown("now and then"))

    await bench.until_quiet()

    assert bench.route.problem is None
    assert bench.metrics.value("deliveries_total", destination="mes", outcome="unknown") == 6
    assert not {1, 2} & set(bench.timer.waits)


async def test_a_rejected_reading_is_parked_and_blocks_nobody() -> None:
    bench = Bench(weight(1), weight(2), weight(1, BOB))
    bench.uplink.does(weight(1), UplinkRejected("The health space rejects the reading (422)."))

    await bench.until_quiet()

    assert bench.outbox.states() == ["parked", "settled", "settled"]
    assert bench.outbox.row(weight(1)).why == "The health space rejects the reading (422)."


async def test_after_a_refusal_nothing_more_of_that_person_is_sent() -> None:
    bench = Bench(weight(1), weight(2), weight(1, BOB))
    bench.uplink.does(weight(1), UplinkRefused("No consent there."))

    await bench.rounds(1)

    assert bench.uplink.sent.count(weight(2).id) == 0
    assert bench.outbox.row(weight(1)).state == "withheld"
    assert bench.outbox.row(weight(1, BOB)).state == "settled"


async def test_a_person_whose_pairing_is_over_waits_while_others_flow() -> None:
    bench = Bench(weight(1), weight(2), weight(1, BOB))
    bench.uplink.does(weight(1), UplinkUnauthorised("Pair this person again."))

    await bench.rounds(1)
    bench.outbox.add(weight(3), weight(2, BOB))
    await bench.rounds(1)

    assert bench.uplink.sent == [weight(1).id, weight(1, BOB).id, weight(2, BOB).id]
    waiting = [bench.outbox.row(weight(number)) for number in (1, 2, 3)]
    assert {row.why for row in waiting} == {"Pair this person again."}
    assert {row.due_at for row in waiting} == {START + timedelta(minutes=15)}
    assert [bench.route.refusal(subject) is None for subject in (ALICE, BOB)] == [False, True]
    assert (bench.route.problem, bench.route.held) == (None, "Pair this person again.")
    bench.route.resume(ALICE)
    assert bench.route.held is None


async def test_what_the_operator_has_to_mend_is_told_before_whom_to_pair_again() -> None:
    bench = Bench(weight(1), weight(1, BOB))
    bench.uplink.does(weight(1), PairingOver("Pair this person again."))
    bench.uplink.does(weight(1, BOB), UplinkUnauthorised("Check client_id."))

    await bench.rounds(1)

    matters = [type(bench.route.refusal(subject)) for subject in (ALICE, BOB)]
    assert matters == [PairingOver, UplinkUnauthorised]
    assert bench.route.held == "Check client_id."


async def test_a_person_is_tried_again_after_the_pause() -> None:
    bench = Bench(weight(1), weight(2))
    bench.uplink.does(weight(1), UplinkUnauthorised("Pair this person again."))

    await bench.until_quiet()

    assert bench.outbox.states() == ["settled", "settled"]
    assert bench.route.refusal(ALICE) is None


async def test_our_own_bug_sends_nothing_twice_and_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(weight(1), weight(1, BOB))
    bench.uplink.does(weight(1), KeyError("canary 71.3 kg"))

    await bench.until_quiet()

    assert bench.outbox.states() == ["settled", "settled"]
    assert [call for call, reading in bench.uplink.calls if reading == weight(1).id] == [
        "send",
        "find",
        "send",
    ]
    assert "KeyError" in caplog.text
    assert "canary" not in caplog.text


async def test_bugs_of_ours_are_no_outage_however_many() -> None:
    bench = Bench(*(weight(number) for number in range(8)))
    for number in range(7):
        bench.uplink.does(weight(number), KeyError("oops"))

    await bench.rounds(7)

    assert bench.route.problem is None


async def test_no_log_line_names_a_person_or_a_reading(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gateway")
    troubles = [offline(), UplinkUnauthorised("Pair."), OutcomeUnknown("Lost."), TypeError(ALICE)]
    bench = Bench(weight())
    bench.uplink.does(weight(), *troubles, UplinkRejected("No."))

    await bench.until_quiet()

    assert caplog.text
    assert ALICE not in caplog.text
    assert weight().id not in caplog.text


# --- several readings in one request ----------------------------------------------------------


def gathering(*entries: Entry) -> tuple[Bench, GatheringUplink]:
    uplink = GatheringUplink()
    return Bench(*entries, uplink=uplink), uplink


async def test_one_persons_readings_go_together_where_the_destination_takes_them_so() -> None:
    entries = [weight(number) for number in range(7)]
    bench, uplink = gathering(*entries, weight(1, BOB))

    await bench.rounds(1)

    ids = [each.id for each in entries]
    assert uplink.together == [ids[:3], ids[3:6]]
    assert sorted(uplink.sent) == sorted([ids[6], weight(1, BOB).id])
    assert bench.outbox.states() == ["settled"] * 8
    assert bench.metrics.value("deliveries_total", destination="mes", outcome="settled") == 8


async def test_one_that_is_rejected_is_found_among_those_it_went_with() -> None:
    entries = [weight(number) for number in range(5)]
    bench, uplink = gathering(*entries)
    bench.uplink.does(entries[1], UplinkRejected("The server rejects the reading (422)."))

    await bench.rounds(1)

    ids = [each.id for each in entries]
    assert uplink.together == [ids[:3], ids[3:]]
    assert uplink.sent == ids[:3]
    assert bench.outbox.states() == ["settled", "parked", "settled", "settled", "settled"]
    assert bench.outbox.row(entries[1]).why == "The server rejects the reading (422)."


@pytest.mark.parametrize("arrived", [True, False])
async def test_of_an_unknown_outcome_of_several_each_is_searched_for(arrived: bool) -> None:
    entries = [weight(number) for number in range(3)]
    bench, uplink = gathering(*entries)
    bench.uplink.does(entries[0], (Answered if arrived else OutcomeUnknown)("No answer."))

    await bench.until_quiet()

    ids = [each.id for each in entries]
    assert uplink.together == [ids]
    assert [reading for call, reading in uplink.calls if call == "find"] == ids
    assert sorted(uplink.there) == sorted(ids)


async def test_in_an_outage_none_of_several_is_lost_and_one_goes_first_afterwards() -> None:
    entries = [weight(number) for number in range(3)]
    bench, uplink = gathering(*entries)
    bench.uplink.does(entries[0], offline(), offline())

    await bench.until_quiet()

    assert [len(each) for each in uplink.together] == [3, 2]
    assert bench.outbox.claims == [64, 1, 1, 64]
    assert sorted(uplink.there) == sorted(each.id for each in entries)
    assert bench.outbox.states() == ["settled"] * 3


@pytest.mark.parametrize("in_time", [True, False])
async def test_a_withdrawal_meets_several_under_way_and_tells_of_each(in_time: bool) -> None:
    entries = [weight(number) for number in range(5)]
    bench, uplink = gathering(*entries)
    gate = uplink.gates[entries[0].id] = asyncio.Event()
    sending = asyncio.create_task(bench.route.round())
    await uplink.started.wait()

    bench.outbox.withdraw(ALICE)
    within = timedelta(minutes=1) if in_time else timedelta(0)
    stopping = asyncio.create_task(bench.route.quiesce(ALICE, within))
    await asyncio.sleep(0)
    if in_time:
        gate.set()
    left = await stopping
    await sending

    ids = tuple(each.id for each in entries[:3])
    assert left == (Left(arrived=ids) if in_time else Left(unknown=ids))
    assert len(uplink.together) == 1
    assert uplink.sent == []


# --- a journal in trouble ---------------------------------------------------------------------


async def test_a_receipt_waits_for_space_on_the_disk_and_nothing_is_sent_meanwhile() -> None:
    bench = Bench(weight(1), weight(2))
    bench.outbox.full = 2

    await bench.rounds(1)

    assert bench.outbox.states() == ["settled", "settled"]
    assert bench.timer.waits == [10, 10]
    assert bench.uplink.sent == [weight(1).id, weight(2).id]


async def test_only_a_few_receipts_may_wait_for_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash each of them costs a search."""
    bench = Bench(*(weight(number) for number in range(30)))
    bench.outbox.full = 10**9
    monkeypatch.setattr(bench.clock, "advance", lambda _: None)

    going = asyncio.create_task(bench.rounds(1))
    for _ in range(1000):
        await asyncio.sleep(0)
    meanwhile = len(bench.uplink.sent)
    bench.outbox.full = 0
    await going

    assert meanwhile < 12
    assert bench.outbox.states()[:meanwhile] == ["settled"] * meanwhile


async def test_many_receipts_that_wait_for_space_are_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench, _ = gathering(*(weight(number) for number in range(3)))
    bench.outbox.full = 9

    await bench.rounds(1)

    assert bench.outbox.states() == ["settled"] * 3
    assert caplog.text.count("cannot be kept yet") == 1


async def test_a_journal_that_cannot_claim_is_asked_again_later() -> None:
    bench = Bench(weight())
    bench.outbox.broken = True

    await bench.rounds(1)
    problem = bench.route.problem
    bench.outbox.broken = False
    await bench.rounds(1)

    assert problem == "Nothing can be sent: the journal is damaged."
    assert bench.route.problem is None
    assert bench.timer.waits == [10]
    assert bench.outbox.states() == ["settled"]


async def test_an_outcome_the_journal_has_no_place_for_stops_nobody() -> None:
    bench = Bench(weight(1), weight(1, BOB))
    gate = bench.uplink.gates[weight(1).id] = asyncio.Event()
    sending = asyncio.create_task(bench.route.round())
    await bench.uplink.started.wait()
    bench.outbox.row(weight(1)).state = "parked"
    gate.set()
    await sending

    assert bench.outbox.states() == ["parked", "settled"]


# --- a person's word --------------------------------------------------------------------------


async def test_a_withdrawal_lets_what_is_under_way_arrive_and_nothing_after_it() -> None:
    bench = Bench(weight(1), weight(2))
    gate = bench.uplink.gates[weight(1).id] = asyncio.Event()
    sending = asyncio.create_task(bench.route.round())
    await bench.uplink.started.wait()

    bench.outbox.withdraw(ALICE)
    stopping = asyncio.create_task(bench.route.quiesce(ALICE, timedelta(minutes=1)))
    await asyncio.sleep(0)
    gate.set()
    left = await stopping

    assert left == Left(arrived=(weight(1).id,))
    await sending
    assert bench.uplink.sent == [weight(1).id]
    assert bench.outbox.states() == ["settled", "dropped"]


async def test_a_withdrawal_cuts_off_what_takes_too_long() -> None:
    bench = Bench(weight(1), weight(2))
    bench.uplink.gates[weight(1).id] = asyncio.Event()
    sending = asyncio.create_task(bench.route.round())
    await bench.uplink.started.wait()

    bench.outbox.withdraw(ALICE)
    left = await bench.route.quiesce(ALICE, timedelta(0))

    assert left == Left(unknown=(weight(1).id,))
    assert bench.uplink.under_way == set()
    await sending
    assert bench.uplink.sent == [weight(1).id]


async def test_a_withdrawal_during_a_claim_stops_what_was_claimed_before_it() -> None:
    bench = Bench(weight(1))
    decided, hand_over = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        decided.set()
        await hand_over.wait()

    bench.outbox.before_claim_returns = slowly
    sending = asyncio.create_task(bench.route.round())
    await decided.wait()
    bench.outbox.withdraw(ALICE)
    stopping = asyncio.create_task(bench.route.quiesce(ALICE, timedelta(0)))
    await asyncio.sleep(0)
    hand_over.set()

    assert await stopping == Left()
    await sending
    assert bench.uplink.sent == []


async def test_a_withdrawal_stops_one_person_only() -> None:
    bench = Bench(weight(1), weight(1, BOB), weight(2, BOB))
    bench.uplink.gates[weight(1).id] = asyncio.Event()
    gate = bench.uplink.gates[weight(1, BOB).id] = asyncio.Event()
    sending = asyncio.create_task(bench.route.round())
    await bench.uplink.started.wait()

    bench.outbox.withdraw(ALICE)
    await bench.route.quiesce(ALICE, timedelta(0))
    gate.set()
    await sending

    assert bench.outbox.row(weight(2, BOB)).state == "settled"


async def test_two_who_withdraw_at_once_both_learn_what_left() -> None:
    bench = Bench(weight(1))
    bench.uplink.gates[weight(1).id] = asyncio.Event()
    sending = asyncio.create_task(bench.route.round())
    await bench.uplink.started.wait()

    bench.outbox.withdraw(ALICE)
    both = await asyncio.gather(*(bench.route.quiesce(ALICE, timedelta(0)) for _ in range(2)))
    await sending

    assert both == [Left(unknown=(weight(1).id,))] * 2


async def test_who_withdraws_again_waits_no_longer() -> None:
    bench = Bench(weight(1))
    bench.uplink.gates[weight(1).id] = asyncio.Event()
    sending = asyncio.create_task(bench.route.round())
    await bench.uplink.started.wait()

    bench.outbox.withdraw(ALICE)
    within = (timedelta(0), timedelta(days=1))
    async with asyncio.timeout(10):
        both = await asyncio.gather(*(bench.route.quiesce(ALICE, each) for each in within))
    await sending

    assert both == [Left(unknown=(weight(1).id,))] * 2


async def test_what_arrived_before_did_not_leave_at_the_withdrawal() -> None:
    bench = Bench(weight(1), weight(2))
    gate, then = asyncio.Event(), asyncio.Event()
    bench.uplink.gates.update({weight(1).id: gate, weight(2).id: then})
    bench.uplink.does(weight(2), offline())
    sending = asyncio.create_task(bench.route.round())
    await bench.uplink.started.wait()
    bench.uplink.started.clear()
    gate.set()
    await bench.uplink.started.wait()

    bench.outbox.withdraw(ALICE)
    stopping = asyncio.create_task(bench.route.quiesce(ALICE, timedelta(minutes=1)))
    await asyncio.sleep(0)
    then.set()

    assert await stopping == Left()
    await sending


async def test_a_new_grant_lets_the_next_batch_go() -> None:
    bench = Bench(weight(1))
    bench.outbox.withdraw(ALICE)
    assert await bench.route.quiesce(ALICE, timedelta(0)) == Left()

    bench.outbox.ledger.append(bench.outbox.ledger[0])
    bench.outbox.add(weight(2))
    await bench.rounds(1)

    assert bench.uplink.sent == [weight(2).id]


async def test_what_has_waited_long_since_it_was_claimed_is_decided_anew() -> None:
    bench = Bench(weight(1), weight(2))
    gate = bench.uplink.gates[weight(1).id] = asyncio.Event()
    sending = asyncio.create_task(bench.route.round())
    await bench.uplink.started.wait()

    bench.clock.advance(61)
    bench.outbox.ledger.clear()
    gate.set()
    await sending
    await bench.rounds(1)

    assert bench.uplink.sent == [weight(1).id]
    assert bench.outbox.row(weight(2)).state == "withheld"


# --- the end ----------------------------------------------------------------------------------


async def test_a_stop_leaves_what_was_under_way_unsettled_and_the_rest_due() -> None:
    bench = Bench(weight(1), weight(2))
    bench.uplink.gates[weight(1).id] = asyncio.Event()
    running = asyncio.create_task(bench.route.run())
    await bench.uplink.started.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    first, second = (bench.outbox.row(weight(number)) for number in (1, 2))
    assert (first.state, first.unsettled) == ("due", True)
    assert (second.state, second.unsettled) == ("due", False)


TROUBLES: dict[str, Callable[[], Exception]] = {
    "lost before": lambda: OutcomeUnknown("Lost."),
    "lost after": lambda: Answered("Lost."),
    "offline": offline,
    "asks to wait": lambda: offline(20),
    "unpaired": lambda: UplinkUnauthorised("Pair."),
    "bug": lambda: ZeroDivisionError("oops"),
}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([ALICE, BOB]),
            st.lists(st.sampled_from(sorted(TROUBLES)), max_size=4),
            st.lists(st.sampled_from(["lost before", "offline", "unpaired"]), max_size=3),
        ),
        max_size=6,
    ),
    st.sampled_from([ScriptedUplink, GatheringUplink]),
)
def test_whatever_happens_on_the_way_everything_arrives_exactly_once(
    story: Sequence[tuple[SubjectId, list[str], list[str]]],
    uplink: type[ScriptedUplink],
) -> None:
    async def tell() -> Bench:
        entries = [weight(number, subject) for number, (subject, *_) in enumerate(story)]
        bench = Bench(*entries, max_concurrent=2, uplink=uplink())
        for each, (_, sending, searching) in zip(entries, story, strict=True):
            bench.uplink.does(each, *(TROUBLES[name]() for name in sending))
            bench.uplink.search_script[each.id].extend(TROUBLES[name]() for name in searching)
        await bench.until_quiet(500)
        return bench

    bench = asyncio.run(tell())

    assert set(bench.outbox.states()) <= {"settled"}
    assert sorted(bench.uplink.there) == sorted(bench.outbox.rows)
