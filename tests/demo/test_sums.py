"""The demonstration's sums fail when they should."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.demo.sums import arrival_sums, held_by_devices, journal_sums, spoken_into_the_void

AT = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)


def said(kg: str, device: str = "scale", at: datetime = AT) -> dict[str, Any]:
    return {
        "device": device,
        "kind": "weight",
        "values": {"weight": kg, "unit": "kg"},
        "measured_at": at.isoformat(),
        "slot": None,
    }


def kept(kg: str, state: str = "settled", subject: str = "p-1", **more: Any) -> dict[str, Any]:
    return {
        "device": "serial:scale",
        "kind": "weight",
        "slot": None,
        "limit": None,
        "values": {"weight": {"value": kg, "unit": "kg"}},
        "subject": subject,
        "deliveries": [{"destination": "mes", "state": state, "reason": more.get("reason")}],
    }


def failing(sums: list[Any]) -> list[str]:
    return [each.statement.strip() for each in sums if not each.holds]


def none() -> Any:
    return spoken_into_the_void([], (), [])


def test_equal_accounts_add_up_however_the_number_is_written() -> None:
    assert failing(journal_sums([said("72.40")], [kept("72.4")], none())) == []


def test_a_lost_reading_shows() -> None:
    sums = journal_sums([said("72.4"), said("73.0")], [kept("72.4")], none())

    assert "readings lost" in failing(sums)


def test_a_reading_kept_twice_shows() -> None:
    sums = journal_sums([said("72.4")], [kept("72.4"), kept("72.4")], none())

    assert "readings that no device produced, or twice in the journal" in failing(sums)


def test_a_changed_value_is_one_lost_and_one_invented() -> None:
    sums = journal_sums([said("72.4")], [kept("73.4")], none())

    assert len(failing(sums)) == 2


def test_only_a_push_only_device_at_the_moment_of_a_kill_is_excused() -> None:
    lines = [said("72.4"), said("73.0", at=AT - timedelta(seconds=9)), said("74.0", device="cuff")]

    void = spoken_into_the_void(lines, {"scale"}, [(AT, AT + timedelta(seconds=1))])
    sums = journal_sums(lines, [], void)

    assert void.total() == 1
    assert next(s for s in sums if s.statement == "readings lost").found == 2


def arrivals(readings: list[dict[str, Any]], accepted: int, **more: int) -> list[str]:
    there = {"accepted": accepted, "duplicates": more.get("duplicates", 0)}
    other = {"accepted": more.get("other", 0)}
    return failing(
        arrival_sums(readings, "mes", "p-1", "p-2", there, other, more.get("other_bytes", 0))
    )


def test_everything_owed_arrived_once() -> None:
    held = kept("80", "withheld", "p-2", reason="no_grant")
    doubtful = kept("300", "withheld", reason="not_reliable")

    assert arrivals([kept("72.4"), held, doubtful], accepted=1) == []


def test_a_reading_accepted_twice_shows() -> None:
    assert arrivals([kept("72.4")], accepted=2, duplicates=1) != []


def test_a_reading_that_never_arrived_shows() -> None:
    assert arrivals([kept("72.4", "due")], accepted=0) != []


def test_one_byte_of_the_other_person_shows() -> None:
    held = kept("80", "withheld", "p-2", reason="no_grant")

    assert arrivals([held], accepted=0, other_bytes=1) == ["bytes about them that reached it"]


def test_what_the_journal_lacks_is_still_in_the_device() -> None:
    assert held_by_devices([said("72.4"), said("73.0")], [kept("72.4")]) == [said("73.0")]
