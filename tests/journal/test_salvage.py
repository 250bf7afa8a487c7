"""A damaged journal is set aside; what can be read goes on, what cannot is counted and named."""

import asyncio
import random
import shutil
import sqlite3
import statistics
from itertools import count
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.kiosk import ClosedBy
from gateway.domain.reading import Kind
from gateway.domain.receipt import Receipt
from gateway.drivers.api import SERIAL, Frame
from gateway.errors import DecodeError, JournalError, JournalFull
from gateway.journal import carved_rows, writer
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.cutting import PowerCuts
from tests.journal.disk import Disk
from tests.journal.making import (
    EVERYTHING,
    LONG_AGO,
    SCALE,
    SENSOR,
    consenting,
    glucose,
    grant,
    open_journal,
    weight,
)

PAGE = 4096


async def _filled(path: Path, readings: int = 400) -> list[str]:
    async with open_journal(path) as journal:
        await consenting(journal)
        entries = await journal.record(SCALE, [weight(n) for n in range(readings)], "seq:399")
        for released in await journal.claim("mes", 5, START):
            await journal.park(released, "422")
    return [entry.id for entry in entries]


def _damage(path: Path, page: int) -> None:
    content = bytearray(path.read_bytes())
    content[page * PAGE : (page + 1) * PAGE] = random.Random(page).randbytes(PAGE)
    path.write_bytes(content)


def _lose(path: Path, *statements: str) -> None:
    """Let rows be gone, in a file in which a page that holds nothing is damaged."""
    with sqlite3.connect(path) as other:
        for statement in statements:
            other.execute(statement)
        (root,) = other.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'remarks_device'"
        ).fetchone()
    other.close()
    _damage(path, root - 1)


async def test_whichever_page_is_damaged_what_is_saved_and_what_is_lost_are_all(
    path: Path,
) -> None:
    ids = set(await _filled(path, readings=120))
    whole = path.read_bytes()
    saved = []
    for page in range(1, len(whole) // PAGE, 2):
        path.write_bytes(whole)
        _damage(path, page)

        async with open_journal(path) as journal:
            await journal.record(SCALE, [weight(9999)])
            with Reader.open(path) as reader:
                kept = {view.entry.id for view in reader.entries(limit=10**4)} & ids
                damaged = set(reader.damaged())
                salvaged = reader.salvaged()
                told = next(iter(ids)) in " ".join(link.manifest for link in reader.audit())
                chain_is_whole = reader.verify_against(None).whole

        lost = {entry for each in salvaged for entry in each.lost}
        if told and chain_is_whole:  # else the pages hit were the chain's own, or the schema's
            assert kept | damaged | lost == ids
        assert not kept & lost
        for each in salvaged:
            aside = path.parent / each.folder
            assert len((aside / path.name).read_bytes()) == len(whole)
            shutil.rmtree(aside)
        saved.append(len(kept))

    assert min(saved) < len(ids)
    assert statistics.median(saved) == len(ids)
    assert sum(count < 0.8 * len(ids) for count in saved) <= 0.15 * len(saved)


async def test_a_file_that_is_no_database_is_set_aside_and_the_hub_starts(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"not a database, but somebody's readings once" * 100)
    before = path.read_bytes()

    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])

    (aside,) = path.parent.glob("damaged-*/journal.db")
    assert aside.read_bytes() == before
    with Reader.open(path) as reader:
        assert reader.summary().entries == 1


