"""Mean and GMI of whole periods: when they are made, of what, and what late samples change."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.app.making import wanted
from gateway.collect.summaries import Summaries
from gateway.consent.gate import Released
from gateway.domain.device import DeviceId
from gateway.domain.reading import Kind, Measure
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.journal import backup
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.restoring import restore
from gateway.journal.retention import Expiry, Retention
from gateway.testing.clock import ManualClock
from tests.collect.wearing import MIDNIGHT, MORNING, PARIS, live_on, opened_days, worn
from tests.journal.making import SENSOR, grant, open_journal

MEAN, GMI = Kind.MEAN_INTERSTITIAL_GLUCOSE, Kind.GLUCOSE_MANAGEMENT_INDICATOR
ROUTES = {"mes": frozenset({MEAN, GMI})}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MORNING.astimezone(UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@dataclass
class Home:
    """A hub, and somebody who wears a sensor and has consented."""

    journal: Journal
    reader: Reader
    clock: ManualClock
    wearer: SubjectId
    kept: timedelta | None = None

    def __post_init__(self) -> None:
        asked = wanted(self.reader, self.clock, ROUTES)
        self.summaries = Summaries(self.journal, self.reader, self.clock, PARIS, asked, self.kept)

    async def worn(self, since: datetime, *args: Any, **given: Any) -> None:
        await worn(self.journal, since, *args, **given)

    async def run(self) -> None:
        """Let an hour pass, in which nothing came, and compute what is due."""
        self.clock.advance(3601)
        await self.summaries.make_due()

    async def live_on(self, days: int = 1) -> None:
        await live_on(self.journal, self.clock, days)

    def made(self, kind: Kind = MEAN) -> list[tuple[str, int, Decimal]]:
        """Day of the end, days and value of every summary, in order of recording."""
        number = Measure.GLUCOSE if kind is MEAN else Measure.GLUCOSE_MANAGEMENT_INDICATOR
        views = sorted(
            self.reader.entries(kind=kind, limit=100), key=lambda view: view.position.number
        )
        return [
            (
                view.entry.timing.measured_at.astimezone(PARIS).date().isoformat(),
                int(view.entry.reading.values[Measure.DAYS].value),
                view.entry.reading.values[number].value,
            )
            for view in views
        ]

    async def gap(self) -> None:
        """Seven days, of which two are missing in the middle."""
        await self.worn(MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=5))
        await self.worn(MIDNIGHT - timedelta(days=3))

    async def fill(self, mg_dl: str) -> None:
        await self.worn(MIDNIGHT - timedelta(days=5), MIDNIGHT - timedelta(days=3), mg_dl)

    async def made_and_sent(self) -> Released:
        """Let the one mean be made, and reach the health space."""
        await self.run()
        (sent,) = await self.journal.claim("mes", 10, self.clock.now().utc)
        await self.journal.settle(sent, Receipt("mes", "Observation/7", self.clock.now().utc))
        return sent

    async def all_are(self, other: SubjectId) -> None:
        """Say that every sample is another's."""
        which = {"subject": self.wearer, "kind": Kind.INTERSTITIAL_GLUCOSE}
        while samples := self.reader.entries(limit=300, **which):
            for sample in samples:
                await self.journal.reassign(sample.entry.id, other)


async def wearer_in(journal: Journal) -> SubjectId:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.assign(SENSOR.id, None, subject, MIDNIGHT - timedelta(days=400))
    await journal.record_grant(grant(subject))
    return subject


@pytest.fixture
async def empty(path: Path, clock: ManualClock) -> AsyncIterator[Home]:
    """Nobody lives there yet."""
    async with open_journal(path, clock, ROUTES) as journal:
        with Reader.open(path) as reader:
            yield Home(journal, reader, clock, SubjectId(""))


@pytest.fixture
async def home(empty: Home) -> Home:
    return replace(empty, wearer=await wearer_in(empty.journal))


async def test_a_fortnight_gives_the_means_of_7_and_14_days_and_a_gmi_of_14(home: Home) -> None:
    await home.worn(MIDNIGHT - timedelta(days=14), MIDNIGHT - timedelta(days=7), "100")
    await home.worn(MIDNIGHT - timedelta(days=7), mg_dl="200")

    await home.run()

    assert home.made() == [
        ("2026-03-14", 14, Decimal("150.0")),
        ("2026-03-14", 7, Decimal("200.0")),
    ]
    assert home.made(GMI) == [("2026-03-14", 14, Decimal("6.9"))]  # 3.31 + 0.02392 * 150
    released = await home.journal.claim("mes", 10, home.clock.now().utc)
    assert {each.subject for each in released} == {home.wearer}
    assert len(released) == 3


