"""The plan leaves nothing out, and the sums fail when they should."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.chaos.accounts import Held, key_of_observation, key_of_reading, sums
from tests.chaos.diary import Diary
from tests.chaos.plan import Do, draw

AT = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
NAMES = {"p-1": "Lucie"}


def test_the_same_seed_draws_the_same_trouble() -> None:
    assert draw(5, 60) == draw(5, 60)
    assert draw(5, 60) != draw(6, 60)


@pytest.mark.parametrize("seconds", [25, 600])
def test_every_kind_of_trouble_is_in_every_plan_and_ends_before_the_run(seconds: float) -> None:
    plan = draw(5, seconds)

    faults = {(act.on, act.fault) for act in plan if act.do is Do.FAULT}
    assert {act.do for act in plan} == set(Do)
    assert {fault for on, fault in faults if on == "bundle"} >= {
        *("429", "500", "slow", "hang", "reset_after_commit", "reset_before_commit"),
        *("truncated_body", "expired_token"),
    }
    assert {act.number for act in plan if act.fault == "429"} == {0, 2}
    assert all(0 <= act.at_s <= seconds for act in plan)


def reading(number: int = 1, state: str = "settled", **more: Any) -> dict[str, Any]:
    way = {"destination": "mes", "state": state, "reason": more.get("reason"), "attempts": 1}
    return {
        "id": f"r-{number}",
        "subject": "p-1",
        "kind": "weight",
        "limit": None,
        "measured_at": (AT + timedelta(minutes=number)).isoformat(),
        "uncertainty_s": 2.0,
        "values": {"weight": {"value": "58.20", "unit": "kg"}},
        "deliveries": [way],
    }


def there(*readings: dict[str, Any]) -> Counter[Any]:
    return Counter(key_of_reading("Lucie", each) for each in readings)


def failing(diary: Diary, readings: list[Any], held: Counter[Any], **more: int) -> list[str]:
    found = sums("mes", readings, NAMES, diary, Held(held, **more))
    return [each.statement.strip() for each in found if not each.holds]


@pytest.fixture
def diary() -> Diary:
    written = Diary()
    written.granted("Lucie", "mes", AT)
    return written


def test_what_is_there_once_and_settled_adds_up(diary: Diary) -> None:
    assert failing(diary, [reading()], there(reading())) == []


def test_a_reading_that_did_not_arrive_shows(diary: Diary) -> None:
    assert failing(diary, [reading(state="due")], there()) == ["mes: consented readings"]
    assert "settled and not there" in failing(diary, [reading()], there())


def test_a_reading_that_arrived_twice_shows(diary: Diary) -> None:
    twice = there(reading(), reading())

    assert "there without consent" in failing(diary, [reading()], twice)
    assert failing(diary, [reading()], there(reading()), repeated=1) == ["there a second time"]


def test_what_no_grant_covered_shows() -> None:
    assert "there without consent" in failing(Diary(), [reading()], there(reading()))


def test_what_was_measured_before_the_grant_is_neither_owed_nor_allowed() -> None:
    diary = Diary()
    diary.granted("Lucie", "mes", AT + timedelta(minutes=1, seconds=1))

    assert failing(diary, [reading(1, "withheld", reason="before_grant")], there()) == []
    assert "there without consent" in failing(diary, [reading(1)], there(reading(1)))


def test_after_a_withdrawal_nothing_more_is_owed_and_what_was_there_may_stay(diary: Diary) -> None:
    diary.withdrew("Lucie", "mes", {"r-2"})
    kept, waiting = reading(1), reading(2, "dropped", reason="withdrawn")

    assert failing(diary, [kept, waiting], there(kept)) == []
    assert failing(diary, [kept], there(kept), after_withdrawal=1) == [
        "about people who had withdrawn"
    ]


def test_who_comes_back_is_owed_all_but_what_the_withdrawal_dropped(diary: Diary) -> None:
    diary.withdrew("Lucie", "mes", {"r-2"})
    diary.granted("Lucie", "mes", AT)
    dropped, held_back = reading(2, "dropped"), reading(3, "due")

    assert failing(diary, [dropped, held_back], there()) == ["mes: consented readings"]
    assert failing(diary, [dropped], there()) == []


def test_an_observation_is_named_like_the_reading_it_was_made_of() -> None:
    observation = {
        "code": {"coding": [{"code": "188736"}, {"code": "29463-7"}]},
        "effectiveDateTime": "2026-03-14T10:01:00+01:00",
        "valueQuantity": {"value": 58.2},
    }

    assert key_of_observation("Lucie", observation) == key_of_reading("Lucie", reading())
