"""Sealed values open with their own key, in their own place, and not otherwise."""

import asyncio
import copy
import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import tzinfo
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalError, Unreadable
from gateway.journal import hub_key
from gateway.journal.database import Database, make_private
from gateway.journal.hub_key import HubKey
from gateway.journal.keys import NOBODY, Keyring
from gateway.journal.reader import Reader
from gateway.journal.rekeying import change_key_file, change_to_passphrase
from gateway.journal.schema import open_writer
from gateway.journal.sealing import define
from gateway.testing.clock import START, ManualClock
from tests.journal.cutting import PowerCuts
from tests.journal.making import SCALE, ZONE, consenting, open_journal, weight

ONE = HubKey(bytes(range(32)))
OTHER = HubKey(bytes(32))


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    def prepare(opened: Database) -> None:
        define(opened, lambda: [ONE])
        opened.define("address_of", lambda _destination: None)

    make_private(path)
    opened = open_writer(path, prepare)
    yield opened
    opened.close()


def test_what_is_sealed_opens_in_its_place_only(database: Database) -> None:
    keys = Keyring(database, [ONE])
    keys.make("p-ada")
    sealed = keys.seal("p-ada", b"81.375 kg", "entry 1")

    assert keys.open("p-ada", sealed, "entry 1") == b"81.375 kg"
    assert b"81.375" not in sealed
    for owner, place in (("p-ada", "entry 2"), (NOBODY, "entry 1")):
        with pytest.raises(Unreadable):
            keys.open(owner, sealed, place)


@pytest.mark.parametrize(
    ("content", "place"), [(b"64.125 kg", "entry 2"), (b"281.375 kg", "entry ")], ids=str
)
def test_what_runs_on_twice_from_one_moment_seals_nothing_under_the_nonce_of_another(
    content: bytes, place: str
) -> None:
    """A virtual machine that is resumed twice draws the same twice; two texts under one nonce would
    tell both to who has the disks of both."""
    once = _in_memory()
    once.seal(NOBODY, b"70.5 kg", "entry 1")
    twice = copy.copy(once)

    here = once.seal(NOBODY, b"81.375 kg", "entry 2")
    there = twice.seal(NOBODY, content, place)
    again = once.seal(NOBODY, b"81.375 kg", "entry 2")

    assert len({sealed[:12] for sealed in (here, there, again)}) == 3


@given(bit=st.integers(0, 8 * (12 + 9 + 16) - 1))
def test_any_flipped_bit_shows(bit: int) -> None:
    with_memory = _in_memory()
    sealed = bytearray(with_memory.seal(NOBODY, b"81.375 kg", "entry 1"))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(Unreadable):
        with_memory.open(NOBODY, bytes(sealed), "entry 1")


def test_a_destroyed_key_opens_nothing(database: Database) -> None:
    keys = Keyring(database, [ONE])
    keys.make("p-ada")
    sealed = keys.seal("p-ada", b"81.375 kg", "entry 1")

    keys.destroy("p-ada")

    with pytest.raises(Unreadable):
        keys.open("p-ada", sealed, "entry 1")


def test_another_hub_key_does_not_open_the_journal(database: Database) -> None:
    with pytest.raises(JournalError, match="does not open this journal"):
        Keyring(database, [OTHER])


def test_after_a_change_of_the_hub_key_only_the_new_one_opens(database: Database) -> None:
    keys = Keyring(database, [ONE])
    sealed = keys.seal(NOBODY, b"81.375 kg", "entry 1")

    keys.change_hub_key(OTHER)

    assert Keyring(database, [ONE, OTHER]).open(NOBODY, sealed, "entry 1") == b"81.375 kg"
    with pytest.raises(JournalError):
        Keyring(database, [ONE])


def test_whoever_is_given_another_key_seals_with_that(database: Database) -> None:
    keys = Keyring(database, [ONE])
    keys.make("p-ada")
    keys.seal("p-ada", b"before", "entry 1")

    keys.keep("p-ada", bytes(32))

    sealed = keys.seal("p-ada", b"81.375 kg", "entry 1")
    assert Keyring(database, [ONE]).open("p-ada", sealed, "entry 1") == b"81.375 kg"


def test_keys_that_were_forgotten_are_read_again(database: Database) -> None:
    keys = Keyring(database, [ONE])
    keys.make_missing()
    database.run("BEGIN")
    keys.keep(NOBODY, bytes(32))
    undone = keys.seal(NOBODY, b"81.375 kg", "entry 1")
    database.run("ROLLBACK")

    keys.forget()

    with pytest.raises(Unreadable):
        keys.open(NOBODY, undone, "entry 1")


