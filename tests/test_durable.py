"""A file is the old one or the new one, whatever moment the power fails at."""

import errno
import os
import stat
from pathlib import Path

import pytest

from gateway import durable
from tests.journal.cutting import PowerCuts


@pytest.mark.parametrize("before", [b"old", None])
def test_the_power_may_fail_at_any_moment_and_the_file_is_whole(
    before: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "kept" / "file"
    path.parent.mkdir()
    if before is not None:
        path.write_bytes(before)
    with PowerCuts(path.parent) as cuts:
        durable.write(path, b"new")
        cuts.acknowledged()

    found = set()
    for cut in cuts.all:
        cut.lay(path.parent)
        now = path.read_bytes() if path.exists() else None
        assert now == b"new" or (now == before and not cut.acknowledged), cut
        assert {each for each in path.parent.iterdir() if each.name[0] != "."} <= {path}, cut
        durable.write(path, b"newer")
        assert path.read_bytes() == b"newer"
        assert list(path.parent.iterdir()) == [path], cut
        found.add(now)

    assert found == {b"new", before}


def test_a_file_that_others_could_read_is_its_owners_alone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)

    durable.write(path, b"new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_lies_under_the_name_meanwhile_is_not_followed_elsewhere(tmp_path: Path) -> None:
    path, another = tmp_path / "file", tmp_path / "another's"
    another.write_bytes(b"theirs")
    (tmp_path / ".file.part").symlink_to(another)

    durable.write(path, b"new")

    assert (path.read_bytes(), another.read_bytes()) == (b"new", b"theirs")


def test_folders_that_are_made_outlive_a_power_cut(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    with PowerCuts(top) as cuts:
        durable.make_folder(top / "one" / "two")
        cuts.acknowledged()

    for cut in cuts.all:
        cut.lay(top)
        assert (top / "one" / "two").is_dir() or not cut.acknowledged, cut
        durable.make_folder(top / "one" / "two")


def test_folders_that_are_made_are_private_and_one_that_is_there_stays_as_it_is(
    tmp_path: Path,
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)

    durable.make_folder(there / "one" / "two")

    modes = [stat.S_IMODE((there / name).stat().st_mode) for name in (".", "one", "one/two")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FileExistsError):
        durable.make_folder(tmp_path / "file")


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.ENOTSUP])
def test_a_disk_that_cannot_sync_a_folder_is_content_with_the_file(
    refusal: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def no_folder(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(refusal, os.strerror(refusal))
        sync(fd)

    monkeypatch.setattr(os, "fsync", no_folder)
    durable.write(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        durable.write(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"old"
