"""Root uses the command: as the daemon's user in their folder, as root where root says."""

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.end_to_end.processes import Ran
from tests.end_to_end.processes import command as ran_by

NOBODY = 65534
PROGRAM = tuple({Path(sys.base_prefix), Path(sys.prefix), Path(__file__).parents[2]})

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be root"),
    pytest.mark.other_processes,
]


async def command(config: Path, *arguments: str, given: bytes = b"") -> Ran:
    return await ran_by(config, *arguments, given=given, through=_readable_by_all())


@cache
def _readable_by_all() -> tuple[str, ...]:
    """Return what runs a command where everybody may read the program, as on an installed hub.

    There folders that only root may pass, and that it lies in, hold nothing else.
    """
    closed = {
        folder for path in PROGRAM for folder in path.parents if not folder.stat().st_mode & 0o001
    }
    if not closed:
        return ()
    do = ["hold=$(mktemp -d)", "mount -t tmpfs tmpfs $hold"]
    for nth, path in enumerate(PROGRAM):
        do += [f"mkdir $hold/{nth}", f"mount --bind {shlex.quote(str(path))} $hold/{nth}"]
    for folder in closed:
        if closed.isdisjoint(folder.parents):
            do.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(folder))}")
    for nth, path in enumerate(PROGRAM):
        if not closed.isdisjoint(path.parents):
            there = shlex.quote(str(path))
            do += [f"mkdir -p {there}", f"mount --bind $hold/{nth} {there}"]
    through = ("unshare", "--mount", "sh", "-ec", "\n".join([*do, 'exec "$@"']), "sh")
    if subprocess.run((*through, "true"), check=False).returncode:
        pytest.skip("only root may read this Python, and this machine lets nobody mount")
    return through


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


async def test_what_root_restores_from_a_place_of_its_own_belongs_to_that_user_as_well(
    state: Path, tmp_path: Path
) -> None:
    config, radio = tmp_path / "gateway.toml", state / "radio.json"
    config.write_text(f'[hub]\nstate = "{state}"\n[[hci]]\nurl = "usb:0"\nbonds = "{radio}"\n')
    (phrase := tmp_path / "phrase").write_text("correct horse")
    await command(config, "people", "add", "Odile")
    radio.write_text("keys of a cuff")
    os.chown(radio, NOBODY, NOBODY)
    kept, secret = str(tmp_path / "backup"), ("--passphrase-file", str(phrase))

    made = await command(config, "backup", kept, *secret)
    restored = [await command(config, "restore", kept, *secret) for _ in range(2)]

    assert [ran.status for ran in (made, *restored)] == [0, 0, 0], (made.error, restored)
    assert (tmp_path / "backup").stat().st_uid == 0
    assert (tmp_path / "backup").stat().st_gid == 0
    made_there = {path: path.stat().st_uid for path in state.rglob("*")}
    assert {"journal.db", "radio.json", "hub.key"} <= {path.name for path in made_there}
    assert set(made_there.values()) == {NOBODY}


async def test_a_secret_that_root_alone_may_read_opens_the_journal(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config := tmp_path / "gateway.toml").write_text(f'[hub]\nstate = "{state}"\n')
    (credentials := tmp_path / "credentials").mkdir(mode=0o700)
    (credentials / "hub-key").write_bytes(bytes(32))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))

    added = await command(config, "people", "add", "Odile")
    listed = await command(config, "people", "list")

    assert (added.status, listed.status) == (0, 0), added.error
    assert "Odile" in listed.output
    assert not (state / "keys").exists()


async def test_root_puts_nothing_where_a_plan_of_the_daemons_user_says(
    state: Path, tmp_path: Path
) -> None:
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
    assert "cannot finish replacing" in ran.error
    assert not of_root.exists()


@pytest.mark.parametrize(
    "name", ["journal.db", "taken-back.jsonl", "journal.db-wal", "journal.db.reserve", "keys"]
)
async def test_root_writes_to_nothing_that_a_link_of_the_daemons_user_leads_to(
    state: Path, tmp_path: Path, name: str
) -> None:
    (config := tmp_path / "gateway.toml").write_text(f'[hub]\nstate = "{state}"\n')
    await command(config, "people", "add", "Odile")
    (of_root := tmp_path / "of-root").mkdir()
    if (state / name).exists():
        (state / name).rename(of_root / name)
    (state / name).symlink_to(of_root / name)
    before = _content(of_root)

    await command(config, "people", "erase", "Odile", given=b"y\n")

    assert _content(of_root) == before


def _content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_root_tells_nothing_to_a_socket_that_the_daemons_user_may_not_reach(
    state: Path, tmp_path: Path
) -> None:
    (config := tmp_path / "gateway.toml").write_text(f'[hub]\nstate = "{state}"\n')
    (state / "api.sock").symlink_to(tmp_path / "of-root.sock")
    told = asyncio.Event()

    async with await asyncio.start_unix_server(
        lambda *_: told.set(), tmp_path / "of-root.sock"
    ) as server:
        ran = await command(config, "status")
        server.close()

    assert ran.status == 1
    assert not told.is_set()


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