async def test_a_sensor_that_keeps_a_value_every_quarter_of_an_hour_is_summed_up_as_any_other(
    home: Home,
) -> None:
    quarter = timedelta(minutes=15)
    await home.worn(MIDNIGHT - timedelta(days=14), MIDNIGHT - timedelta(days=7), "200")
    await home.worn(MIDNIGHT - timedelta(days=7), mg_dl="100", every=quarter)

    await home.run()

    assert home.made() == [
        ("2026-03-14", 14, Decimal("150.0")),
        ("2026-03-14", 7, Decimal("100.0")),
    ]
    samples = [
        int(view.entry.reading.values[Measure.SAMPLES].value)
        for view in home.reader.entries(kind=MEAN, limit=2)
    ]
    assert sorted(samples) == [7 * 96, 7 * 96 + 7 * 288]


async def test_the_next_ones_are_made_when_their_period_is_over_and_never_twice(home: Home) -> None:
    await home.worn(MIDNIGHT - timedelta(days=7))

    for days in (1, 2, 3, 1):
        await home.run()
        await home.summaries.make_due()
        await home.live_on(days)
    await home.run()

    assert home.made() == [
        ("2026-03-14", 7, Decimal("150.0")),
        ("2026-03-17", 14, Decimal("150.0")),  # 70 % of fourteen days
        ("2026-03-21", 7, Decimal("150.0")),
    ]


async def test_the_last_moment_of_a_period_counts_in_it_and_its_first_in_the_one_before(
    home: Home,
) -> None:
    await home.worn(MIDNIGHT - timedelta(days=7, minutes=5))

    await home.run()

    (view,) = home.reader.entries(kind=MEAN)
    assert view.entry.reading.values[Measure.SAMPLES].value == 7 * 288


async def test_a_period_of_which_too_little_was_measured_waits_for_more(home: Home) -> None:
    await home.worn(MIDNIGHT - timedelta(days=4))
    await home.run()
    assert home.made() == []

    await home.live_on()
    await home.run()

    assert home.made() == [("2026-03-15", 7, Decimal("150.0"))]


async def test_nothing_is_made_in_the_middle_of_a_transfer(home: Home) -> None:
    await home.worn(MIDNIGHT - timedelta(days=5), mg_dl="100")
    await home.summaries.make_due()
    assert home.made() == []

    await home.worn(MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=5), "200")
    await home.run()

    assert [value for _, _, value in home.made()] == [Decimal("128.6")]


async def test_nothing_is_made_of_a_day_before_the_sensor_has_gone_past_its_midnight(
    home: Home,
) -> None:
    late = MIDNIGHT - timedelta(hours=2)
    await home.worn(MIDNIGHT - timedelta(days=2), late, "250")
    await home.worn(MIDNIGHT - timedelta(days=5.5), MIDNIGHT - timedelta(days=2), "150")

    await home.run()  # 5 days to this midnight, 4.5 to the one that was gone past
    assert home.made() == []

    await home.worn(late)
    await home.run()
    assert [(end, days) for end, days, _ in home.made()] == [("2026-03-14", 7)]


async def test_no_period_ends_after_today_where_samples_are_of_tomorrow(home: Home) -> None:
    """As where the hub's clock was a day ahead, and was set."""
    await home.worn(MIDNIGHT - timedelta(days=7), MORNING + timedelta(days=1))

    await home.run()

    assert [(end, days) for end, days, _ in home.made()] == [("2026-03-14", 7)]


async def test_a_reader_that_is_plugged_in_late_in_the_evening_once_a_week_is_summed_up(
    home: Home,
) -> None:
    """Its newest sample is of the day before by the time that all is known to be in."""
    quarter = timedelta(minutes=15)
    home.clock.advance((timedelta(hours=15) - quarter).total_seconds())  # a quarter to midnight
    for week in range(3):
        plugged_in = MIDNIGHT + timedelta(days=7 * week + 1) - quarter
        await home.worn(plugged_in - timedelta(days=7), plugged_in, every=quarter)
        for _ in range(4):
            home.clock.advance(timedelta(days=7).total_seconds() / 4)
            await home.summaries.make_due()

    weekly = [end for end, days, _ in home.made() if days == 7]
    assert weekly == ["2026-03-14", "2026-03-21", "2026-03-28"]
    assert [end for end, _, _ in home.made(GMI)] == ["2026-03-21"]


