"""A backup brings a hub back as it was, but for what was taken back since."""

import errno
import io
import os
import shutil
import stat
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.consent.grant import living
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalBusy, JournalDamaged, JournalError
from gateway.journal import backup, hub_key
from gateway.journal.hub_key import HubKey
from gateway.journal.keys import Keyring
from gateway.journal.reader import Reader
from gateway.journal.restoring import Restored, restore
from gateway.journal.schema import open_writer, schema_steps
from gateway.journal.scratch import scratch
from gateway.journal.states import State
from gateway.testing.clock import START, ManualClock
from tests.journal.breaking import break_page, page_of_entries
from tests.journal.making import ROUTES, SCALE, ZONE, consenting, grant, open_journal, weight
from tests.journal.making import withdrawal as withdrawing
from tests.journal.test_schema import DATABASES, lay

PHRASE = b"correct horse"


def _restore(source: Path, journal: Path, *, consents_stand: bool = False) -> Restored:
    return restore(
        source, PHRASE, journal, ManualClock(), ZONE, ROUTES, consents_stand=consents_stand
    )


async def _filled(path: Path) -> SubjectId:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.set_pairing(subject, "mes", b"a secret")
        await journal.record(SCALE, [weight(n) for n in range(5)], "seq:4")
    return subject


async def test_a_new_hub_takes_over(path: Path, tmp_path: Path) -> None:
    subject = await _filled(path)
    bonds = tmp_path / "bonds-0.json"
    bonds.write_text('{"bond": 1}')
    file, elsewhere = tmp_path / "backup", tmp_path / "new" / "journal.db"
    backup.write(file, PHRASE, path, {bonds.name: bonds.read_bytes()})

    _restore(file, elsewhere, consents_stand=True)

    async with open_journal(elsewhere) as journal:
        released = await journal.claim("mes", 10, START)
        assert await journal.pairing(subject, "mes") == b"a secret"
        assert await journal.bookmark(SCALE) == "seq:4"
    assert [each.delivery.unsettled for each in released] == [True] * 5
    assert (elsewhere.parent / bonds.name).read_text() == bonds.read_text()
    with Reader.open(elsewhere) as reader:
        assert reader.verify_against(None).whole


@pytest.mark.parametrize("dump", DATABASES[2:], ids=lambda dump: dump.stem)
async def test_a_backup_of_an_older_gateway_is_restored(
    dump: Path, path: Path, tmp_path: Path
) -> None:
    lay(dump, path)
    file, elsewhere = tmp_path / "backup", tmp_path / "new" / "journal.db"
    backup.write(file, PHRASE, path, {})

    _restore(file, elsewhere)

    with Reader.open(elsewhere) as reader:
        assert (reader.summary().entries, reader.salvaged()) == (2, [])


@pytest.mark.parametrize("configured", [False, True])
async def test_bonds_go_where_the_hub_keeps_its_own_and_those_are_kept_aside(
    path: Path, tmp_path: Path, configured: bool
) -> None:
    await _filled(path)
    theirs = tmp_path / "radio" / "bonds.json" if configured else path.parent / "bonds-0.json"
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("of the old hub")
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {"bonds-0.json": theirs.read_bytes()})
    theirs.write_text("of this hub")
    others = {"bonds-0.json": theirs}

    restored = restore(
        file, PHRASE, path, ManualClock(), ZONE, ROUTES, consents_stand=True, others=others
    )

    assert theirs.read_text() == "of the old hub"
    assert theirs.stat().st_mode & 0o777 == 0o600
    assert restored.replaced is not None
    assert (restored.replaced / "bonds-0.json").read_text() == "of this hub"


