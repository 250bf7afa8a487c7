"""What damage to single rows costs, and what it must never do."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.consent.grant import living
from gateway.domain.device import Device, DeviceId
from gateway.domain.kiosk import ClosedBy
from gateway.journal.database import row_sum
from gateway.journal.instants import to_us
from gateway.journal.reader import Reader
from gateway.journal.states import State
from gateway.testing.clock import START, ManualClock
from tests.journal.breaking import lose_table
from tests.journal.making import (
    EVERYTHING,
    SCALE,
    consenting,
    grant,
    open_journal,
    weight,
    withdrawal,
)

OTHER = Device(id=DeviceId("ble:C0:FF:EE:00:00:09"), driver="scale/test")


def _edit(path: Path, *statements: str) -> None:
    """Change rows as damage would that no sum shows."""
    with sqlite3.connect(path) as other:
        other.create_function("row_sum", -1, row_sum, deterministic=True)
        kept = other.execute(
            "SELECT 'DROP TRIGGER ' || name, sql FROM sqlite_schema WHERE name LIKE 'consent_no_%'"
        ).fetchall()
        made_by = [sql for _, sql in kept]
        for statement in (*(drop for drop, _ in kept), *statements, *made_by):
            other.execute(statement)
    other.close()


def _flip(path: Path, told: bytes) -> None:
    """Flip one bit of these bytes, which are in the file once."""
    content = path.read_bytes()
    assert content.count(told) == 1
    path.write_bytes(content.replace(told, bytes([told[0] ^ 1]) + told[1:]))


@pytest.mark.parametrize(
    "hurt",
    ["subject = 'p-nobody'", "destination = 'nowhere'", "event = 'grant'", "payload = x'00'"],
)
async def test_a_withdrawal_counts_after_the_next_start_whatever_became_of_its_row(
    path: Path, hurt: str
) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record_withdrawal(withdrawal(subject))
        await journal.record(SCALE, [weight(1)])
    _edit(path, f"UPDATE consent SET {hurt} WHERE event = 'withdrawal'")

    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(2)])
        released = await journal.claim("mes", 10, START)

    assert released == []


async def test_what_waited_when_a_withdrawal_was_lost_is_dropped_and_what_was_consented_to_is_not(
    path: Path,
) -> None:
    """The row of the withdrawal is gone, and with it that the deliveries had been dropped."""
    async with open_journal(path, routes={"mes": EVERYTHING, "fhir": EVERYTHING}) as journal:
        subject = await consenting(journal)
        await journal.record_grant(grant(subject, "for fhir", destination="fhir"))
        await journal.record(SCALE, [weight(1)])
        await journal.record_withdrawal(withdrawal(subject))
    _edit(
        path,
        "DELETE FROM consent WHERE event = 'withdrawal'",
        "UPDATE deliveries SET state = 'due', reason = NULL",
    )

    async with open_journal(path, routes={"mes": EVERYTHING, "fhir": EVERYTHING}) as journal:
        with Reader.open(path) as reader:
            (view,) = reader.entries()
        released = await journal.claim("fhir", 10, START)

    assert {each.destination: each.state for each in view.deliveries} == {
        "mes": State.DROPPED,
        "fhir": State.DUE,
    }
    assert len(released) == 1


async def test_who_was_erased_does_not_come_back_when_damage_takes_the_erasure(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record(SCALE, [weight(1)])
    before = path.read_bytes()
    async with open_journal(path) as journal:
        await journal.erase(subject)
    path.write_bytes(before)  # as a flipped bit in the log would have it

    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])

    with Reader.open(path) as reader:
        assert (reader.subjects(), reader.entries()) == ([], [])
        assert reader.verify_against(None).whole


async def test_a_damaged_pairing_is_none(path: Path) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.set_pairing(subject, "mes", b"secret")
    _edit(path, "UPDATE pairings SET secret = zeroblob(40)")

    async with open_journal(path) as journal:
        assert await journal.pairing(subject, "mes") is None


async def test_a_hub_starts_whose_person_withdrew_and_was_refused_there(path: Path) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record_withdrawal(withdrawal(subject))
        await journal.record_grant(grant(subject, "grant-anew"))
        await journal.record(SCALE, [weight(1)])
        (released,) = await journal.claim("mes", 1, START)
        await journal.refuse(released)

    await open_journal(path).close()

    with Reader.open(path) as reader:
        assert reader.refused(subject, "mes")


async def test_a_damaged_withdrawal_takes_nothing_from_a_grant_that_came_after_it(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record_withdrawal(withdrawal(subject))
        await journal.record_grant(grant(subject, "grant-anew"))
        await journal.record(SCALE, [weight(1)])
    _edit(path, "DELETE FROM consent WHERE event = 'withdrawal'")

    async with open_journal(path) as journal:
        released = await journal.claim("mes", 1, START)

    with Reader.open(path) as reader:
        alive = living(tuple(e for e in reader.ledger(subject) if e.destination == "mes"))
    assert [entry.id for entry in alive] == ["grant-anew"]
    assert [each.grant.id for each in released] == ["grant-anew"]


@pytest.mark.parametrize("table", ["keys", "spare_keys"])
async def test_a_damaged_key_costs_no_reading_and_is_kept_twice_again(
    path: Path, table: str
) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])
    _edit(path, f"UPDATE {table} SET wrapped = zeroblob(60)")

    await open_journal(path).close()
    _edit_other = "spare_keys" if table == "keys" else "keys"
    with sqlite3.connect(path) as other:
        other.execute(f"UPDATE {_edit_other} SET wrapped = zeroblob(60)")
    other.close()

    with Reader.open(path) as reader:
        assert len(reader.entries()) == 1


async def test_a_damaged_key_costs_nothing_in_a_file_that_is_salvaged_either(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])
    _edit(path, "UPDATE keys SET wrapped = zeroblob(60)")
    content = path.read_bytes()
    path.write_bytes(bytes(4096) + content[4096:])  # what describes the file is gone

    await open_journal(path).close()

    with Reader.open(path) as reader:
        assert len(reader.salvaged()) == len(reader.entries()) == 1


async def test_a_row_whose_parent_is_gone_is_damage_though_its_own_sum_is_right(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        (entry,) = await journal.record(SCALE, [weight(1)])
    _edit(path, "DELETE FROM subjects")

    await open_journal(path).close()

    with Reader.open(path) as reader:
        assert len(reader.salvaged()) == 1
        assert [view.entry.subject for view in reader.entries()] == [entry.subject]


async def test_devices_whose_rows_are_gone_are_known_again_by_their_readings(path: Path) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record(SCALE, [weight(1), weight(2)], "seq:2")
        await journal.record(OTHER, [weight(3, device=OTHER.id)])
    _edit(path, "UPDATE entries SET payload = zeroblob(99) WHERE number = 1")  # it tells nothing
    lose_table(path, "devices")

    async with open_journal(path) as journal:
        with Reader.open(path) as reader:
            known = [(view.device.id, view.device.driver) for view in reader.devices()]
        again = await journal.record(SCALE, [weight(2), weight(4)])
        others = await journal.record(OTHER, [weight(3, device=OTHER.id)])

    assert known == [(SCALE.id, SCALE.driver), (OTHER.id, "unknown")]
    assert [(entry.reading.record, entry.subject) for entry in again] == [("seq:4", subject)]
    assert others == []


async def test_a_flipped_bit_in_a_delivery_that_arrived_sends_nothing_again(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])
        (released,) = await journal.claim("mes", 1, START)
        await journal.park(released, "a reason to be hit")
    _flip(path, b"a reason to be hit")

    async with open_journal(path) as journal:
        (again,) = await journal.claim("mes", 1, START)

    assert again.delivery.unsettled
    with Reader.open(path) as reader:
        (salvage,) = reader.salvaged()
        assert salvage.unsound == {"deliveries": ["1"]}
        assert reader.summary().deliveries == {State.SENDING: 1}


@pytest.mark.parametrize("at", [*range(60, 64), *range(68, 72)])  # its version, and whose it is
async def test_a_flipped_bit_does_not_make_it_another_programs_nor_a_newer_gateways(
    path: Path, at: int
) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)

    await open_journal(path).close()

    with Reader.open(path) as reader:
        assert len(reader.entries()) == len(reader.salvaged()) == 1


async def test_an_entry_whose_latest_time_is_damaged_does_not_get_the_one_before_back(
    path: Path, clock: ManualClock
) -> None:
    async with open_journal(path, clock) as journal:
        await journal.hub_time_known(clock.now())
        await journal.record(SCALE, [weight(1)])
        clock.step(timedelta(hours=-1))  # it was an hour ahead
        await journal.hub_time_known(clock.now(), stepped=True)
    with Reader.open(path) as reader:
        (before,) = reader.entries()
    step = b"\x02" + to_us(before.entry.timing.measured_at).to_bytes(8, "big")
    _flip(path, step)

    await open_journal(path, clock).close()

    with Reader.open(path) as reader:
        (after,) = reader.entries()
        (salvage,) = reader.salvaged()
    assert salvage.unsound == {"timings": ["1"]}
    assert after.entry.timing == before.entry.timing


@pytest.mark.parametrize(
    "table",
    [
        *("devices", "subjects", "kiosk_sessions", "entries", "timings", "deliveries"),
        *("assignments", "consent", "audit", "bookmarks", "boots", "clocks", "pairings"),
    ],
)
async def test_what_was_salvaged_is_sound_at_the_next_start(path: Path, table: str) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.set_pairing(subject, "mes", b"secret")
        await journal.record(SCALE, [weight(n) for n in range(3)], "seq:2")
        await journal.remark(SCALE, "battery_low")
        await journal.adopt(OTHER.id, OTHER.driver)
        await journal.open_kiosk([OTHER.id], lasts=timedelta(minutes=5))
        await journal.close_kiosk(ClosedBy.PERSON)
        await journal.open_kiosk([OTHER.id], subject=subject)
    lose_table(path, table)

    for _ in range(2):
        await open_journal(path).close()

    assert len(list(path.parent.glob("damaged-*"))) == 1