async def test_what_ended_weeks_ago_is_not_summed_up_for_who_consents_today(home: Home) -> None:
    await home.worn(MIDNIGHT - timedelta(days=30), MIDNIGHT - timedelta(days=8))

    await home.run()

    assert home.made() == []


async def test_a_period_of_too_little_is_opened_again_only_when_there_is_more(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wears a sensor now and then would else keep a small hub busy all day."""
    opened = opened_days(monkeypatch)
    await home.worn(MIDNIGHT - timedelta(days=4))
    await home.run()
    once = len(opened)

    await home.run()
    again = len(opened)
    await home.worn(MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=4))
    await home.run()

    assert (once > 0, again) == (True, once)
    assert home.made() == [("2026-03-14", 7, Decimal("150.0"))]


async def test_a_period_that_no_grant_covers_is_not_summed_up(empty: Home) -> None:
    subject = (await empty.journal.add_subject("Ada")).id
    await empty.journal.adopt(SENSOR.id, SENSOR.driver)
    await empty.journal.assign(SENSOR.id, None, subject, MIDNIGHT - timedelta(days=400))
    await empty.worn(MIDNIGHT - timedelta(days=8))
    await empty.run()
    assert empty.made() == []

    await empty.journal.record_grant(grant(subject, covers_from=MIDNIGHT - timedelta(days=6)))
    await empty.run()
    assert empty.made() == []
    await empty.live_on()
    await empty.run()

    assert [(end, days) for end, days, _ in empty.made()] == [("2026-03-15", 7)]


async def test_the_sum_is_filed_with_its_person_whoever_wore_the_sensor_before(empty: Home) -> None:
    ada, bo = [(await empty.journal.add_subject(name)).id for name in ("Ada", "Bo")]
    bos_last = SENSOR.model_copy(update={"id": DeviceId("ble:C0:FF:EE:00:00:03")})
    long_ago, changed_hands = MIDNIGHT - timedelta(days=400), MIDNIGHT + timedelta(hours=2)
    for device in (SENSOR, bos_last):
        await empty.journal.adopt(device.id, device.driver)
    await empty.journal.assign(bos_last.id, None, bo, long_ago)
    await empty.journal.assign(SENSOR.id, None, ada, long_ago, changed_hands)
    await empty.journal.assign(SENSOR.id, None, bo, changed_hands)
    await empty.journal.record_grant(grant(bo, "grant-2"))
    await empty.worn(MIDNIGHT - timedelta(days=7), MIDNIGHT, "150", bos_last)
    await empty.worn(MIDNIGHT - timedelta(days=1), mg_dl="300")

    await empty.run()

    (view,) = empty.reader.entries(kind=MEAN)
    assert (view.entry.subject, view.entry.device.id) == (bo, SENSOR.id)
    assert view.entry.reading.values[Measure.GLUCOSE].value == 150


# --- late samples -----------------------------------------------------------------------------


async def test_late_samples_mend_a_mean_that_has_not_left(home: Home) -> None:
    await home.gap()
    await home.run()

    await home.fill("220")
    await home.run()
    await home.summaries.make_due()

    released = await home.journal.claim("mes", 10, home.clock.now().utc)
    values = [each.delivery.entry.reading.values[Measure.GLUCOSE].value for each in released]
    assert values == [Decimal("170.0")]
    assert home.reader.corrections_owed() == []


async def test_of_samples_that_come_late_time_and_again_one_mean_is_left(home: Home) -> None:
    await home.gap()
    await home.run()
    for day in (5, 4):
        since = MIDNIGHT - timedelta(days=day)
        await home.worn(since, since + timedelta(days=1), "220")
        await home.run()

    released = await home.journal.claim("mes", 10, home.clock.now().utc)
    values = [each.delivery.entry.reading.values[Measure.GLUCOSE].value for each in released]
    assert values == [Decimal("170.0")]


async def test_late_samples_of_a_mean_that_left_send_nothing_and_owe_a_correction(
    home: Home,
) -> None:
    await home.gap()
    sent = await home.made_and_sent()

    await home.fill("220")
    await home.run()
    await home.summaries.make_due()

    assert await home.journal.claim("mes", 10, home.clock.now().utc) == []
    (owed,) = home.reader.corrections_owed()
    assert (owed.entry, owed.wrong) == (sent.delivery.entry.id, "value")


async def test_samples_that_expired_take_nothing_from_a_mean_that_they_were_counted_in(
    home: Home,
) -> None:
    kept = timedelta(days=5)
    home = replace(home, kept=kept)
    await home.worn(MIDNIGHT - timedelta(days=3), mg_dl="200")
    await home.live_on(days=4)
    for _ in range(2):  # made, and looked at once
        await home.run()
    before = home.made()
    assert [days for _, days, _ in before] == [7]
    home.clock.advance(2 * 86400)

    expired = await home.journal.expire(Retention(undelivered=kept), home.clock.now().utc)
    await home.worn(MORNING + timedelta(days=4), home.clock.now().utc)
    await home.run()

    assert expired[Expiry.UNDELIVERED] > 400
    assert [each for each in home.made() if each[0] == before[0][0]] == before
    assert home.reader.corrections_owed() == []


async def test_samples_that_come_while_a_mean_is_on_its_way_are_counted_once_it_has_arrived(
    home: Home,
) -> None:
    await home.gap()
    await home.run()
    (sending,) = await home.journal.claim("mes", 10, home.clock.now().utc)

    await home.fill("220")
    await home.run()
    meanwhile = home.made()
    await home.journal.settle(sending, Receipt("mes", "Observation/7", home.clock.now().utc))
    await home.run()

    (owed,) = home.reader.corrections_owed()
    assert owed.entry == sending.delivery.entry.id
    assert home.made() == meanwhile


async def test_a_hub_that_does_not_know_the_time_counts_nothing_again(home: Home) -> None:
    """By its clock of 1970 nothing expires: what has would be taken for somebody else's."""
    kept = timedelta(days=8)
    home = replace(home, kept=kept)
    await home.gap()
    await home.made_and_sent()
    await home.summaries.make_due()
    home.clock.advance(8 * 86400)
    for _ in range(4):  # so many at a time
        await home.journal.expire(Retention(undelivered=kept), home.clock.now().utc)
    home.clock.step(datetime(1970, 1, 2, tzinfo=UTC) - home.clock.now().utc)
    home.clock.trusted = False

    await home.run()

    assert home.reader.corrections_owed() == []


async def test_a_mean_that_may_have_arrived_is_contradicted_by_no_second_sensor(home: Home) -> None:
    await home.worn(MIDNIGHT - timedelta(days=7))
    await home.run()
    (sent,) = await home.journal.claim("mes", 10, home.clock.now().utc)
    await home.journal.unsettle(sent, home.clock.now().utc, "the answer was lost")

    second = SENSOR.model_copy(update={"id": DeviceId("usb:reader")})
    await home.journal.adopt(second.id, second.driver)
    await home.journal.assign(second.id, None, home.wearer, MIDNIGHT - timedelta(days=400))
    await home.worn(MIDNIGHT - timedelta(days=7), mg_dl="100", device=second)
    await home.run()

    assert home.reader.corrections_owed() == []
    assert [value for _, _, value in home.made()] == [Decimal("150.0")]


async def test_late_samples_are_counted_once_all_of_them_are_there(home: Home) -> None:
    await home.gap()
    await home.run()

    await home.worn(MIDNIGHT - timedelta(days=4), MIDNIGHT - timedelta(days=3), "220")
    await home.summaries.make_due()
    await home.worn(MIDNIGHT - timedelta(days=5), MIDNIGHT - timedelta(days=4), "220")
    await home.run()

    assert [value for _, _, value in home.made()] == [Decimal("150.0"), Decimal("170.0")]


async def test_late_samples_that_change_no_digit_change_nothing(home: Home) -> None:
    await home.gap()
    await home.made_and_sent()

    await home.fill("150")
    await home.run()

    assert home.reader.corrections_owed() == []
    assert len(home.made()) == 1


async def test_a_correction_that_was_made_is_not_owed_again_after_a_restart(home: Home) -> None:
    await home.gap()
    await home.made_and_sent()
    await home.fill("220")
    await home.run()
    (owed,) = home.reader.corrections_owed()
    await home.journal.correction_done(owed.number)

    started_again = replace(home)
    await started_again.run()

    assert home.reader.corrections_owed() == []


@pytest.mark.parametrize(("late", "owed"), [("164.7", 0), ("165", 1)])
async def test_a_mean_that_left_is_wrong_once_it_is_off_by_a_tenth_of_the_indicator(
    home: Home, late: str, owed: int
) -> None:
    await home.gap()
    await home.made_and_sent()

    await home.fill(late)  # two days of seven: 4.2 mg/dL, or 4.3
    await home.run()

    assert len(home.reader.corrections_owed()) == owed


async def test_samples_that_turn_out_to_be_another_persons_are_counted_no_more(home: Home) -> None:
    other = (await home.journal.add_subject("Bo")).id
    await home.worn(MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=1), "150")
    await home.worn(MIDNIGHT - timedelta(days=1), mg_dl="220")
    sent = await home.made_and_sent()
    await home.summaries.make_due()

    for sample in home.reader.entries(
        subject=home.wearer, limit=300, kind=Kind.INTERSTITIAL_GLUCOSE
    ):
        if sample.entry.timing.measured_at <= MIDNIGHT:
            await home.journal.reassign(sample.entry.id, other)
    await home.run()
    (owed,) = home.reader.corrections_owed()
    await home.journal.correction_done(owed.number)
    await home.run()

    assert (owed.entry, owed.wrong) == (sent.delivery.entry.id, "value")
    assert home.reader.corrections_owed() == []
    assert len(home.made()) == 1


