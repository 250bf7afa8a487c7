"""The bonds of Linux go into a backup and come out of it, where the user may."""

from pathlib import Path

import pytest

from gateway.app.bluez_bonds import collect, put_back
from tests.journal.cutting import PowerCuts

ADAPTER, BONDED, SEEN = "00:1A:7D:DA:71:11", "C0:FF:EE:00:00:01", "C0:FF:EE:00:00:02"
KEYS = b"[General]\nName=Cuff\n\n[LongTermKey]\nKey=00112233445566778899AABBCCDDEEFF\n"
HELD = {f"bluez~{ADAPTER}~{BONDED}": KEYS}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Lay out what bluetoothd keeps: a bonded device, and one that it has only seen."""
    kept = tmp_path / "bluetooth"
    for device, content in ((BONDED, KEYS), (SEEN, b"[General]\nName=Neighbour\n")):
        (kept / ADAPTER / device).mkdir(parents=True)
        (kept / ADAPTER / device / "info").write_bytes(content)
    return kept


def _carried(kept: Path, state: Path) -> None:
    """Do what a backup and its restoration do with files."""
    state.mkdir()
    for name, content in collect(kept).items():
        (state / name).write_bytes(content)


def test_only_bonds_are_taken_along(kept: Path) -> None:
    assert collect(kept) == HELD


def test_where_there_are_none_there_are_none(tmp_path: Path) -> None:
    assert collect(tmp_path / "nowhere") == {}


def test_a_bond_comes_back_to_where_it_was_readable_by_its_owner_only(
    kept: Path, tmp_path: Path
) -> None:
    _carried(kept, tmp_path / "state")

    assert put_back(tmp_path / "state", HELD, tmp_path / "other") == (1, 0)

    back = tmp_path / "other" / ADAPTER / BONDED / "info"
    assert back.read_bytes() == KEYS
    assert back.stat().st_mode & 0o777 == 0o600
    assert list((tmp_path / "state").iterdir()) == []


def test_a_bond_that_is_there_already_is_newer_and_stays(kept: Path, tmp_path: Path) -> None:
    _carried(kept, tmp_path / "state")
    (kept / ADAPTER / BONDED / "info").write_bytes(b"[LongTermKey]\nKey=another\n")

    assert put_back(tmp_path / "state", HELD, kept) == (1, 0)

    assert b"another" in (kept / ADAPTER / BONDED / "info").read_bytes()


def test_the_power_may_fail_at_any_moment_and_the_next_run_has_the_whole_bond(
    kept: Path, tmp_path: Path
) -> None:
    hub = tmp_path / "hub"
    state, other = hub / "state", hub / "lib" / "bluetooth"
    hub.mkdir()
    _carried(kept, state)
    with PowerCuts(hub) as cuts:
        put_back(state, HELD, other)
        cuts.acknowledged()

    back = other / ADAPTER / BONDED / "info"
    for cut in cuts.all:
        cut.lay(hub)
        if cut.acknowledged:
            assert back.read_bytes() == KEYS, cut
        put_back(state, HELD, other)
        assert back.read_bytes() == KEYS, cut
        assert list(state.iterdir()) == [], cut
        assert list(back.parent.iterdir()) == [back], cut


def test_folders_that_are_made_for_a_bond_are_for_its_owner_only(
    kept: Path, tmp_path: Path
) -> None:
    _carried(kept, tmp_path / "state")

    put_back(tmp_path / "state", HELD, tmp_path / "other")

    device = tmp_path / "other" / ADAPTER / BONDED
    for folder in (device, device.parent, device.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_who_may_not_write_there_leaves_it_beside_the_journal(kept: Path, tmp_path: Path) -> None:
    _carried(kept, tmp_path / "state")
    shut = tmp_path / "shut"
    shut.write_text("a file where the folder would be")

    assert put_back(tmp_path / "state", HELD, shut) == (0, 1)

    assert len(list((tmp_path / "state").iterdir())) == 1


def test_a_bond_that_was_in_no_backup_is_given_to_nobody(kept: Path, tmp_path: Path) -> None:
    """The daemon's user may lay it there, for a keyboard; root would have Linux trust it."""
    _carried(kept, tmp_path / "state")
    (tmp_path / "state" / f"bluez~{ADAPTER}~{SEEN}").write_bytes(KEYS)

    assert put_back(tmp_path / "state", HELD, tmp_path / "other") == (1, 0)

    assert not (tmp_path / "other" / ADAPTER / SEEN).exists()


def test_a_bond_is_put_back_as_the_backup_held_it(kept: Path, tmp_path: Path) -> None:
    """The daemon's user may have written over it meanwhile, or laid a link there."""
    _carried(kept, tmp_path / "state")
    (of_root := tmp_path / "of-root").write_text("secret")
    (lies := tmp_path / "state" / f"bluez~{ADAPTER}~{BONDED}").unlink()
    lies.symlink_to(of_root)

    assert put_back(tmp_path / "state", HELD, tmp_path / "other") == (1, 0)

    assert (tmp_path / "other" / ADAPTER / BONDED / "info").read_bytes() == KEYS
    assert of_root.read_text() == "secret"
