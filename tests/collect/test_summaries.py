"""Mean and GMI of whole periods: when they are made, of what, and what late samples change."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.app.making import wanted
from gateway.collect.summaries import Summaries
from gateway.consent.gate import Released
from gateway.domain.device import Device, DeviceId
from gateway.domain.reading import Kind, Measure
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.journal import backup
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.restoring import restore
from gateway.journal.retention import Expiry, Retention
from gateway.journal.views import Sample
from gateway.testing.clock import ManualClock
from tests.journal.making import SENSOR, glucose, grant, open_journal

PARIS = ZoneInfo("Europe/Paris")
MIDNIGHT = datetime(2026, 3, 14, tzinfo=PARIS)
MORNING = MIDNIGHT + timedelta(hours=9)
MEAN, GMI = Kind.MEAN_INTERSTITIAL_GLUCOSE, Kind.GLUCOSE_MANAGEMENT_INDICATOR
ROUTES = {"mes": frozenset({MEAN, GMI})}
SLOT = timedelta(minutes=5)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MORNING.astimezone(UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    async with open_journal(path, clock, ROUTES) as opened:
        yield opened


@pytest.fixture
def reader(journal: Journal, path: Path) -> Iterator[Reader]:
    with Reader.open(path) as opened:
        yield opened


@pytest.fixture
def summaries(journal: Journal, reader: Reader, clock: ManualClock) -> Summaries:
    return Summaries(journal, reader, clock, PARIS, wanted(reader, clock, ROUTES))


@pytest.fixture
async def wearer(journal: Journal) -> SubjectId:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.assign(SENSOR.id, None, subject, MIDNIGHT - timedelta(days=400))
    await journal.record_grant(grant(subject))
    return subject


def opened_days(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Return a list that grows whenever samples are opened, by where their time begins."""
    opened: list[datetime] = []
    glucose_of = Reader.glucose

    def counting(it: Reader, subject: SubjectId, since: datetime, until: datetime) -> list[Sample]:
        opened.append(since)
        return glucose_of(it, subject, since, until)

    monkeypatch.setattr(Reader, "glucose", counting)
    return opened


