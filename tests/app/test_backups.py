"""A backup of a hub takes along what its own radios need."""

from pathlib import Path

import pytest

from gateway import config as configuration
from gateway.app.backups import back_up
from gateway.errors import JournalError
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