@pytest.mark.parametrize("table", ["keys", "spare_keys"])
@pytest.mark.parametrize("damage", ["DELETE FROM {}", "UPDATE {} SET wrapped = zeroblob(60)"])
def test_one_of_the_two_places_of_a_key_is_enough_and_both_are_filled_again(
    database: Database, table: str, damage: str
) -> None:
    keys = Keyring(database, [ONE])
    keys.make_missing()
    sealed = keys.seal(NOBODY, b"81.375 kg", "entry 1")
    database.run(damage.format(table))

    Keyring(database, [ONE]).mend()
    other = {"keys": "spare_keys", "spare_keys": "keys"}[table]
    database.run(f"DELETE FROM {other}")

    assert Keyring(database, [ONE]).open(NOBODY, sealed, "entry 1") == b"81.375 kg"


def test_where_both_places_are_whole_none_is_written_again(database: Database) -> None:
    keys = Keyring(database, [ONE])
    keys.make_missing()
    before = database.rows("SELECT * FROM keys UNION ALL SELECT * FROM spare_keys")

    keys.mend()

    assert database.rows("SELECT * FROM keys UNION ALL SELECT * FROM spare_keys") == before


def test_a_passphrase_gives_the_same_key_in_every_release() -> None:
    """With another nobody could open what was sealed by it: RFC 9106, section 4, second choice."""
    key = hub_key.from_passphrase(b"correct horse", bytes(range(16)))

    assert key.secret.hex() == "577f1ff37e9a3e52c97d39f8e83891c1b73b0e87ffe0429cee8ede2fb005fe44"


def test_a_key_does_not_show_itself() -> None:
    assert "0102" not in repr(ONE)
    assert repr(ONE) == "HubKey()"


async def test_a_key_that_others_may_read_is_refused(path: Path) -> None:
    await open_journal(path).close()
    (path.parent / "keys" / "hub.key").chmod(0o640)

    with pytest.raises(JournalError, match=r"others may read the key.*chmod 600"):
        open_journal(path)


async def test_without_its_key_the_journal_says_so_and_makes_no_other(path: Path) -> None:
    await open_journal(path).close()
    shutil.rmtree(path.parent / "keys")

    with pytest.raises(JournalError, match="there is no key"):
        open_journal(path)

    assert not (path.parent / "keys").exists()


async def test_a_key_that_is_not_whole_is_refused(path: Path) -> None:
    await open_journal(path).close()
    place = path.parent / "keys" / "hub.key"
    place.write_bytes(place.read_bytes()[:-1])

    with pytest.raises(JournalError, match="not 32 bytes long"):
        open_journal(path)


async def test_a_key_that_is_given_is_changed_where_it_is_kept(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hub-key").write_bytes(ONE.secret)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    await open_journal(path).close()

    with pytest.raises(JournalError, match="not in a file"):
        change_key_file(path, ManualClock(), ZONE)


async def test_a_passphrase_that_cannot_be_read_is_said_in_a_sentence(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_journal(path).close()
    monkeypatch.setenv(hub_key.PASSPHRASE_FILE, str(tmp_path / "gone"))

    with pytest.raises(JournalError, match=r"cannot read the passphrase .*gone: No such file"):
        change_to_passphrase(path, ManualClock(), ZONE)


async def test_a_systemd_credential_comes_first(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "hub-key").write_bytes(ONE.secret)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))

    await open_journal(path).close()

    assert not (path.parent / "keys").exists()
    Reader.open(path, [ONE]).close()