async def test_a_mean_of_which_too_little_is_left_is_not_sent(home: Home) -> None:
    other = (await home.journal.add_subject("Bo")).id
    await home.worn(MIDNIGHT - timedelta(days=5), mg_dl="150")
    await home.run()
    assert len(home.made()) == 1
    await home.summaries.make_due()

    for sample in home.reader.entries(
        subject=home.wearer, limit=200, kind=Kind.INTERSTITIAL_GLUCOSE
    ):
        if sample.entry.timing.measured_at <= MIDNIGHT:
            await home.journal.reassign(sample.entry.id, other)
    await home.worn(MIDNIGHT - timedelta(days=5.1), MIDNIGHT - timedelta(days=5), "60")
    await home.run()

    assert len(home.made()) == 2
    assert await home.journal.claim("mes", 10, home.clock.now().utc) == []

    home.clock.advance(4 * 86400)  # and it keeps nobody from the next one
    await home.worn(MIDNIGHT, home.clock.now().utc, "100")
    await home.run()
    (released,) = await home.journal.claim("mes", 10, home.clock.now().utc)
    assert released.delivery.entry.reading.values[Measure.DAYS].value == 7


@pytest.mark.parametrize(("month", "hours"), [(3, 167), (10, 168)])
async def test_seven_days_are_no_more_than_seven_times_24_hours_when_the_clocks_change(
    home: Home, month: int, hours: int
) -> None:
    monday_after = {3: 30, 10: 26}[month]
    midnight = datetime(2026, month, monday_after, tzinfo=PARIS)
    home = replace(home, clock=ManualClock((midnight + timedelta(hours=9)).astimezone(UTC)))
    await home.worn(midnight - timedelta(days=8), home.clock.now().utc)

    await home.run()
    home.clock.advance(3601)
    await home.summaries.make_due()

    (view,) = home.reader.entries(kind=MEAN)
    assert view.entry.reading.values[Measure.SAMPLES].value == hours * 12
    assert view.entry.reading.period == timedelta(hours=hours)


