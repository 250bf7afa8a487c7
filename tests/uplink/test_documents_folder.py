"""A folder of documents never shows half of one, and says what is the matter with it."""

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest

from gateway.errors import UplinkUnavailable
from gateway.uplink.documents_folder import FolderDeposit
from tests.uplink.documents import PAGE, PATIENT, filing, page


@pytest.fixture
def deposit(tmp_path: Path) -> FolderDeposit:
    return FolderDeposit(tmp_path)


async def test_the_file_and_its_metadata_lie_side_by_side(
    tmp_path: Path, deposit: FolderDeposit
) -> None:
    name = await deposit.put(filing())

    metadata, document = sorted(tmp_path.iterdir())
    told = json.loads(metadata.read_text())
    attachment = told["content"][0]["attachment"]
    assert document.name == name
    assert document.read_bytes() == PAGE.content
    assert metadata.stem == document.stem
    assert told["subject"]["identifier"]["value"] == PATIENT.value
    assert (attachment["url"], attachment["size"]) == (name, len(PAGE.content))
    assert "data" not in attachment


async def test_only_the_gateways_user_may_read_them(tmp_path: Path, deposit: FolderDeposit) -> None:
    await deposit.put(filing())

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


async def test_the_names_tell_nothing_about_anyone(tmp_path: Path, deposit: FolderDeposit) -> None:
    await deposit.put(filing())

    names = " ".join(path.name for path in tmp_path.iterdir())
    assert PATIENT.value not in names
    assert not any(letter.isalpha() for letter in names.replace("json", "").replace("pdf", ""))


async def test_what_is_there_is_found_and_what_is_half_there_is_not(
    tmp_path: Path, deposit: FolderDeposit
) -> None:
    assert await deposit.find(filing()) is None
    name = await deposit.put(filing())
    assert await deposit.find(filing()) == name
    assert await deposit.find(filing(page("report:2"))) is None

    (tmp_path / name).write_bytes(PAGE.content[:5])
    assert await deposit.find(filing()) is None
    (tmp_path / name).unlink()
    assert await deposit.find(filing()) is None


async def test_a_cut_between_the_two_files_leaves_no_document(
    tmp_path: Path, deposit: FolderDeposit, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def fail_at_the_third(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 3:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail_at_the_third)
    with pytest.raises(UplinkUnavailable, match="Input/output error"):
        await deposit.put(filing())
    assert await deposit.find(filing()) is None

    await deposit.put(filing())
    assert await deposit.find(filing()) is not None


async def test_putting_it_there_again_changes_nothing(
    tmp_path: Path, deposit: FolderDeposit
) -> None:
    first = await deposit.put(filing())
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert await deposit.put(filing()) == first
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


async def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "not-mounted"
    deposit = FolderDeposit(missing)

    for attempt in (deposit.put, deposit.find):
        with pytest.raises(UplinkUnavailable, match="mounted"):
            await attempt(filing())

    assert not missing.exists()


async def test_once_cut_off_nothing_more_of_it_comes_into_the_folder(
    tmp_path: Path, deposit: FolderDeposit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread cannot be called back: whoever cuts it off waits for it."""
    slow, began, cut = threading.Event(), asyncio.Event(), asyncio.Event()
    loop, sync = asyncio.get_running_loop(), os.fsync

    def slowly(handle: int) -> None:
        loop.call_soon_threadsafe(began.set)
        slow.wait(5)
        sync(handle)

    monkeypatch.setattr(os, "fsync", slowly)
    putting = asyncio.create_task(deposit.put(filing()))
    await began.wait()
    putting.cancel()
    loop.call_soon(cut.set)
    await cut.wait()
    slow.set()
    with pytest.raises(asyncio.CancelledError):
        await putting
    there = sorted(tmp_path.iterdir())
    await asyncio.get_running_loop().shutdown_default_executor()  # it would write until then

    assert sorted(tmp_path.iterdir()) == there
