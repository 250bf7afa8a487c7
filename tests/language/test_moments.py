"""Moments are said and written as people do, where they live."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.language.moments import moment, written
from gateway.language.words import words

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("at", "french", "english"),
    [
        (NOW, "aujourd'hui à 10 h 26", "today at 10:26"),
        (NOW - timedelta(hours=11), "hier à 23 h 26", "yesterday at 23:26"),
        (NOW - timedelta(days=13), "le 1er mars à 10 h 26", "on 1 March at 10:26"),
        (NOW - timedelta(days=200), "le 26 août 2025 à 11 h 26", "on 26 August 2025 at 11:26"),
    ],
)
def test_a_moment_is_said_as_seen_from_now(at: datetime, french: str, english: str) -> None:
    told = [moment(at, NOW, PARIS, words(each)) for each in ("fr", "en")]

    assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in told] == [french, english]


@pytest.mark.parametrize(
    ("at", "zone", "french", "english"),
    [
        (
            NOW,
            "Europe/Paris",
            "14 mars 2026 à 10 h 26 (Europe/Paris, UTC+1)",
            "14 March 2026 at 10:26 (Europe/Paris, UTC+1)",
        ),
        (
            datetime(2026, 8, 1, 4, 5, tzinfo=UTC),
            "America/Cayenne",
            "1er août 2026 à 1 h 05 (America/Cayenne, UTC\N{MINUS SIGN}3)",
            "1 August 2026 at 1:05 (America/Cayenne, UTC\N{MINUS SIGN}3)",
        ),
        (
            datetime(2026, 1, 31, 20, 0, tzinfo=UTC),
            "Asia/Kolkata",
            "1er février 2026 à 1 h 30 (Asia/Kolkata, UTC+5:30)",
            "1 February 2026 at 1:30 (Asia/Kolkata, UTC+5:30)",
        ),
        (NOW, "UTC", "14 mars 2026 à 9 h 26 (UTC)", "14 March 2026 at 9:26 (UTC)"),
    ],
)
def test_a_moment_is_written_with_its_zone(
    at: datetime, zone: str, french: str, english: str
) -> None:
    told = [written(at, ZoneInfo(zone), words(each)) for each in ("fr", "en")]

    assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in told] == [french, english]


def test_the_two_hours_of_an_autumn_night_are_told_apart() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    told = {written(first + timedelta(hours=n), PARIS, words("fr")) for n in (0, 1)}

    assert len(told) == 2