@pytest.mark.parametrize(("month", "sunday"), [(3, 29), (10, 25)])
async def test_two_periods_have_no_hour_in_common_when_the_clocks_change(
    home: Home, month: int, sunday: int
) -> None:
    midnight = datetime(2026, month, sunday - 3, tzinfo=PARIS)
    home = replace(home, clock=ManualClock((midnight + timedelta(hours=9)).astimezone(UTC)))
    await home.worn(midnight - timedelta(days=8), home.clock.now().utc)

    await home.run()
    await home.live_on(days=7)
    await home.run()

    spans = [
        (entry.timing.measured_at - entry.reading.period, entry.timing.measured_at)
        for entry in (view.entry for view in home.reader.entries(kind=MEAN, limit=9))
        if entry.reading.values[Measure.DAYS].value == 7 and entry.reading.period is not None
    ]
    (_, first_ends), (second_begins, _) = sorted(spans)
    assert first_ends <= second_begins


async def test_a_second_sensor_that_is_read_once_a_week_owes_no_correction_of_what_was_sent(
    home: Home,
) -> None:
    """One over the air, out of reach during work, and a reader plugged in on each seventh day."""
    second = SENSOR.model_copy(update={"id": DeviceId("usb:reader")})
    await home.journal.adopt(second.id, second.driver)
    await home.journal.assign(second.id, None, home.wearer, MIDNIGHT - timedelta(days=400))
    sent: list[str] = []
    for day in range(1, 21):
        home.clock.advance(7 * 3600)
        at_home = home.clock.now().utc
        home.clock.advance(17 * 3600)
        now = home.clock.now().utc
        await home.worn(at_home, now, "150")
        await home.run()
        home.clock.advance(-3601)
        for each in await home.journal.claim("mes", 10, now):
            sent.append(each.delivery.entry.reading.kind)
            await home.journal.settle(each, Receipt("mes", "Observation/7", now))
        if day % 7 == 0:
            quarter = timedelta(minutes=15)
            await home.worn(now - timedelta(days=7), now, "140", second, quarter)
            await home.run()
            home.clock.advance(-3601)

    assert Counter(sent) == {MEAN: 3, GMI: 1}
    assert home.reader.corrections_owed() == []