async def test_a_turn_at_the_kiosk_has_a_number_of_its_own_though_the_audit_chain_is_lost(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        await journal.adopt(SCALE.id, SCALE.driver)
        ada = (await journal.add_subject("Ada")).id
        for _ in range(5):
            before = await journal.open_kiosk([SCALE.id], subject=ada)
            await journal.close_kiosk(ClosedBy.PERSON)
    _lose(path, "PRAGMA secure_delete = ON", "DROP TRIGGER audit_no_delete", "DELETE FROM audit")

    async with open_journal(path) as journal:
        session = await journal.open_kiosk([SCALE.id], subject=ada)

        with Reader.open(path) as reader:
            assert next(reader.audit()).event == "salvaged"
            assert [a.subject for a in reader.assignments(before.number)] == [ada]
    assert session.number == before.number + 1


async def test_a_salvaged_entry_whose_delivery_is_gone_is_searched_for_before_it_is_sent(
    path: Path,
) -> None:
    await _filled(path, readings=3)
    _lose(path, "DELETE FROM deliveries", "DELETE FROM timings WHERE entry = 2")

    async with open_journal(path) as journal:
        released = await journal.claim("mes", 10, START)

    assert [each.delivery.unsettled for each in released] == [True] * 3


async def test_only_the_delivery_that_is_gone_is_searched_for_and_only_where_its_kind_is_to_go(
    path: Path,
) -> None:
    routes = {"mes": frozenset({Kind.WEIGHT}), "fhir": EVERYTHING}
    async with open_journal(path, routes=routes) as journal:
        subject = await consenting(journal)
        await journal.record_grant(grant(subject, "for fhir", destination="fhir"))
        await journal.adopt(SENSOR.id, SENSOR.driver)
        await journal.assign(SENSOR.id, None, subject, LONG_AGO)
        await journal.record(SCALE, [weight(1), weight(2)])
        await journal.record(SENSOR, [glucose(3, "100", START)])
    _lose(path, "DELETE FROM deliveries WHERE destination = 'mes' AND entry = 2")

    async with open_journal(path, routes=routes) as journal:
        found = [
            (at, each.delivery.entry.reading.record, each.delivery.unsettled)
            for at in ("mes", "fhir")
            for each in await journal.claim(at, 10, START)
        ]

    assert sorted(found) == [
        *(("fhir", "seq:1", False), ("fhir", "seq:2", False), ("fhir", "seq:3", False)),
        *(("mes", "seq:1", False), ("mes", "seq:2", True)),
    ]


async def test_who_and_what_has_no_reading_yet_is_there_though_the_rows_that_name_them_are_gone(
    path: Path,
) -> None:
    """Their rows say of whom they are: without them the journal would be damaged again."""
    devices = [SCALE.model_copy(update={"id": DeviceId(f"serial:{n}")}) for n in range(4)]
    marked, remarked, assigned, misread = devices
    async with open_journal(path) as journal:
        ada, bo = [(await journal.add_subject(name)).id for name in ("Ada", "Bo")]
        await journal.record(marked, [], "seq:7")
        await journal.remark(remarked, "battery_low")
        await journal.adopt(assigned.id, assigned.driver)
        await journal.assign(assigned.id, None, ada, LONG_AGO)
        await journal.set_pairing(bo, "mes", b"secret")
        frame = Frame(SERIAL, b"?", Instant(START, 1000.0, "test-boot"))
        await journal.set_aside(misread, frame, DecodeError("too short", frame.data))
    _lose(path, "PRAGMA foreign_keys = OFF", "DELETE FROM devices", "DELETE FROM subjects")

    for _ in range(2):
        await open_journal(path).close()

    with Reader.open(path) as reader:
        assert len(reader.salvaged()) == 1
        assert [view.number for view in reader.devices()] == [1, 2, 3, 4]
        assert {subject.id for subject in reader.subjects()} == {ada, bo}


async def test_an_entry_that_cannot_be_read_and_has_lost_its_time_is_there_and_named(
    path: Path,
) -> None:
    ids = await _filled(path, readings=3)
    _lose(
        path,
        "UPDATE entries SET payload = zeroblob(length(payload)) WHERE number = 2",
        "DELETE FROM timings WHERE entry = 2",
    )

    async with open_journal(path):
        with Reader.open(path) as reader:
            assert [view.entry.id for view in reader.entries()] == [ids[2], ids[0]]
            assert reader.damaged() == [ids[1]]
            assert reader.salvaged()[0].lost == ()


async def test_entries_whose_times_are_gone_are_where_they_were(path: Path) -> None:
    clock = ManualClock()
    async with open_journal(path, clock) as journal:
        taken = []
        for number in range(4):
            clock.advance(3600)
            taken.append(weight(number).model_copy(update={"received": clock.now()}))
        for reading in reversed(taken):  # the latest came first
            await journal.record(SCALE, [reading])
        with Reader.open(path) as reader:
            before = reader.entries()
    _lose(path, "DELETE FROM timings WHERE entry IN (2, 3)")

    async with open_journal(path):
        with Reader.open(path) as reader:
            after = reader.entries()

    assert [(view.entry, view.position) for view in after] == [
        (view.entry, view.position) for view in before
    ]


def test_a_row_that_a_full_disk_refuses_is_not_left_out() -> None:
    class Full:
        def run(self, *_: object) -> int:
            raise JournalFull("No space left on device")

    table = carved_rows._Table("bookmarks", ("device", "mark"), (), numbered=False, sum=None)

    with pytest.raises(JournalFull):
        table.insert(Full(), (1, "seq:3"))  # type: ignore[arg-type]


async def test_a_lost_reading_that_its_device_gives_again_is_searched_for_before_it_is_sent(
    path: Path,
) -> None:
    await _filled(path, readings=3)
    _lose(path, "DELETE FROM entries WHERE number = 2")

    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(n) for n in range(3)])
        (released,) = await journal.claim("mes", 10, START)
        assert released.delivery.entry.reading.record == "seq:1"
        assert released.delivery.unsettled


