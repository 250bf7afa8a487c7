"""The file of bonds: who may read it, and what survives."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.transport.hci.bonds import Bonds


def test_our_own_address_is_static_and_survives_a_restart(tmp_path: Path) -> None:
    first = Bonds(tmp_path / "bonds.json")

    again = Bonds(tmp_path / "bonds.json")

    assert (again.address, again.irk) == (first.address, first.irk)
    assert int(first.address[:2], 16) >= 0xC0
    assert len(first.irk) == 16


def test_two_gateways_have_different_addresses() -> None:
    assert Bonds(None).address != Bonds(None).address


def test_bonds_survive_and_can_be_forgotten(tmp_path: Path) -> None:
    Bonds(tmp_path / "bonds.json").put("C0:00:00:00:00:01", {"ltk": {"value": "00"}})

    kept = Bonds(tmp_path / "bonds.json")

    assert kept.get("C0:00:00:00:00:01") == {"ltk": {"value": "00"}}
    assert kept.drop("C0:00:00:00:00:01")
    assert not kept.drop("C0:00:00:00:00:01")
    assert Bonds(tmp_path / "bonds.json").all() == []


def test_a_new_bond_outlives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    bonds = Bonds(tmp_path / "bonds.json")
    monkeypatch.setattr(os, "fsync", note)
    bonds.put("C0:FF:EE:00:00:01", {})

    assert synced == [".bonds.json.part", tmp_path.name]


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    Bonds(tmp_path / "bonds.json").put("C0:00:00:00:00:01", {})

    assert (tmp_path / "bonds.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["bonds.json"]


@pytest.mark.parametrize("content", ["", "[]", '{"address": "C0", "irk": "zz", "bonds": {}}', "{}"])
def test_a_damaged_file_is_never_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "bonds.json").write_text(content)

    with pytest.raises(ConfigError, match="Restore the file"):
        Bonds(tmp_path / "bonds.json")
    assert (tmp_path / "bonds.json").read_text() == content


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="state folder"):
        Bonds(tmp_path / "missing" / "bonds.json")


def test_devices_that_pair_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "bonds.json"
    bonds = Bonds(path)
    addresses = [f"C4:00:00:00:00:{number:02X}" for number in range(40)]

    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(lambda address: bonds.put(address, {"ltk": "0" * 400}), addresses))

    assert {address for address, _ in Bonds(path).all()} == set(addresses)
