"""What a paired device is called whose address rotates: as it was when it was adopted."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.transport.rotating_names import RotatingNames

IDENTITY, FIRST, SECOND = "C4:00:00:00:01:01", "7A:FF:EE:00:00:01", "7A:FF:EE:00:00:02"


def test_a_device_keeps_its_first_name_also_after_a_restart(tmp_path: Path) -> None:
    names = RotatingNames(tmp_path / "names.json")
    names.call(IDENTITY, FIRST)
    names.call(IDENTITY, SECOND, unless_named=True)

    for known in (names, RotatingNames(tmp_path / "names.json")):
        assert known.called(IDENTITY) == FIRST
        assert known.identity(FIRST) == IDENTITY
        assert (known.called(FIRST), known.identity(SECOND)) == (None, SECOND)


def test_a_device_that_was_paired_anew_is_called_as_it_was_then(tmp_path: Path) -> None:
    names = RotatingNames(tmp_path / "names.json")
    names.call(IDENTITY, FIRST)
    names.call(IDENTITY, SECOND)

    for known in (names, RotatingNames(tmp_path / "names.json")):
        assert known.called(IDENTITY) == SECOND
        assert (known.identity(FIRST), known.identity(SECOND)) == (FIRST, IDENTITY)


def test_without_such_a_device_there_is_no_file(tmp_path: Path) -> None:
    names = RotatingNames(tmp_path / "names.json")

    assert names.called(IDENTITY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_could_not_be_kept_is_kept_as_soon_as_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "state" / "names.json"
    names = RotatingNames(path)
    with pytest.raises(ConfigError, match="state folder"):
        names.call(IDENTITY, FIRST)
    path.parent.mkdir()
    names.call(IDENTITY, FIRST)

    assert RotatingNames(path).called(IDENTITY) == FIRST
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_damaged_file_is_never_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "names.json"
    path.write_text(content)

    with pytest.raises(ConfigError, match="Restore the file"):
        RotatingNames(path)
    assert path.read_text() == content