async def test_of_two_entries_of_one_number_neither_has_what_was_kept_by_it(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
    other = path.parent.with_name("other")
    shutil.copytree(path.parent, other)
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
        (released,) = await journal.claim("mes", 1, START)
        await journal.settle(released, Receipt("mes", "Observation/1", START))
    async with open_journal(other / path.name) as journal:
        await journal.record(SCALE, [weight(2)])
    path.write_bytes(path.read_bytes() + (other / path.name).read_bytes())
    _damage(path, 0)

    async with open_journal(path) as journal:
        claimed = await journal.claim("mes", 10, START)

    found = {each.delivery.entry.reading.record: each.delivery.unsettled for each in claimed}
    assert found == {"seq:1": True, "seq:2": True}


async def test_who_was_erased_has_lost_nothing(path: Path) -> None:
    await _filled(path, readings=3)
    async with open_journal(path) as journal:
        with Reader.open(path) as reader:
            (subject,) = reader.subjects()
        await journal.erase(subject.id)
    _lose(path)

    await open_journal(path).close()

    with Reader.open(path) as reader:
        (salvage,) = reader.salvaged()
        assert (salvage.saved, salvage.lost) == (0, ())


def _damaged(path: Path) -> None:
    """Make a journal of three readings, of which one is in the log alone, and damage it."""
    asyncio.run(_filled(path, readings=2))
    live = path.parent.with_name("live")

    async def killed() -> None:
        async with open_journal(path) as journal:
            await journal.record(SCALE, [weight(2)])
            shutil.copytree(path.parent, live)

    asyncio.run(killed())
    shutil.rmtree(path.parent)
    live.rename(path.parent)
    _damage(path, 0)


@pytest.mark.parametrize("head", ["whole", "damaged"])
def test_what_is_left_in_the_log_of_before_its_last_folding_counts_no_more(
    path: Path, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    monkeypatch.setattr(writer, "_LOG_PAGES", 60)
    killed = path.parent.with_name("killed")

    async def until_killed() -> int:
        """Record until the log has begun anew for the third time; return how many were."""
        async with open_journal(path) as journal:
            await consenting(journal)
            begun: list[bytes] = []
            for recorded in count(1):
                await journal.record(SCALE, [weight(recorded)])
                salts = path.with_name("journal.db-wal").read_bytes()[16:24]
                if salts not in begun:
                    begun.append(salts)
                if len(begun) == 4:
                    shutil.copytree(path.parent, killed)
                    return recorded
        raise AssertionError

    recorded = asyncio.run(until_killed())
    whole = (killed / path.name).read_bytes()
    (killed / path.name).write_bytes(b"s" + whole[1:])  # so that the engine does not even try
    if head == "damaged":
        log = killed / "journal.db-wal"
        log.write_bytes(log.read_bytes()[:16] + bytes(8) + log.read_bytes()[24:])
    asyncio.run(open_journal(killed / path.name).close())

    with Reader.open(killed / path.name) as reader:
        assert reader.summary().entries == recorded
        (salvage,) = reader.salvaged()
        assert (salvage.lost, salvage.unsound) == ((), {})


def test_the_power_may_fail_at_any_moment_of_a_salvage(path: Path) -> None:
    _damaged(path)
    damage = path.read_bytes()[:PAGE]  # of the rest the engine may have folded in what the log adds
    with PowerCuts(path.parent) as cuts:
        asyncio.run(open_journal(path).close())
        cuts.acknowledged()

    for cut in cuts.all:
        cut.lay(path.parent)
        asyncio.run(open_journal(path).close())
        with Reader.open(path) as reader:
            assert reader.summary().entries == 3, cut
            assert len(reader.salvaged()) == 1, cut
        (aside,) = path.parent.glob("damaged-*")
        assert (aside / path.name).read_bytes()[:PAGE] == damage, cut
        assert not list(path.parent.glob("being-made-*"))

    assert len(cuts.all) > 20


def test_a_salvage_for_which_there_is_no_room_changes_nothing_and_is_made_later(
    path: Path,
) -> None:
    asyncio.run(_filled(path, readings=3))
    _damage(path, 0)
    before = path.read_bytes()
    refused = 0
    with Disk() as disk:
        for room in count(0, 7):
            disk.fail(after=room, times=10**6)
            try:
                asyncio.run(open_journal(path).close())
                break
            except JournalFull:
                refused += 1
                if path.read_bytes() == before:  # else it was salvaged, and is not yet ready
                    assert not list(path.parent.glob("damaged-*"))
            finally:
                disk.heal()

    assert refused > 20
    with Reader.open(path) as reader:
        assert (reader.summary().entries, len(reader.salvaged())) == (3, 1)


async def test_a_journal_of_a_newer_gateway_is_no_damage(path: Path) -> None:
    await _filled(path, readings=1)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 999")
    other.close()

    with pytest.raises(JournalError, match="newer gateway"):
        open_journal(path)

    assert not list(path.parent.glob("damaged-*"))
