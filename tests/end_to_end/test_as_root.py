"""Root uses the command while the daemon is stopped: the daemon can go on with what it finds."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.processes import command

NOBODY = 65534

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be root"),
    pytest.mark.other_processes,
]


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder of another user, in one that this user may pass through."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    (folder / "state").mkdir(mode=0o700)
    os.chown(folder / "state", NOBODY, NOBODY)
    yield folder / "state"
    shutil.rmtree(folder)


async def test_what_root_changes_still_belongs_to_the_user_who_runs_the_daemon(
    state: Path, tmp_path: Path
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'[hub]\nstate = "{state}"\ntime = "system"\n')

    added = await command(config, "people", "add", "Odile")
    erased = await command(config, "people", "erase", "Odile", given=b"y\n")
    changed = await command(config, "change-key")

    assert [ran.status for ran in (added, erased, changed)] == [0, 0, 0]
    made = {path.name: path.stat().st_uid for path in state.rglob("*")}
    assert {"journal.db", "taken-back.jsonl", "hub.key"} <= set(made)
    assert set(made.values()) == {NOBODY}
