"""What a command writes is for its owner's eyes."""

import stat
from pathlib import Path

import pytest

from gateway.cli.files import write_private
from gateway.client import Refused


@pytest.mark.parametrize("over", [True, False])
def test_a_new_file_is_its_owners_alone(tmp_path: Path, over: bool) -> None:
    write_private(tmp_path / "file", b"new", over=over)

    assert (tmp_path / "file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_its_owners_alone_once_written_over(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_bytes(b"an older and longer one")
    (tmp_path / "file").chmod(0o644)

    write_private(tmp_path / "file", b"new", over=True)

    assert (tmp_path / "file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_not_written_over_unasked(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")

    with pytest.raises(Refused, match="cannot be written"):
        write_private(tmp_path / "file", b"new", over=False)

    assert (tmp_path / "file").read_bytes() == b"old"
