import asyncio
import shutil
import sqlite3
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import apsw

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.reading import WARM_UP, Kind, Limit, Quality
from gateway.domain.receipt import Receipt
from gateway.drivers.api import SERIAL, Frame
from gateway.errors import DecodeError
from gateway.journal import aside
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.states import State
from gateway.journal.views import Sample
from gateway.testing.clock import START, ManualClock
from tests.journal.making import (
    LONG_AGO,
    SCALE,
    SENSOR,
    consenting,
    glucose,
    grant,
    ketone,
    open_journal,
    weight,
    withdrawal,
)

FRAME = Frame(SERIAL, bytes.fromhex("02 41 03"), Instant(START, 1000.0, "test-boot"))


async def test_a_stopped_journal_is_read_without_writing_anything(path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
    before = {file: file.read_bytes() for file in path.parent.rglob("*.*")}

    with Reader.open(path) as reader:
        entries = reader.summary().entries

    assert entries == 1
    assert {file: file.read_bytes() for file in path.parent.rglob("*.*")} == before


async def test_a_crashed_journal_is_read_with_its_log(path: Path, tmp_path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
        shutil.copytree(path.parent, tmp_path / "crashed")

    with Reader.open(tmp_path / "crashed" / "journal.db") as reader:
        assert reader.summary().entries == 1


async def test_a_page_is_full_though_damaged_readings_are_left_out_of_it(
    journal: Journal, reader: Reader, path: Path
) -> None:
    await journal.record(SCALE, [weight(n, at=START - timedelta(hours=n)) for n in range(6)])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE entries SET payload = zeroblob(99) WHERE number IN (2, 3, 4)")
    other.close()

    page = reader.entries(limit=2)
    rest = reader.entries(limit=2, before=page[-1].position)

    assert [view.entry.reading.record for view in (*page, *rest)] == ["seq:0", "seq:4", "seq:5"]


async def test_damaged_links_of_the_chain_tell_nothing_and_hold_nothing_up(
    path: Path, journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    with sqlite3.connect(path) as other:
        other.execute("DROP TRIGGER audit_no_update")
        other.execute("UPDATE audit SET manifest = substr(manifest, 2)")
        for event in ("expired", "salvaged"):
            link = (event, '{"why": "because", "entries": {}}', bytes(32))
            other.execute("INSERT INTO audit VALUES (NULL, 0, ?, ?, ?)", link)
    other.close()

    assert [(event.name, event.detail) for event in reader.story(entry.id)] == [("recorded", None)]
    assert (reader.expired(subject), reader.salvaged()) == ([], [])
    assert reader.verify_against(None).fails_at == 1


async def test_under_which_grant_a_reading_left_is_told_whatever_the_clock_was_set_to(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    subject = await consenting(journal)
    left = {}
    for number, days in enumerate((-400, 1, -3, 900, -1)):
        await journal.record_withdrawal(withdrawal(subject, f"w{number}"))
        await journal.record_grant(grant(subject, f"g{number}"))
        (entry,) = await journal.record(SCALE, [weight(number)])
        clock.step(timedelta(days=days))
        (released,) = await journal.claim("mes", 1, clock.now().utc)
        clock.step(timedelta(days=-days // 2))
        await journal.settle(released, Receipt("mes", "Observation/1", clock.now().utc))
        left[entry.id] = {"mes": f"g{number}"}

    views = reader.entries()

    assert reader.released_under(views) == left
    assert all(reader.released_under([v]) == {v.entry.id: left[v.entry.id]} for v in views)


async def test_the_story_of_a_reading_tells_its_own_grant_or_why_it_was_held(
    journal: Journal, reader: Reader
) -> None:
    ada, bo = await consenting(journal, "1"), await consenting(journal, "2")
    entries = await journal.record(SCALE, [weight(1, slot="1"), weight(2, slot="2"), weight(3)])
    released = await journal.claim("mes", 3, START)
    await journal.retry_at(released[0], START, "503")

    views = reader.entries()
    told = [[(e.name, e.detail) for e in reader.story(entry.id)][1:] for entry in entries]

    assert told == [
        [("released", f"grant-of-{ada}"), ("postponed", None)],
        [("released", f"grant-of-{bo}")],
        [("withheld", "unclaimed")],
    ]
    under = reader.released_under(views)
    assert [under[entry.id] for entry in entries] == [
        {"mes": f"grant-of-{ada}"},
        {"mes": f"grant-of-{bo}"},
        {},
    ]


async def test_a_number_of_the_log_is_that_of_a_device_that_is_shown(
    journal: Journal, reader: Reader
) -> None:
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.adopt(SCALE.id, SCALE.driver)

    shown = {view.device.id: view.number for view in reader.devices()}

    assert reader.number_of(SCALE.id) == shown[SCALE.id] != shown[SENSOR.id]
    assert reader.number_of(DeviceId("ble:C0:FF:EE:00:00:99")) is None


async def test_a_reader_sees_what_is_recorded_while_it_is_open(
    journal: Journal, reader: Reader
) -> None:
    before = reader.summary().entries

    await journal.record(SCALE, [weight(1)])

    assert (before, reader.summary().entries) == (0, 1)


async def test_entries_come_latest_first_page_by_page(journal: Journal, reader: Reader) -> None:
    moments = [START + timedelta(minutes=m) for m in (3, 1, 2, 2, 0)]
    await journal.record(SCALE, [weight(n, at=at) for n, at in enumerate(moments)])

    first = reader.entries(limit=2)
    second = reader.entries(limit=9, before=first[-1].position)

    assert [view.entry.reading.record for view in first] == ["seq:0", "seq:3"]
    assert [view.entry.reading.record for view in second] == ["seq:2", "seq:1", "seq:4"]


async def test_entries_can_be_those_of_one_person_or_kind_or_of_nobody(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    await journal.record(SCALE, [weight(1)])
    await journal.record(SENSOR, [glucose(1, "101", START)])

    def kinds(**only: object) -> list[Kind]:
        return [view.entry.reading.kind for view in reader.entries(**only)]  # type: ignore[arg-type]

    assert kinds(subject=subject) == [Kind.WEIGHT]
    assert kinds(unclaimed=True) == [Kind.INTERSTITIAL_GLUCOSE]
    assert kinds(kind=Kind.WEIGHT) == [Kind.WEIGHT]
    assert kinds(subject=subject, unclaimed=True) == []


async def test_those_of_a_kind_come_latest_first_page_by_page_whoever_they_are_of(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    await journal.record(SENSOR, [glucose(1, "101", START)])
    made = await journal.record(
        SCALE, [weight(n, at=START + timedelta(minutes=n // 2)) for n in range(6)]
    )
    await journal.reassign(made[1].id, odile)
    await journal.dismiss(made[2].id)

    pages = [reader.entries(limit=2, kind=Kind.WEIGHT)]
    while len(pages[-1]) == 2:
        pages.append(reader.entries(limit=2, kind=Kind.WEIGHT, before=pages[-1][-1].position))

    found = [view.entry.reading.record for page in pages for view in page]
    assert found == ["seq:5", "seq:4", "seq:3", "seq:2", "seq:1", "seq:0"]


async def test_whose_entries_are_asked_for_costs_the_same_however_many_others_there_are(
    journal: Journal, reader: Reader
) -> None:
    marcel = (await journal.add_subject("Marcel")).id
    odile = (await journal.add_subject("Odile")).id
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.assign(SENSOR.id, None, odile, LONG_AGO)
    steps: list[int] = []
    reader._db._connection.trace_v2(
        apsw.SQLITE_TRACE_PROFILE,
        lambda told: steps.append(told["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]),
    )
    taken = []
    for number in (5, 500):
        await journal.record(SENSOR, [glucose(each, 104, START) for each in range(number)])
        for asked in (
            {"subject": marcel},
            {"subject": marcel, "kind": Kind.WEIGHT},
            {"subject": odile, "kind": Kind.WEIGHT},
            {"kind": Kind.WEIGHT},
            {"unclaimed": True},
        ):
            steps.clear()
            assert reader.entries(**asked) == []  # type: ignore[arg-type]
            taken.append(sum(steps))

    assert taken[:5] == taken[5:]


async def test_what_is_parked_is_counted_without_a_look_at_what_arrived(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    steps: list[int] = []
    reader._db._connection.trace_v2(
        apsw.SQLITE_TRACE_PROFILE,
        lambda told: steps.append(told["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]),
    )
    taken = []
    for _ in range(2):
        entries = await journal.record(SCALE, [weight(len(taken) * 60 + n) for n in range(60)])
        for released in await journal.claim("mes", 60, START):
            if released.delivery.entry.id == entries[0].id:
                await journal.park(released, "it has no code there")
            else:
                await journal.settle(released, Receipt("mes", "there", START))
        steps.clear()
        parked = reader.parked()
        taken.append(sum(steps))

    assert [(each.state, each.reason, each.count) for each in parked] == [
        (State.PARKED, "it has no code there", 2)
    ]
    assert parked == [each for each in reader.delivery_counts() if each.state is State.PARKED]
    assert taken[1] - taken[0] < 60


async def test_an_entry_shows_how_it_stands_with_each_destination(
    path: Path, clock: ManualClock
) -> None:
    routes = {"mes": frozenset({Kind.WEIGHT}), "fhir": frozenset(Kind), "cgm": frozenset[Kind]()}
    async with open_journal(path, clock, routes) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])
        with Reader.open(path) as reader:
            (view,) = reader.entries()

    assert [(d.destination, d.state, d.reason) for d in view.deliveries] == [
        ("fhir", State.WITHHELD, "no_grant"),
        ("mes", State.DUE, None),
    ]


async def test_deliveries_are_counted_by_state_and_reason(journal: Journal, reader: Reader) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(1), weight(2, quality=Quality.CONTROL), weight(3)])
    await journal.claim("mes", 2, START)

    counts = {(c.state, c.reason): c.count for c in reader.delivery_counts()}

    assert counts == {(State.SENDING, None): 2, (State.WITHHELD, "not_reliable"): 1}


async def test_devices_tell_their_last_reading_and_what_was_set_aside(
    journal: Journal, reader: Reader
) -> None:
    later = START + timedelta(hours=1)
    await journal.record(SCALE, [weight(1, at=later), weight(2)])
    await journal.record(SCALE, [weight(3)])
    await journal.set_aside(SCALE, FRAME, DecodeError("odd length", FRAME.data, 2))
    await journal.remark(SCALE, "measurement_failed", FRAME)
    await journal.adopt(SENSOR.id, SENSOR.driver)

    scale, sensor = reader.devices()

    assert (scale.device, scale.adopted, scale.last_reading_at) == (SCALE, False, later)
    assert (scale.set_aside, scale.last_aside) == (1, "odd length")
    assert (scale.remarks, scale.last_remark) == (1, "measurement_failed")
    assert (sensor.last_aside, sensor.last_remark) == (None, None)
    assert (sensor.device.id, sensor.adopted, sensor.last_reading_at) == (SENSOR.id, True, None)
    assert [remark.event for remark in reader.remarks()] == ["measurement_failed"]


async def test_the_oldest_frames_set_aside_make_room_and_are_counted(
    journal: Journal, reader: Reader
) -> None:
    error = DecodeError("odd length", FRAME.data, 2)

    await asyncio.gather(
        *(journal.set_aside(SCALE, FRAME, error) for _ in range(aside.KEPT + 3)),
        *(journal.remark(SCALE, "low_battery") for _ in range(aside.KEPT + 2)),
        journal.set_aside(SENSOR, FRAME, error),
    )

    views = {view.device.id: view for view in reader.devices()}
    assert (views[SCALE.id].set_aside, views[SCALE.id].aside_dropped) == (aside.KEPT, 3)
    assert (views[SCALE.id].remarks, views[SCALE.id].remarks_dropped) == (aside.KEPT, 2)
    assert (views[SENSOR.id].set_aside, views[SENSOR.id].aside_dropped) == (1, 0)


async def test_a_device_keeps_what_it_said_before_and_leaves_out_now(journal: Journal) -> None:
    await journal.describe(SCALE.model_copy(update={"serial": "A1", "battery_percent": 80}))

    known = await journal.describe(SCALE.model_copy(update={"battery_percent": 79}))

    assert (known.serial, known.battery_percent, known.model) == ("A1", 79, "S1")


async def test_glucose_samples_lie_between_two_moments_and_are_reliable_and_none_is_ketone(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.assign(SENSOR.id, None, subject, LONG_AGO)
    minute = timedelta(minutes=5)
    doubtful = glucose(4, "400", START + minute)
    early = glucose(5, "250", START + minute)
    await journal.record(
        SENSOR,
        [
            glucose(3, None, START + 2 * minute, Limit.BELOW),
            glucose(1, "101.5", START),
            glucose(2, "103", START + 3 * minute),
            doubtful.model_copy(update={"quality": Quality.QUESTIONABLE}),
            early.model_copy(update={"flags": frozenset({WARM_UP})}),
            ketone(6, "3.1", START),
            ketone(7, "101.5", START + minute),
        ],
    )

    samples = reader.glucose(subject, START, START + 3 * minute)

    assert samples == [
        Sample(START, Decimal("101.5"), None, 2),
        Sample(START + 2 * minute, None, Limit.BELOW, 1),
    ]


async def test_people_their_assignments_consent_and_pairings_are_listed(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    await journal.set_pairing(subject, "mes", b"{}")

    assert [(s.id, s.label) for s in reader.subjects()] == [(subject, "Ada")]
    assert [(a.subject, a.slot) for a in reader.assignments()] == [(subject, None)]
    assert reader.ledger(subject) == (grant(subject, f"grant-of-{subject}"),)
    assert reader.refused(subject, "mes") is False
    assert reader.pairings(subject) == ["mes"]


async def test_a_pairing_is_kept_replaced_and_forgotten(journal: Journal) -> None:
    subject = (await journal.add_subject("Ada")).id
    before = await journal.pairing(subject, "mes")
    await journal.set_pairing(subject, "mes", b"old")
    await journal.set_pairing(subject, "mes", b"new")
    kept = await journal.pairing(subject, "mes")

    await journal.delete_pairing(subject, "mes")

    assert (before, kept, await journal.pairing(subject, "mes")) == (None, b"new", None)