@pytest.mark.parametrize(
    "name", ["api.token", "taken-back.jsonl", "plan.json", "../of-root", "..", "", "a\nb"]
)
async def test_a_backup_that_somebody_made_up_brings_no_other_files(
    path: Path, tmp_path: Path, name: str
) -> None:
    await _filled(path)
    file, elsewhere = tmp_path / "backup", tmp_path / "new" / "journal.db"
    backup.write(file, PHRASE, path, {name: b"known to them"})

    with pytest.raises(JournalError, match="no backup does"):
        _restore(file, elsewhere)

    assert [each.name for each in elsewhere.parent.iterdir()] == ["journal.db.lock"]


def archive(**headers: str) -> bytes:
    """Return what is in a backup, its key with these headers (POSIX pax)."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as made:
        key = tarfile.TarInfo(backup.HUB_KEY)
        key.size, key.pax_headers = 32, {name.replace("_", "."): headers[name] for name in headers}
        made.addfile(key, io.BytesIO(bytes(32)))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (archive(GNU_sparse_map="0,0,99999999,0", GNU_sparse_size="99999999"), "no backup"),
        (archive(GNU_sparse_map="a"), "no complete backup"),
        (archive(GNU_sparse_major="1", GNU_sparse_minor="0"), "no complete backup"),
        (archive(comment="")[:1024] * 1000 + archive(), "no complete backup"),
    ],
    ids=["a hundred megabytes of nothing", "no map", "no map inside", "headers without end"],
)
def test_a_made_up_archive_is_refused_and_fills_nothing(
    tmp_path: Path, content: bytes, refusal: str
) -> None:
    with (file := tmp_path / "backup").open("wb") as out, backup._Sealing(out, PHRASE) as sealing:
        sealing.write(content)

    with pytest.raises(JournalError, match=refusal):
        backup.read(file, PHRASE, tmp_path)


def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "photograph.jpg"
    with pytest.raises(JournalError, match=r"cannot read the backup .*: No such file"):
        backup.read(file, PHRASE, tmp_path)
    file.write_bytes(bytes(4096))

    with pytest.raises(JournalError, match="is no backup of this gateway"):
        backup.read(file, PHRASE, tmp_path)


def test_a_backup_without_a_key_is_none(tmp_path: Path) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as made:
        made.addfile(tarfile.TarInfo(backup.DATABASE), io.BytesIO())
    with (file := tmp_path / "backup").open("wb") as out, backup._Sealing(out, PHRASE) as sealing:
        sealing.write(content.getvalue())

    with pytest.raises(JournalError, match="it holds no key"):
        backup.read(file, PHRASE, tmp_path)


async def test_of_a_backup_that_cannot_be_written_nothing_is_left(
    path: Path, tmp_path: Path
) -> None:
    await _filled(path)
    (file := tmp_path / "backup").mkdir()  # no file takes its place

    with pytest.raises(JournalError, match="cannot write the backup"):
        backup.write(file, PHRASE, path, {})

    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "journal"]


async def test_a_link_that_waits_for_the_backup_leads_it_nowhere(
    path: Path, tmp_path: Path
) -> None:
    await _filled(path)
    (theirs := tmp_path / "theirs").write_text("of somebody else")
    (tmp_path / "backup.part").symlink_to(theirs)

    backup.write(tmp_path / "backup", PHRASE, path, {})

    assert theirs.read_text() == "of somebody else"
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600


async def test_back_with_a_former_gateway_a_hub_still_knows_who_consents(
    path: Path, tmp_path: Path
) -> None:
    """It cannot read the newer journal, but that it is this hub's, which knows who withdrew."""
    subject = await _filled(path)
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {})
    newer = open_writer(path)
    newer.run("CREATE TABLE of_a_later_step (number INTEGER PRIMARY KEY) STRICT")
    newer.run(f"PRAGMA user_version = {len(schema_steps()) + 1}")
    newer.close()

    restored = _restore(file, path)

    assert restored.withdrawn == 0
    async with open_journal(path) as journal:
        assert {each.subject for each in await journal.claim("mes", 10, START)} == {subject}