async def test_a_mean_of_which_all_turns_out_to_be_anothers_is_not_sent(home: Home) -> None:
    other = (await home.journal.add_subject("Bo")).id
    await home.worn(MIDNIGHT - timedelta(days=5), mg_dl="150")
    await home.run()
    await home.summaries.make_due()
    assert len(home.made()) == 1

    await home.all_are(other)
    await home.run()

    assert await home.journal.claim("mes", 10, home.clock.now().utc) == []


async def test_a_mean_that_left_and_of_which_all_is_anothers_owes_a_correction(home: Home) -> None:
    other = (await home.journal.add_subject("Bo")).id
    await home.worn(MIDNIGHT - timedelta(days=5), mg_dl="150")
    sent = await home.made_and_sent()
    await home.summaries.make_due()
    home.clock.advance(timedelta(days=30).total_seconds())  # that it was Bo's is found out late

    await home.all_are(other)
    await home.run()

    (owed,) = home.reader.corrections_owed()
    assert (owed.entry, owed.wrong) == (sent.delivery.entry.id, "value")


async def test_after_a_restore_no_mean_overlaps_one_that_may_have_been_sent_since_the_backup(
    path: Path, clock: ManualClock
) -> None:
    async def lives(days: int, since: datetime | None = None) -> list[str]:
        async with open_journal(path, clock, ROUTES) as journal:
            with Reader.open(path) as reader:
                (subject,) = reader.subjects()
                home = Home(journal, reader, clock, subject.id)
                if since is not None:  # what the sensor still has
                    await home.worn(since, clock.now().utc)
                for _ in range(days):
                    await home.live_on()
                    await home.run()
                    clock.advance(-3601)
                return [end for end, length, _ in home.made() if length == 7]

    async with open_journal(path, clock, ROUTES) as journal:
        wearer = await wearer_in(journal)
        with Reader.open(path) as reader:
            await Home(journal, reader, clock, wearer).worn(MIDNIGHT - timedelta(days=7))
    backed_up = await lives(3)
    backed_up_at = clock.now().utc
    backup.write(path.with_name("backup"), b"phrase", path, {})
    sent = await lives(5)
    restore(path.with_name("backup"), b"phrase", path, clock, PARIS, ROUTES, consents_stand=True)
    after = await lives(16, backed_up_at)

    assert backed_up == ["2026-03-15"]
    assert sent == ["2026-03-15", "2026-03-22"]
    assert after == ["2026-03-15", "2026-03-29", "2026-04-05"]


async def test_whatever_else_is_to_be_done_has_its_turn_between_two_summaries_that_are_looked_at(
    home: Home,
) -> None:
    """To count the samples of months of summaries takes a small hub half a second."""
    await home.worn(MIDNIGHT - timedelta(days=14))
    await home.run()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await home.summaries.make_due()
    task.cancel()

    assert turns >= len(home.made()) + len(home.made(GMI)) == 3
