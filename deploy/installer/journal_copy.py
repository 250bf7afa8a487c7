"""The journal before an upgrade: which form it has, and a copy of it.

A newer gateway brings an older journal up to date when it starts, and an older gateway refuses a
newer journal. So before that happens the present gateway writes a backup; going back is a restore
of it, which does not revive a consent that was withdrawn since, nor a person who was erased.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from pathlib import Path

import places
import service
from release import Release
from steps import Trouble, run

_STAMP = "%Y%m%dT%H%M%SZ"


def schema() -> int | None:
    """Return which form the journal has; None if there is none yet."""
    path = places.journal()
    if not path.exists() or not path.stat().st_size:
        return None
    how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise Trouble(
            f"{path} cannot be read ({error}), so nothing was changed. Start the gateway that is"
            " installed: it saves what can be read."
        ) from error
    return int(version)


def is_changed_by(release: Release) -> bool:
    """Tell whether this release would bring the journal into a newer form."""
    version = schema()
    return version is not None and version < release.schema


def copy(writer: Release) -> None:
    """Stop the gateway and have this release write a backup; without one, it runs on as before.

    That holds for whatever keeps it from being written: a full disk, or a hand on Ctrl-C.
    """
    service.stop()
    try:
        run("systemd-tmpfiles", "--create", f"/etc/tmpfiles.d/{places.NAME}.conf")
        target = places.COPIES / f"{time.strftime(_STAMP, time.gmtime())}-form{schema()}.backup"
        opened = os.open(_passphrase(target), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w") as out:
            out.write(secrets.token_hex(16))
        run(
            *(writer.command, "--config", places.CONFIGURATION),
            *("backup", target, "--passphrase-file", _passphrase(target)),
            remedy="Nothing was changed. Make a backup yourself, and say so with --without-copy.",
        )
    except BaseException:
        service.restart()
        raise
    os.sync()
    print(f"          {target}", flush=True)


def refuse_unless_readable_by(release: Release) -> None:
    """Raise Trouble if going back to this release would need another journal than there is."""
    version = schema()
    if version is None or version <= release.schema:
        return
    raise Trouble(
        f"{release.name} cannot read the journal: it has form {version}, and that release knows"
        f" {release.schema}. {way_back(release)}"
    )


def way_back(release: Release) -> str:
    """Say how to go back across a change of the journal, and what it costs."""
    copies = [
        path for path in places.COPIES.glob("*-form*.backup") if _form(path) <= release.schema
    ]
    if not copies:
        return f"There is no copy in {places.COPIES} from before that change."
    latest = max(copies)
    return (
        "To go back to how it was before that, stop the gateway and run"
        f" '{release.command} restore {latest} --passphrase-file {_passphrase(latest)}', then roll"
        " back again. What came since is not deleted, but set aside in"
        f" {places.state()}/replaced-..., where only the newer gateway can read it."
    )


def _form(copy: Path) -> int:
    return int(copy.stem.rpartition("-form")[2])


def _passphrase(copy: Path) -> Path:
    return copy.with_suffix(".passphrase")
