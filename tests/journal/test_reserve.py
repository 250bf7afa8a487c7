"""A full disk refuses readings and still takes down what must not wait."""

from pathlib import Path

import apsw
import pytest

from gateway.errors import JournalFull
from gateway.journal import reserve
from gateway.journal.reserve import RESERVE_BYTES, Reserve
from gateway.testing.clock import START
from tests.journal.disk import Disk
from tests.journal.making import SCALE, consenting, open_journal, weight, withdrawal


async def test_a_withdrawal_uses_what_was_kept_back_and_readings_wait_until_it_is_again(
    disk: Disk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record(SCALE, [weight(1)])
        kept = path.with_name("journal.db.reserve")
        assert kept.stat().st_size == RESERVE_BYTES
        disk.fail(after=0, times=1, error=apsw.FullError)  # and room again once it is given up

        def no_room(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(reserve.os, "posix_fallocate", no_room)
        dropped = await journal.record_withdrawal(withdrawal(subject))

        assert dropped == 1
        assert not kept.exists()
        with pytest.raises(JournalFull, match="readings wait in the devices"):
            await journal.record(SCALE, [weight(2)])
        assert await journal.claim("mes", 10, START) == []

        monkeypatch.undo()
        assert len(await journal.record(SCALE, [weight(2)])) == 1
        assert kept.stat().st_size == RESERVE_BYTES


async def test_tokens_that_replace_worthless_ones_are_kept_on_a_full_disk(
    disk: Disk, path: Path
) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.set_pairing(subject, "mes", b"refresh-1")
        disk.fail(after=0, times=1, error=apsw.FullError)  # and room again once it is given up

        await journal.set_pairing(subject, "mes", b"refresh-2")

        assert await journal.pairing(subject, "mes") == b"refresh-2"


async def test_a_person_is_erased_on_a_full_disk(disk: Disk, path: Path) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record(SCALE, [weight(1)])
        disk.fail(after=0, times=1, error=apsw.FullError)  # and room again once it is given up

        assert await journal.erase(subject) == 1


async def test_a_disk_that_fails_altogether_ends_no_call_without_an_answer(
    disk: Disk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        disk.fail(after=0, times=9, error=apsw.FullError)

        def broken(*_: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(reserve.os, "unlink", broken)
        with pytest.raises(JournalFull):
            await journal.record_withdrawal(withdrawal(subject))

        monkeypatch.undo()
        disk.heal()
        await journal.record_withdrawal(withdrawal(subject))


def test_what_is_kept_back_is_made_once_and_found_again(path: Path) -> None:
    path.parent.mkdir()
    first = Reserve(path)

    assert not first.held
    assert first.hold()
    assert Reserve(path).held