async def test_on_a_new_hub_consent_is_asked_for_again(path: Path, tmp_path: Path) -> None:
    subject = await _filled(path)
    file, elsewhere = tmp_path / "backup", tmp_path / "new" / "journal.db"
    backup.write(file, PHRASE, path, {})

    restored = _restore(file, elsewhere)

    assert restored.withdrawn == 1
    async with open_journal(elsewhere) as journal:
        assert await journal.claim("mes", 10, START) == []
        await journal.record_grant(grant(subject, "grant-anew"))
        await journal.record(SCALE, [weight(99)])
        assert len(await journal.claim("mes", 10, START)) == 1


async def _withdrawn_since(path: Path, tmp_path: Path) -> Path:
    """Return a backup of a journal in which consent was withdrawn afterwards."""
    subject = await _filled(path)
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {})
    async with open_journal(path) as journal:
        await journal.record_withdrawal(withdrawing(subject))
    return file


async def test_what_a_restore_drops_may_have_arrived_since_the_backup(
    path: Path, tmp_path: Path
) -> None:
    file = await _withdrawn_since(path, tmp_path)

    _restore(file, path, consents_stand=True)

    with Reader.open(path) as reader:
        deliveries = [each for view in reader.entries() for each in view.deliveries]
    assert {(each.state, each.may_have_arrived) for each in deliveries} == {(State.DROPPED, True)}


async def test_an_older_backup_does_not_revive_a_withdrawn_consent(
    path: Path, tmp_path: Path
) -> None:
    file = await _withdrawn_since(path, tmp_path)

    restored = _restore(file, path, consents_stand=True)

    assert restored.withdrawn == 1
    assert restored.replaced is not None
    assert (restored.replaced / "journal.db").exists()
    async with open_journal(path) as journal:
        assert await journal.claim("mes", 10, START) == []


async def test_what_one_person_took_back_leaves_the_others_and_other_destinations_as_they_were(
    path: Path, tmp_path: Path
) -> None:
    async with open_journal(path) as journal:
        ada, bo, cleo = [await consenting(journal, slot) for slot in "123"]
        await journal.record_grant(grant(ada, "for fhir", destination="fhir"))
        await journal.record_grant(grant(bo, "for fhir, too", destination="fhir"))
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {})
    async with open_journal(path) as journal:
        await journal.record_withdrawal(withdrawing(ada))
        await journal.erase(cleo)

    restored = _restore(file, path)

    assert (restored.withdrawn, restored.erased) == (1, 1)
    with Reader.open(path) as reader:
        assert {subject.id for subject in reader.subjects()} == {ada, bo}
        standing = {who: living(reader.ledger(who)) for who in (ada, bo)}
    assert {who: {each.destination for each in those} for who, those in standing.items()} == {
        ada: {"fhir"},
        bo: {"mes", "fhir"},
    }


async def test_an_older_backup_does_not_bring_an_erased_person_back(
    path: Path, tmp_path: Path
) -> None:
    subject = await _filled(path)
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {})
    async with open_journal(path) as journal:
        await journal.erase(subject)

    restored = _restore(file, path)

    assert restored.erased == 1
    with Reader.open(path) as reader:
        assert (reader.subjects(), reader.summary().entries) == ([], 0)


async def test_a_backup_is_made_while_the_journal_is_written(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])

        backup.write(file, PHRASE, path, {})

        with pytest.raises(JournalBusy):
            _restore(file, path)
        await journal.record(SCALE, [weight(2)])

    _restore(file, tmp_path / "new" / "journal.db")
    with Reader.open(tmp_path / "new" / "journal.db") as reader:
        assert reader.summary().entries == 1


async def test_nothing_of_a_person_can_be_read_in_a_backup(path: Path, tmp_path: Path) -> None:
    subject = await _filled(path)
    async with open_journal(path) as journal:
        await journal.add_subject("Augusta")  # three letters alone are met by chance, now and then
    file = tmp_path / "backup"

    backup.write(file, PHRASE, path, {})

    written, name = file.read_bytes(), b"Augusta"
    for canary in (name, b"70.5", b"a secret", SCALE.id.encode(), subject.encode(), b"SQLite"):
        assert canary not in written
    assert not list(path.parent.glob("being-made-*"))


