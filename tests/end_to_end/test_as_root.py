"""Root uses the command while the daemon is stopped: the daemon can go on with what it finds."""

import asyncio
import json
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


async def test_root_finishes_no_replacement_that_the_daemons_user_may_have_laid(
    state: Path, tmp_path: Path
) -> None:
    """Its plan says where files go, and root may put them anywhere."""
    (config := tmp_path / "gateway.toml").write_text(f'[hub]\nstate = "{state}"\n')
    of_root = tmp_path / "of-root"
    (laid := state / "replacement").mkdir()
    (laid / "snare").write_text("run this")
    (laid / "plan.json").write_text(
        json.dumps({"aside": "replaced", "places": {"snare": str(of_root)}})
    )
    for path in (laid, *laid.iterdir()):
        os.chown(path, NOBODY, NOBODY)

    ran = await command(config, "people", "add", "Odile")

    assert ran.status == 1
    assert "start the gateway" in ran.error
    assert not of_root.exists()


@pytest.mark.parametrize(
    "name", ["taken-back.jsonl", "journal.db-wal", "journal.db.reserve", "keys"]
)
async def test_root_follows_no_link_that_the_daemons_user_may_have_laid(
    state: Path, tmp_path: Path, name: str
) -> None:
    (config := tmp_path / "gateway.toml").write_text(f'[hub]\nstate = "{state}"\n')
    await command(config, "people", "add", "Odile")
    (of_root := tmp_path / "of-root").mkdir()
    if (state / name).exists():
        (state / name).rename(of_root / name)
    (state / name).symlink_to(of_root / name)
    before = {path: path.read_bytes() for path in of_root.rglob("*") if path.is_file()}

    ran = await command(config, "people", "erase", "Odile", given=b"y\n")

    assert ran.status == 1
    assert name in ran.error
    assert {path: path.read_bytes() for path in of_root.rglob("*") if path.is_file()} == before


async def test_a_file_in_the_place_of_the_keys_is_told_in_a_sentence(
    state: Path, tmp_path: Path
) -> None:
    (config := tmp_path / "gateway.toml").write_text(f'[hub]\nstate = "{state}"\n')
    (state / "keys").write_text("no folder")
    os.chown(state / "keys", NOBODY, NOBODY)

    ran = await command(config, "people", "add", "Odile")

    assert ran.status == 1
    assert "cannot keep a key" in ran.error


async def test_root_does_not_run_the_daemon_for_another_user(state: Path, tmp_path: Path) -> None:
    (config := tmp_path / "gateway.toml").write_text(f'[hub]\nstate = "{state}"\n')

    ran = await asyncio.wait_for(command(config, "run"), 60)

    assert ran.status == 1
    assert "start its service" in ran.error
    assert list(state.iterdir()) == []
