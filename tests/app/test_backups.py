"""A backup of a hub takes along what its own radios need."""

from pathlib import Path

import pytest

from gateway import config as configuration
from gateway.app.backups import back_up, restore_backup
from gateway.app.parts import ROTATING_NAMES
from gateway.errors import JournalError
from gateway.transport.rotating_names import RotatingNames
from tests.journal.making import open_journal


async def test_bonds_that_cannot_be_read_are_told_in_a_sentence(tmp_path: Path) -> None:
    (state := tmp_path / "state").mkdir(mode=0o700)
    async with open_journal(state / "journal.db"):
        pass
    (radio := tmp_path / "radio").mkdir()
    (file := tmp_path / "gateway.toml").write_text(
        f'[hub]\nstate = "{state}"\n[[hci]]\nurl = "usb:0"\nbonds = "{radio}"\n'
    )

    with pytest.raises(JournalError, match=f"cannot read the bonds {radio}"):
        back_up(configuration.load(file), tmp_path / "backup", b"correct horse")

    assert not (tmp_path / "backup").exists()


async def test_what_devices_with_rotating_addresses_are_called_is_taken_along(
    tmp_path: Path,
) -> None:
    (old := tmp_path / "old").mkdir(mode=0o700)
    async with open_journal(old / "journal.db"):
        pass
    RotatingNames(old / ROTATING_NAMES).call("C4:00:00:00:01:01", "7A:FF:EE:00:00:01")
    (new := tmp_path / "new").mkdir(mode=0o700)
    for state in (old, new):
        (tmp_path / f"{state.name}.toml").write_text(f'[hub]\nstate = "{state}"\n')

    back_up(configuration.load(tmp_path / "old.toml"), tmp_path / "backup", b"correct horse")
    restore_backup(
        configuration.load(tmp_path / "new.toml"),
        tmp_path / "backup",
        b"correct horse",
        consents_stand=True,
    )

    assert RotatingNames(new / ROTATING_NAMES).called("C4:00:00:00:01:01") == "7A:FF:EE:00:00:01"