async def test_a_passphrase_opens_the_journal_and_a_wrong_or_empty_one_does_not(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_text("correct horse\n")
    await open_journal(path).close()
    folder = hub_key.folder_of(path)
    with pytest.raises(JournalError, match=hub_key.PASSPHRASE_FILE):
        change_to_passphrase(path, ManualClock(), ZONE)
    monkeypatch.setenv(hub_key.PASSPHRASE_FILE, str(phrase))
    phrase.write_text("\n")
    with pytest.raises(JournalError, match="passphrase is empty"):
        change_to_passphrase(path, ManualClock(), ZONE)
    await open_journal(path).close()
    phrase.write_text("correct horse\n")

    change_to_passphrase(path, ManualClock(), ZONE)

    (salt,) = folder.iterdir()
    assert hub_key.find(folder) == [hub_key.from_passphrase(b"correct horse", salt.read_bytes())]
    await open_journal(path).close()
    phrase.write_text("battery staple\n")
    with pytest.raises(JournalError, match="does not open"):
        open_journal(path)


@pytest.mark.parametrize("wrapped", [False, True], ids=["before", "after"])
async def test_a_change_of_keys_that_is_cut_short_leaves_a_key_that_opens(
    path: Path, wrapped: bool
) -> None:
    await open_journal(path).close()
    folder = hub_key.folder_of(path)
    hub_key.prepare(folder, OTHER)
    if wrapped:
        opened = open_writer(path)
        Keyring(opened, hub_key.find(folder)).change_hub_key(OTHER)
        opened.close()

    await open_journal(path).close()

    (left,) = hub_key.find(folder)
    assert (left == OTHER) is wrapped


async def test_after_a_change_of_the_key_file_everything_still_opens_and_the_old_key_does_not(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
    (old,) = hub_key.find(hub_key.folder_of(path))

    change_key_file(path, ManualClock(), ZONE)

    (new,) = hub_key.find(hub_key.folder_of(path))
    assert new != old
    with Reader.open(path) as reader:
        assert len(reader.entries()) == 1
    with pytest.raises(JournalError, match="does not open"):
        Reader.open(path, [old])


@pytest.mark.parametrize("change", [change_key_file, change_to_passphrase])
def test_the_power_may_fail_at_any_moment_of_a_change_of_keys(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, Clock, tzinfo], None],
) -> None:
    (tmp_path / "phrase").write_text("correct horse")
    monkeypatch.setenv(hub_key.PASSPHRASE_FILE, str(tmp_path / "phrase"))
    monkeypatch.setattr(hub_key, "from_passphrase", _stretched_fast)

    async def filled() -> None:
        async with open_journal(path) as journal:
            await consenting(journal)
            await journal.record(SCALE, [weight(n) for n in range(3)])

    async def started() -> None:
        async with open_journal(path):
            with Reader.open(path) as reader:
                assert len(reader.entries()) == 3

    asyncio.run(filled())
    folder = hub_key.folder_of(path)
    (old,) = hub_key.find(folder)
    with PowerCuts(path.parent) as cuts:
        change(path, ManualClock(), ZONE)
        cuts.acknowledged()
    changed = set()
    for cut in cuts.all:
        cut.lay(path.parent)
        asyncio.run(started())
        (key,) = hub_key.find(folder)
        assert key != old or not cut.acknowledged, cut
        assert len([file for file in folder.iterdir() if file.suffix != ".part"]) == 1, cut
        with Reader.open(path) as reader:
            assert len(reader.entries()) == 3
        changed.add(key != old)

    assert changed == {True, False}


def _stretched_fast(passphrase: bytes, salt: bytes) -> HubKey:
    return HubKey(hashlib.sha256(passphrase + salt).digest())


async def test_a_key_that_damage_left_once_outlives_a_change_of_the_hub_key(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM keys WHERE owner LIKE 'p-%'")
    other.close()

    change_key_file(path, ManualClock(), ZONE)

    with Reader.open(path) as reader:
        assert len(reader.entries()) == 1


async def test_a_damaged_journal_is_left_to_the_gateway_by_a_change_of_keys(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])
    whole = path.read_bytes()
    path.write_bytes(bytes(4096) + whole[4096:])

    with pytest.raises(JournalDamaged, match="nothing was deleted"):
        change_key_file(path, ManualClock(), ZONE)

    async with open_journal(path) as journal:
        assert len(await journal.claim("mes", 10, START)) == 1


async def test_nothing_of_a_person_or_a_device_can_be_read_in_the_files(path: Path) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.set_pairing(subject, "mes", b"canary-secret")
        await journal.add_subject("canary-name")
        known = SCALE.model_copy(update={"model": "canary-model"})
        await journal.record(known, [weight(1, kg="81.375")])
        written = b"".join(file.read_bytes() for file in path.parent.glob("journal.db*"))

    written += path.read_bytes()
    for canary in (b"81.375", b"canary", SCALE.id.encode(), b"C0:FF:EE"):  # none comes by chance
        assert canary not in written


async def test_a_damaged_entry_is_named_and_does_not_hold_up_the_others(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        hit, _ = await journal.record(SCALE, [weight(1), weight(2)])
    with sqlite3.connect(path) as other:
        (payload,) = other.execute("SELECT payload FROM entries WHERE number = 1").fetchone()
        flipped = bytes([payload[0] ^ 1]) + payload[1:]
        other.execute("UPDATE entries SET payload = ? WHERE number = 1", (flipped,))
    other.close()

    async with open_journal(path) as journal:
        released = await journal.claim("mes", 10, START)
        with Reader.open(path) as reader:
            damaged = reader.damaged()
            shown = [view.entry.reading.record for view in reader.entries()]
            counts = reader.summary().deliveries

    assert damaged == [hit.id]
    assert shown == ["seq:2"]
    assert [each.delivery.entry.reading.record for each in released] == ["seq:2"]
    assert counts == {"parked": 1, "sending": 1}


def _in_memory() -> Keyring:
    opened = Database(apsw.Connection(":memory:"), Path(":memory:"))
    opened.run("CREATE TABLE keys (owner TEXT PRIMARY KEY, wrapped BLOB)")
    keys = Keyring(opened, [ONE])
    keys.make_missing()
    return keys
