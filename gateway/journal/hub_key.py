"""The hub key: the one secret that opens all others, and the places it may come from.

In this order:

    $CREDENTIALS_DIRECTORY/hub-key          32 bytes, a systemd credential
    keys/passphrase.salt beside the journal a passphrase, stretched with Argon2id; it is read from
                                            $CREDENTIALS_DIRECTORY/hub-passphrase or from the file
                                            that HEALTHSPACE_GATEWAY_PASSPHRASE_FILE names
    keys/hub.key beside the journal         32 bytes, made at the first start

What each protects: a key file lies on the same disk as the journal, so it keeps a journal, or a
backup, that is carried away alone from being read, and it lets erasing a person destroy what opens
their readings. It does not protect a disk that is stolen whole; a passphrase does.
"""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway import durable
from gateway.errors import JournalError
from gateway.journal.ownership import as_whoever_asks

KEY_BYTES = 32
SALT_BYTES = 16
PASSPHRASE_FILE = "HEALTHSPACE_GATEWAY_PASSPHRASE_FILE"  # noqa: S105  the name of a variable

_KEY = "hub.key"
_NEXT = "hub.key.next"
_SALT = "passphrase.salt"
_NEXT_SALT = "passphrase.salt.next"


@dataclass(frozen=True, slots=True)
class HubKey:
    """32 secret bytes, which show nowhere."""

    secret: bytes = field(repr=False)


def folder_of(journal: Path) -> Path:
    """Return the folder with the keys of a journal."""
    return journal.parent / "keys"


def find(folder: Path, *, make: bool = False) -> list[HubKey]:
    """Return the keys to try, the likeliest first: two where a change of keys was cut short.

    With `make`, one is drawn and kept in a file where there is none. Raises JournalError if there
    is none, or if others may read it.
    """
    credential = _credential("hub-key")
    if credential is not None:
        with as_whoever_asks():
            return [_checked(credential.read_bytes(), credential)]
    if (folder / _SALT).exists():
        return [_by_salt(folder / _SALT)]
    kept = [folder / name for name in (_KEY, _NEXT) if (folder / name).exists()]
    if not kept and make:
        keep_in_file(folder, HubKey(secrets.token_bytes(KEY_BYTES)))
        kept = [folder / _KEY]
    if not kept:
        raise JournalError(
            f"there is no key for the journal in {folder}: put back {_KEY}, which was made with it"
        )
    found = [_checked(_private_bytes(path), path) for path in kept]
    if (folder / _NEXT_SALT).exists():
        found.append(_by_salt(folder / _NEXT_SALT))
    return found


def not_in_a_file(folder: Path) -> HubKey | None:
    """Return the key that a credential or a passphrase gives; None if the key's place is a file.

    Raises JournalError if the passphrase is not given.
    """
    return find(folder)[0] if _is_given(folder) else None


def from_passphrase(passphrase: bytes, salt: bytes) -> HubKey:
    """Stretch a passphrase: RFC 9106's second choice, 64 MiB and some tenths of a second."""
    stretch = Argon2id(salt=salt, length=KEY_BYTES, iterations=3, lanes=4, memory_cost=64 * 1024)
    return HubKey(stretch.derive(passphrase))


def refuse_empty(passphrase: bytes) -> None:
    """Raise JournalError for a passphrase that would protect nothing."""
    if not passphrase.strip():
        raise JournalError("the passphrase is empty: nothing would be protected by it")


def keep_in_file(folder: Path, key: HubKey) -> None:
    """Keep the key in its file, in place of what was there, for this user only."""
    prepare(folder, key)
    settle(folder, key)


def require_file(folder: Path) -> None:
    """Raise JournalError unless the key in use is the one in its file."""
    if _is_given(folder):
        raise JournalError(
            "the key of this journal is not in a file: change the credential or passphrase where"
            " it is kept"
        )


def prepare(folder: Path, key: HubKey) -> None:
    """Write a key that is about to replace the one in use; `settle` completes the change."""
    _write(folder, _NEXT, key.secret)


def prepare_passphrase(folder: Path) -> HubKey:
    """Do the same for the key that the passphrase gives from now on, and return it.

    Raises JournalError if the passphrase is not where the gateway looks for it, or is empty.
    """
    salt, passphrase = secrets.token_bytes(SALT_BYTES), _passphrase()
    refuse_empty(passphrase)
    key = from_passphrase(passphrase, salt)
    _write(folder, _NEXT_SALT, salt)
    return key


def settle(folder: Path, key: HubKey) -> None:
    """Complete a change of keys, or take it back: `key` is the one that opens the journal.

    Raises JournalError if the disk fails.
    """
    try:
        prepared, salt = folder / _NEXT, folder / _NEXT_SALT
        if salt.exists():
            _take(salt, folder / _SALT, wanted=_by_salt(salt) == key)
        if (folder / _SALT).exists():
            (folder / _KEY).unlink(missing_ok=True)  # it opens nothing any more
        elif prepared.exists():
            _take(prepared, folder / _KEY, wanted=prepared.read_bytes() == key.secret)
    except OSError as error:
        raise JournalError(f"cannot keep a key in {folder}: {error.strerror}") from error


def _take(prepared: Path, place: Path, *, wanted: bool) -> None:
    if wanted:
        prepared.replace(place)
    else:
        prepared.unlink()
    durable.sync(place.parent)


def _is_given(folder: Path) -> bool:
    return _credential("hub-key") is not None or (folder / _SALT).exists()


def _credential(name: str) -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    path = Path(folder) / name
    with as_whoever_asks():
        return path if path.exists() else None


def _by_salt(path: Path) -> HubKey:
    return from_passphrase(_passphrase(), _private_bytes(path))


def _passphrase() -> bytes:
    path = _credential("hub-passphrase")
    if path is None and os.environ.get(PASSPHRASE_FILE):
        path = Path(os.environ[PASSPHRASE_FILE])
    if path is None:
        raise JournalError(
            "the journal is locked by a passphrase: give it as the systemd credential"
            f" hub-passphrase, or name a file that holds it in {PASSPHRASE_FILE}"
        )
    try:
        with as_whoever_asks():
            return path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise JournalError(f"cannot read the passphrase {path}: {error.strerror}") from error


def _private_bytes(path: Path) -> bytes:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise JournalError(
                f"others may read the key {path}: run 'chmod 600 {path}', and change the key if"
                " somebody may have read it"
            )
        return path.read_bytes()
    except OSError as error:
        raise JournalError(f"cannot read the key {path}: {error.strerror}") from error


def _checked(secret: bytes, path: Path) -> HubKey:
    if len(secret) != KEY_BYTES:
        raise JournalError(f"the key {path} is not {KEY_BYTES} bytes long: put the right one back")
    return HubKey(secret)


def _write(folder: Path, name: str, content: bytes) -> None:
    """Make the file whole and durable, or leave it as it was."""
    try:
        durable.make_folder(folder)
        durable.write(folder / name, content)
    except OSError as error:
        raise JournalError(f"cannot keep a key in {folder}: {error.strerror}") from error