async def worn(
    journal: Journal,
    since: datetime,
    until: datetime = MORNING,
    mg_dl: str = "150",
    device: Device = SENSOR,
    every: timedelta = SLOT,
) -> None:
    """Samples without a gap, `since` left out and `until` not."""
    first, last = since.astimezone(UTC), until.astimezone(UTC)
    times = [first + every * n for n in range(1, (last - first) // every + 1)]
    made = [glucose(int(t.timestamp()), mg_dl, t) for t in times]
    of_it = [each.model_copy(update={"device": device.id}) for each in made]
    await journal.record(device, of_it)


async def run(summaries: Summaries, clock: ManualClock) -> None:
    """Let an hour pass, in which nothing came, and compute what is due."""
    clock.advance(3601)
    await summaries.make_due()


async def live_on(journal: Journal, clock: ManualClock, days: int = 1) -> None:
    """Let days pass with the sensor on the arm."""
    now = clock.now().utc
    clock.advance(days * 86400)
    await worn(journal, now, clock.now().utc)


def made(reader: Reader, kind: Kind = MEAN) -> list[tuple[str, int, Decimal]]:
    """Day of the end, days and value of every summary, in order of recording."""
    number = Measure.GLUCOSE if kind is MEAN else Measure.GLUCOSE_MANAGEMENT_INDICATOR
    views = sorted(reader.entries(kind=kind, limit=100), key=lambda view: view.position.number)
    return [
        (
            view.entry.timing.measured_at.astimezone(PARIS).date().isoformat(),
            int(view.entry.reading.values[Measure.DAYS].value),
            view.entry.reading.values[number].value,
        )
        for view in views
    ]


async def test_a_fortnight_gives_the_means_of_7_and_14_days_and_a_gmi_of_14(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await worn(journal, MIDNIGHT - timedelta(days=14), MIDNIGHT - timedelta(days=7), "100")
    await worn(journal, MIDNIGHT - timedelta(days=7), mg_dl="200")

    await run(summaries, clock)

    assert made(reader) == [
        ("2026-03-14", 14, Decimal("150.0")),
        ("2026-03-14", 7, Decimal("200.0")),
    ]
    assert made(reader, GMI) == [("2026-03-14", 14, Decimal("6.9"))]  # 3.31 + 0.02392 * 150
    released = await journal.claim("mes", 10, clock.now().utc)
    assert {each.subject for each in released} == {wearer}
    assert len(released) == 3


async def test_a_sensor_that_keeps_a_value_every_quarter_of_an_hour_is_summed_up_as_any_other(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    quarter = timedelta(minutes=15)
    await worn(journal, MIDNIGHT - timedelta(days=14), MIDNIGHT - timedelta(days=7), "200")
    await worn(journal, MIDNIGHT - timedelta(days=7), mg_dl="100", every=quarter)

    await run(summaries, clock)

    assert made(reader) == [
        ("2026-03-14", 14, Decimal("150.0")),
        ("2026-03-14", 7, Decimal("100.0")),
    ]
    samples = [
        int(view.entry.reading.values[Measure.SAMPLES].value)
        for view in reader.entries(kind=MEAN, limit=2)
    ]
    assert sorted(samples) == [7 * 96, 7 * 96 + 7 * 288]


async def test_the_next_ones_are_made_when_their_period_is_over_and_never_twice(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await worn(journal, MIDNIGHT - timedelta(days=7))

    for days in (1, 2, 3, 1):
        await run(summaries, clock)
        await summaries.make_due()
        await live_on(journal, clock, days)
    await run(summaries, clock)

    assert made(reader) == [
        ("2026-03-14", 7, Decimal("150.0")),
        ("2026-03-17", 14, Decimal("150.0")),  # 70 % of fourteen days
        ("2026-03-21", 7, Decimal("150.0")),
    ]


async def test_the_last_moment_of_a_period_counts_in_it_and_its_first_in_the_one_before(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await worn(journal, MIDNIGHT - timedelta(days=7, minutes=5))

    await run(summaries, clock)

    (view,) = reader.entries(kind=MEAN)
    assert view.entry.reading.values[Measure.SAMPLES].value == 7 * 288


async def test_a_period_of_which_too_little_was_measured_waits_for_more(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await worn(journal, MIDNIGHT - timedelta(days=4))
    await run(summaries, clock)
    assert made(reader) == []

    await live_on(journal, clock)
    await run(summaries, clock)

    assert made(reader) == [("2026-03-15", 7, Decimal("150.0"))]


async def test_nothing_is_made_in_the_middle_of_a_transfer(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await worn(journal, MIDNIGHT - timedelta(days=5), mg_dl="100")
    await summaries.make_due()
    assert made(reader) == []

    await worn(journal, MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=5), "200")
    await run(summaries, clock)

    assert [value for _, _, value in made(reader)] == [Decimal("128.6")]


async def test_nothing_is_made_of_a_day_before_the_sensor_has_gone_past_its_midnight(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    late = MIDNIGHT - timedelta(hours=2)
    await worn(journal, MIDNIGHT - timedelta(days=2), late, "250")
    await worn(journal, MIDNIGHT - timedelta(days=5.5), MIDNIGHT - timedelta(days=2), "150")

    await run(summaries, clock)  # 5 days to this midnight, 4.5 to the one that was gone past
    assert made(reader) == []

    await worn(journal, late)
    await run(summaries, clock)
    assert [(end, days) for end, days, _ in made(reader)] == [("2026-03-14", 7)]


async def test_no_period_ends_after_today_where_samples_are_of_tomorrow(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    """As where the hub's clock was a day ahead, and was set."""
    await worn(journal, MIDNIGHT - timedelta(days=7), MORNING + timedelta(days=1))

    await run(summaries, clock)

    assert [(end, days) for end, days, _ in made(reader)] == [("2026-03-14", 7)]


async def test_a_reader_that_is_plugged_in_late_in_the_evening_once_a_week_is_summed_up(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    """Its newest sample is of the day before by the time that all is known to be in."""
    quarter = timedelta(minutes=15)
    clock.advance((timedelta(hours=15) - quarter).total_seconds())  # a quarter to midnight
    for week in range(3):
        plugged_in = MIDNIGHT + timedelta(days=7 * week + 1) - quarter
        await worn(journal, plugged_in - timedelta(days=7), plugged_in, every=quarter)
        for _ in range(4):
            clock.advance(timedelta(days=7).total_seconds() / 4)
            await summaries.make_due()

    weekly = [end for end, days, _ in made(reader) if days == 7]
    assert weekly == ["2026-03-14", "2026-03-21", "2026-03-28"]
    assert [end for end, _, _ in made(reader, GMI)] == ["2026-03-21"]


async def test_what_ended_weeks_ago_is_not_summed_up_for_who_consents_today(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await worn(journal, MIDNIGHT - timedelta(days=30), MIDNIGHT - timedelta(days=8))

    await run(summaries, clock)

    assert made(reader) == []


async def test_a_period_of_too_little_is_opened_again_only_when_there_is_more(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever wears a sensor now and then would else keep a small hub busy all day."""
    opened = opened_days(monkeypatch)
    await worn(journal, MIDNIGHT - timedelta(days=4))
    await run(summaries, clock)
    once = len(opened)

    await run(summaries, clock)
    again = len(opened)
    await worn(journal, MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=4))
    await run(summaries, clock)

    assert (once > 0, again) == (True, once)
    assert made(reader) == [("2026-03-14", 7, Decimal("150.0"))]


async def test_a_period_that_no_grant_covers_is_not_summed_up(
    journal: Journal, reader: Reader, summaries: Summaries, clock: ManualClock
) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.assign(SENSOR.id, None, subject, MIDNIGHT - timedelta(days=400))
    await worn(journal, MIDNIGHT - timedelta(days=8))
    await run(summaries, clock)
    assert made(reader) == []

    await journal.record_grant(grant(subject, covers_from=MIDNIGHT - timedelta(days=6)))
    await run(summaries, clock)
    assert made(reader) == []
    await live_on(journal, clock)
    await run(summaries, clock)

    assert [(end, days) for end, days, _ in made(reader)] == [("2026-03-15", 7)]


async def test_the_sum_is_filed_with_its_person_whoever_wore_the_sensor_before(
    journal: Journal, reader: Reader, summaries: Summaries, clock: ManualClock
) -> None:
    ada, bo = [(await journal.add_subject(name)).id for name in ("Ada", "Bo")]
    bos_last = SENSOR.model_copy(update={"id": DeviceId("ble:C0:FF:EE:00:00:03")})
    long_ago, changed_hands = MIDNIGHT - timedelta(days=400), MIDNIGHT + timedelta(hours=2)
    for device in (SENSOR, bos_last):
        await journal.adopt(device.id, device.driver)
    await journal.assign(bos_last.id, None, bo, long_ago)
    await journal.assign(SENSOR.id, None, ada, long_ago, changed_hands)
    await journal.assign(SENSOR.id, None, bo, changed_hands)
    await journal.record_grant(grant(bo, "grant-2"))
    await worn(journal, MIDNIGHT - timedelta(days=7), MIDNIGHT, "150", bos_last)
    await worn(journal, MIDNIGHT - timedelta(days=1), mg_dl="300")

    await run(summaries, clock)

    (view,) = reader.entries(kind=MEAN)
    assert (view.entry.subject, view.entry.device.id) == (bo, SENSOR.id)
    assert view.entry.reading.values[Measure.GLUCOSE].value == 150


# --- late samples -----------------------------------------------------------------------------


async def gap(journal: Journal) -> None:
    """Seven days, of which two are missing in the middle."""
    await worn(journal, MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=5))
    await worn(journal, MIDNIGHT - timedelta(days=3))


async def fill(journal: Journal, mg_dl: str) -> None:
    await worn(journal, MIDNIGHT - timedelta(days=5), MIDNIGHT - timedelta(days=3), mg_dl)


async def test_late_samples_mend_a_mean_that_has_not_left(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await gap(journal)
    await run(summaries, clock)

    await fill(journal, "220")
    await run(summaries, clock)
    await summaries.make_due()

    released = await journal.claim("mes", 10, clock.now().utc)
    values = [each.delivery.entry.reading.values[Measure.GLUCOSE].value for each in released]
    assert values == [Decimal("170.0")]
    assert reader.corrections_owed() == []


async def test_of_samples_that_come_late_time_and_again_one_mean_is_left(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await gap(journal)
    await run(summaries, clock)
    for day in (5, 4):
        since = MIDNIGHT - timedelta(days=day)
        await worn(journal, since, since + timedelta(days=1), "220")
        await run(summaries, clock)

    released = await journal.claim("mes", 10, clock.now().utc)
    values = [each.delivery.entry.reading.values[Measure.GLUCOSE].value for each in released]
    assert values == [Decimal("170.0")]


async def made_and_sent(summaries: Summaries, journal: Journal, clock: ManualClock) -> Released:
    """Let the one mean be made, and reach the health space."""
    await run(summaries, clock)
    (sent,) = await journal.claim("mes", 10, clock.now().utc)
    await journal.settle(sent, Receipt("mes", "Observation/7", clock.now().utc))
    return sent


async def test_late_samples_of_a_mean_that_left_send_nothing_and_owe_a_correction(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await gap(journal)
    sent = await made_and_sent(summaries, journal, clock)

    await fill(journal, "220")
    await run(summaries, clock)
    await summaries.make_due()

    assert await journal.claim("mes", 10, clock.now().utc) == []
    (owed,) = reader.corrections_owed()
    assert (owed.entry, owed.wrong) == (sent.delivery.entry.id, "value")


@pytest.mark.usefixtures("wearer")
async def test_samples_that_expired_take_nothing_from_a_mean_that_they_were_counted_in(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    kept = timedelta(days=5)
    asked = wanted(reader, clock, ROUTES)
    summaries = Summaries(journal, reader, clock, PARIS, asked, kept)
    await worn(journal, MIDNIGHT - timedelta(days=3), mg_dl="200")
    await live_on(journal, clock, days=4)
    for _ in range(2):  # made, and looked at once
        await run(summaries, clock)
    before = made(reader)
    assert [days for _, days, _ in before] == [7]
    clock.advance(2 * 86400)

    expired = await journal.expire(Retention(undelivered=kept), clock.now().utc)
    await worn(journal, MORNING + timedelta(days=4), clock.now().utc)
    await run(summaries, clock)

    assert expired[Expiry.UNDELIVERED] > 400
    assert [each for each in made(reader) if each[0] == before[0][0]] == before
    assert reader.corrections_owed() == []


async def test_samples_that_come_while_a_mean_is_on_its_way_are_counted_once_it_has_arrived(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await gap(journal)
    await run(summaries, clock)
    (sending,) = await journal.claim("mes", 10, clock.now().utc)

    await fill(journal, "220")
    await run(summaries, clock)
    meanwhile = made(reader)
    await journal.settle(sending, Receipt("mes", "Observation/7", clock.now().utc))
    await run(summaries, clock)

    (owed,) = reader.corrections_owed()
    assert owed.entry == sending.delivery.entry.id
    assert made(reader) == meanwhile


async def test_a_hub_that_does_not_know_the_time_counts_nothing_again(
    journal: Journal, reader: Reader, clock: ManualClock, wearer: SubjectId
) -> None:
    """By its clock of 1970 nothing expires: what has would be taken for somebody else's."""
    asked, kept = wanted(reader, clock, ROUTES), timedelta(days=8)
    summaries = Summaries(journal, reader, clock, PARIS, asked, kept)
    await gap(journal)
    await made_and_sent(summaries, journal, clock)
    await summaries.make_due()
    clock.advance(8 * 86400)
    for _ in range(4):  # so many at a time
        await journal.expire(Retention(undelivered=kept), clock.now().utc)
    clock.step(datetime(1970, 1, 2, tzinfo=UTC) - clock.now().utc)
    clock.trusted = False

    await run(summaries, clock)

    assert reader.corrections_owed() == []


async def test_a_mean_that_may_have_arrived_is_contradicted_by_no_second_sensor(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await worn(journal, MIDNIGHT - timedelta(days=7))
    await run(summaries, clock)
    (sent,) = await journal.claim("mes", 10, clock.now().utc)
    await journal.unsettle(sent, clock.now().utc, "the answer was lost")

    second = SENSOR.model_copy(update={"id": DeviceId("usb:reader")})
    await journal.adopt(second.id, second.driver)
    await journal.assign(second.id, None, wearer, MIDNIGHT - timedelta(days=400))
    await worn(journal, MIDNIGHT - timedelta(days=7), mg_dl="100", device=second)
    await run(summaries, clock)

    assert reader.corrections_owed() == []
    assert [value for _, _, value in made(reader)] == [Decimal("150.0")]


async def test_late_samples_are_counted_once_all_of_them_are_there(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await gap(journal)
    await run(summaries, clock)

    await worn(journal, MIDNIGHT - timedelta(days=4), MIDNIGHT - timedelta(days=3), "220")
    await summaries.make_due()
    await worn(journal, MIDNIGHT - timedelta(days=5), MIDNIGHT - timedelta(days=4), "220")
    await run(summaries, clock)

    assert [value for _, _, value in made(reader)] == [Decimal("150.0"), Decimal("170.0")]


async def test_late_samples_that_change_no_digit_change_nothing(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await gap(journal)
    await made_and_sent(summaries, journal, clock)

    await fill(journal, "150")
    await run(summaries, clock)

    assert reader.corrections_owed() == []
    assert len(made(reader)) == 1


async def test_a_correction_that_was_made_is_not_owed_again_after_a_restart(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await gap(journal)
    await made_and_sent(summaries, journal, clock)
    await fill(journal, "220")
    await run(summaries, clock)
    (owed,) = reader.corrections_owed()
    await journal.correction_done(owed.number)

    started_again = Summaries(journal, reader, clock, PARIS, wanted(reader, clock, ROUTES))
    await run(started_again, clock)

    assert reader.corrections_owed() == []


@pytest.mark.parametrize(("late", "owed"), [("164.7", 0), ("165", 1)])
async def test_a_mean_that_left_is_wrong_once_it_is_off_by_a_tenth_of_the_indicator(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
    late: str,
    owed: int,
) -> None:
    await gap(journal)
    await made_and_sent(summaries, journal, clock)

    await fill(journal, late)  # two days of seven: 4.2 mg/dL, or 4.3
    await run(summaries, clock)

    assert len(reader.corrections_owed()) == owed


async def test_samples_that_turn_out_to_be_another_persons_are_counted_no_more(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    other = (await journal.add_subject("Bo")).id
    await worn(journal, MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=1), "150")
    await worn(journal, MIDNIGHT - timedelta(days=1), mg_dl="220")
    sent = await made_and_sent(summaries, journal, clock)
    await summaries.make_due()

    for sample in reader.entries(subject=wearer, limit=300, kind=Kind.INTERSTITIAL_GLUCOSE):
        if sample.entry.timing.measured_at <= MIDNIGHT:
            await journal.reassign(sample.entry.id, other)
    await run(summaries, clock)
    (owed,) = reader.corrections_owed()
    await journal.correction_done(owed.number)
    await run(summaries, clock)

    assert (owed.entry, owed.wrong) == (sent.delivery.entry.id, "value")
    assert reader.corrections_owed() == []
    assert len(made(reader)) == 1


async def test_a_mean_of_which_too_little_is_left_is_not_sent(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    other = (await journal.add_subject("Bo")).id
    await worn(journal, MIDNIGHT - timedelta(days=5), mg_dl="150")
    await run(summaries, clock)
    assert len(made(reader)) == 1
    await summaries.make_due()

    for sample in reader.entries(subject=wearer, limit=200, kind=Kind.INTERSTITIAL_GLUCOSE):
        if sample.entry.timing.measured_at <= MIDNIGHT:
            await journal.reassign(sample.entry.id, other)
    await worn(journal, MIDNIGHT - timedelta(days=5.1), MIDNIGHT - timedelta(days=5), "60")
    await run(summaries, clock)

    assert len(made(reader)) == 2
    assert await journal.claim("mes", 10, clock.now().utc) == []

    clock.advance(4 * 86400)  # and it keeps nobody from the next one
    await worn(journal, MIDNIGHT, clock.now().utc, "100")
    await run(summaries, clock)
    (released,) = await journal.claim("mes", 10, clock.now().utc)
    assert released.delivery.entry.reading.values[Measure.DAYS].value == 7


@pytest.mark.parametrize(("month", "hours"), [(3, 167), (10, 168)])
async def test_seven_days_are_no_more_than_seven_times_24_hours_when_the_clocks_change(
    month: int, hours: int, journal: Journal, reader: Reader, wearer: SubjectId
) -> None:
    monday_after = {3: 30, 10: 26}[month]
    midnight = datetime(2026, month, monday_after, tzinfo=PARIS)
    clock = ManualClock((midnight + timedelta(hours=9)).astimezone(UTC))
    summaries = Summaries(journal, reader, clock, PARIS, wanted(reader, clock, ROUTES))
    await worn(journal, midnight - timedelta(days=8), clock.now().utc)

    await run(summaries, clock)
    clock.advance(3601)
    await summaries.make_due()

    (view,) = reader.entries(kind=MEAN)
    assert view.entry.reading.values[Measure.SAMPLES].value == hours * 12
    assert view.entry.reading.period == timedelta(hours=hours)


@pytest.mark.parametrize(("month", "sunday"), [(3, 29), (10, 25)])
async def test_two_periods_have_no_hour_in_common_when_the_clocks_change(
    month: int, sunday: int, journal: Journal, reader: Reader, wearer: SubjectId
) -> None:
    midnight = datetime(2026, month, sunday - 3, tzinfo=PARIS)
    clock = ManualClock((midnight + timedelta(hours=9)).astimezone(UTC))
    summaries = Summaries(journal, reader, clock, PARIS, wanted(reader, clock, ROUTES))
    await worn(journal, midnight - timedelta(days=8), clock.now().utc)

    await run(summaries, clock)
    await live_on(journal, clock, days=7)
    await run(summaries, clock)

    spans = [
        (entry.timing.measured_at - entry.reading.period, entry.timing.measured_at)
        for entry in (view.entry for view in reader.entries(kind=MEAN, limit=9))
        if entry.reading.values[Measure.DAYS].value == 7 and entry.reading.period is not None
    ]
    (_, first_ends), (second_begins, _) = sorted(spans)
    assert first_ends <= second_begins


async def test_a_second_sensor_that_is_read_once_a_week_owes_no_correction_of_what_was_sent(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    """One over the air, out of reach during work, and a reader plugged in on each seventh day."""
    second = SENSOR.model_copy(update={"id": DeviceId("usb:reader")})
    await journal.adopt(second.id, second.driver)
    await journal.assign(second.id, None, wearer, MIDNIGHT - timedelta(days=400))
    sent: list[str] = []
    for day in range(1, 21):
        clock.advance(7 * 3600)
        at_home = clock.now().utc
        clock.advance(17 * 3600)
        now = clock.now().utc
        await worn(journal, at_home, now, "150")
        await run(summaries, clock)
        clock.advance(-3601)
        for each in await journal.claim("mes", 10, now):
            sent.append(each.delivery.entry.reading.kind)
            await journal.settle(each, Receipt("mes", "Observation/7", now))
        if day % 7 == 0:
            quarter = timedelta(minutes=15)
            await worn(journal, now - timedelta(days=7), now, "140", second, quarter)
            await run(summaries, clock)
            clock.advance(-3601)

    assert Counter(sent) == {MEAN: 3, GMI: 1}
    assert reader.corrections_owed() == []


async def test_a_mean_of_which_all_turns_out_to_be_anothers_is_not_sent(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    other = (await journal.add_subject("Bo")).id
    await worn(journal, MIDNIGHT - timedelta(days=5), mg_dl="150")
    await run(summaries, clock)
    await summaries.make_due()
    assert len(made(reader)) == 1

    await all_are_anothers(journal, reader, wearer, other)
    await run(summaries, clock)

    assert await journal.claim("mes", 10, clock.now().utc) == []


async def test_a_mean_that_left_and_of_which_all_is_taken_owes_a_correction(
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    other = (await journal.add_subject("Bo")).id
    await worn(journal, MIDNIGHT - timedelta(days=5), mg_dl="150")
    sent = await made_and_sent(summaries, journal, clock)
    await summaries.make_due()
    clock.advance(timedelta(days=30).total_seconds())  # that it was Bo's is found out late

    await all_are_anothers(journal, reader, wearer, other)
    await run(summaries, clock)

    (owed,) = reader.corrections_owed()
    assert (owed.entry, owed.wrong) == (sent.delivery.entry.id, "value")


async def all_are_anothers(
    journal: Journal, reader: Reader, wearer: SubjectId, other: SubjectId
) -> None:
    while samples := reader.entries(subject=wearer, limit=300, kind=Kind.INTERSTITIAL_GLUCOSE):
        for sample in samples:
            await journal.reassign(sample.entry.id, other)


async def test_after_a_restore_no_mean_overlaps_one_that_may_have_been_sent_since_the_backup(
    path: Path, clock: ManualClock
) -> None:
    async def lives(days: int, since: datetime | None = None) -> list[str]:
        async with open_journal(path, clock, ROUTES) as journal:
            with Reader.open(path) as reader:
                summaries = Summaries(journal, reader, clock, PARIS, wanted(reader, clock, ROUTES))
                if since is not None:  # what the sensor still has
                    await worn(journal, since, clock.now().utc)
                for _ in range(days):
                    await live_on(journal, clock)
                    clock.advance(3601)
                    await summaries.make_due()
                    clock.advance(-3601)
                return [end for end, length, _ in made(reader) if length == 7]

    async with open_journal(path, clock, ROUTES) as journal:
        subject = (await journal.add_subject("Ada")).id
        await journal.adopt(SENSOR.id, SENSOR.driver)
        await journal.assign(SENSOR.id, None, subject, MIDNIGHT - timedelta(days=400))
        await journal.record_grant(grant(subject))
        await worn(journal, MIDNIGHT - timedelta(days=7))
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
    journal: Journal,
    reader: Reader,
    summaries: Summaries,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    """To count the samples of months of summaries takes a small hub half a second."""
    await worn(journal, MIDNIGHT - timedelta(days=14))
    await run(summaries, clock)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await summaries.make_due()
    task.cancel()

    assert turns >= len(made(reader)) + len(made(reader, GMI)) == 3