@pytest.mark.parametrize("hurt", ["cut", "flipped", "swapped"])
async def test_a_backup_that_is_not_whole_is_refused_and_replaces_nothing(
    path: Path, tmp_path: Path, hurt: str
) -> None:
    await _filled(path)
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {})
    content = bytearray(file.read_bytes())
    if hurt == "cut":
        content = content[: 7 + 16 + 4 + 65552]
    elif hurt == "flipped":
        content[-1] ^= 1
    else:
        first, second = 7 + 16, 7 + 16 + 65556
        one, two = content[first:second], content[second : second + 65556]
        content[first : second + 65556] = two + one
    file.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"cannot be opened|no complete backup"):
        _restore(file, path)

    assert path.read_bytes() == before


async def test_what_a_device_gives_again_after_a_restore_is_searched_for_before_it_is_sent(
    path: Path, tmp_path: Path
) -> None:
    await _filled(path)
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {})
    async with open_journal(path) as journal:  # recorded and sent since
        await journal.record(SCALE, [weight(99)], "seq:99")
        for released in await journal.claim("mes", 9, START):
            await journal.settle(released, Receipt("mes", "Observation/1", START))

    _restore(file, path)

    async with open_journal(path) as journal:
        assert await journal.bookmark(SCALE) == "seq:4"
        soon, later = START + timedelta(minutes=110), START + timedelta(days=1)
        await journal.record(SCALE, [weight(99), weight(100, at=later), weight(101, at=soon)])
        claimed = {
            each.delivery.entry.reading.record: each.delivery.unsettled
            for each in await journal.claim("mes", 9, START)
        }
    assert claimed == {f"seq:{n}": True for n in (*range(5), 99, 101)} | {"seq:100": False}


async def test_two_restores_within_a_second_keep_what_each_replaced(
    path: Path, tmp_path: Path
) -> None:
    await _filled(path)
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {})
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(99)])

    first, second = (_restore(file, path).replaced for _ in range(2))

    assert first is not None
    assert second is not None
    for replaced, readings in ((first, 6), (second, 5)):
        with Reader.open(replaced / "journal.db") as reader:
            assert reader.summary().entries == readings


async def test_another_hub_does_not_vouch_for_consents_it_knows_nothing_of(
    path: Path, tmp_path: Path
) -> None:
    await _filled(path)
    file, elsewhere = tmp_path / "backup", tmp_path / "new" / "journal.db"
    backup.write(file, PHRASE, path, {})
    async with open_journal(elsewhere) as journal:  # where something else was taken back
        await journal.erase((await journal.add_subject("Guest")).id)

    restored = _restore(file, elsewhere)

    assert restored.withdrawn == 1


async def test_a_hub_vouches_for_its_own_backup_though_nothing_was_taken_back(
    path: Path, tmp_path: Path
) -> None:
    await _filled(path)
    file = tmp_path / "backup"
    backup.write(file, PHRASE, path, {})

    assert _restore(file, path).withdrawn == 0


async def test_a_withdrawal_that_is_in_the_backup_is_not_made_again(
    path: Path, tmp_path: Path
) -> None:
    subject = await _filled(path)
    file = tmp_path / "backup"
    async with open_journal(path) as journal:
        await journal.record_withdrawal(withdrawing(subject))
    backup.write(file, PHRASE, path, {})

    assert _restore(file, path).withdrawn == 0

    with Reader.open(path) as reader:
        assert len(reader.ledger(subject)) == 2


async def test_a_backup_of_a_damaged_journal_takes_no_place(path: Path, tmp_path: Path) -> None:
    await _filled(path)
    file = tmp_path / "backup"
    at = page_of_entries(path)
    whole = path.read_bytes()
    break_page(path, at)
    backup.write(file, PHRASE, path, {})
    path.write_bytes(whole)

    with pytest.raises(JournalDamaged):
        _restore(file, path)

    assert path.read_bytes() == whole
    assert not list(path.parent.glob("repl*"))


async def test_what_a_backup_had_taken_back_a_still_older_one_does_not_revive(
    path: Path, tmp_path: Path
) -> None:
    subject = await _filled(path)
    older, newer, elsewhere = tmp_path / "1", tmp_path / "2", tmp_path / "new" / "journal.db"
    backup.write(older, PHRASE, path, {})
    async with open_journal(path) as journal:
        await journal.record_withdrawal(withdrawing(subject))
    backup.write(newer, PHRASE, path, {})
    _restore(newer, elsewhere, consents_stand=True)

    restored = _restore(older, elsewhere)

    assert restored.withdrawn == 1


async def test_a_hub_that_is_given_its_key_keeps_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _filled(path)
    file, elsewhere = tmp_path / "backup", tmp_path / "new" / "journal.db"
    backup.write(file, PHRASE, path, {})
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "hub-key").write_bytes(bytes(32))

    for _ in range(2):
        restored = _restore(file, elsewhere)

    assert not (elsewhere.parent / "keys").exists()
    for journal in (elsewhere, (restored.replaced or tmp_path) / "journal.db"):
        with Reader.open(journal) as reader:
            assert reader.summary().entries == 5


async def test_a_backup_made_after_a_change_of_keys_that_was_cut_short_can_be_restored(
    path: Path, tmp_path: Path
) -> None:
    await _filled(path)
    folder, new = hub_key.folder_of(path), HubKey(bytes(32))
    hub_key.prepare(folder, new)
    opened = open_writer(path)
    Keyring(opened, hub_key.find(folder)).change_hub_key(new)
    opened.close()
    file, elsewhere = tmp_path / "backup", tmp_path / "new" / "journal.db"

    backup.write(file, PHRASE, path, {})

    _restore(file, elsewhere)
    with Reader.open(elsewhere) as reader:
        assert reader.summary().entries == 5


@pytest.mark.parametrize(("error", "is_made"), [(errno.EINVAL, True), (errno.EIO, False)])
async def test_a_backup_goes_to_a_disk_that_cannot_sync_folders_but_not_to_one_that_fails(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, is_made: bool
) -> None:
    await _filled(path)
    file, real = tmp_path / "backup", os.fsync

    def on_this_disk(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(error, os.strerror(error))
        real(fd)

    monkeypatch.setattr(os, "fsync", on_this_disk)
    if is_made:
        assert backup.write(file, PHRASE, path, {}) == file.stat().st_size
    else:
        with pytest.raises(JournalError, match="cannot write the backup"):
            backup.write(file, PHRASE, path, {})


async def test_what_was_being_made_when_the_power_failed_is_swept_away(path: Path) -> None:
    await _filled(path)
    with scratch(path) as in_use:
        left = path.parent / "being-made-7"
        left.mkdir()
        (left / "journal.db").write_bytes(path.read_bytes())

        await open_journal(path).close()

        assert not left.exists()
        assert in_use.exists()


@pytest.mark.parametrize("phrase", [b"", b" \t\n"])
async def test_an_empty_passphrase_makes_no_backup(
    phrase: bytes, path: Path, tmp_path: Path
) -> None:
    await _filled(path)

    with pytest.raises(JournalError, match="passphrase is empty"):
        backup.write(tmp_path / "backup", phrase, path, {})

    assert list(tmp_path.glob("backup*")) == []


async def test_another_passphrase_opens_nothing(path: Path, tmp_path: Path) -> None:
    await _filled(path)
    file = tmp_path / "backup"
    backup.write(file, b"battery staple", path, {})
    shutil.rmtree(path.parent)

    with pytest.raises(JournalError, match="the passphrase is another"):
        _restore(file, path)
