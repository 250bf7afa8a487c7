"""Backups: everything a new hub needs to take over, in one encrypted file.

    "HSGWBK1" | 16 bytes of salt | chunks: 4 bytes of length, then content sealed under a key that
    Argon2id stretches from the passphrase (ChaCha20-Poly1305, the chunk's number as nonce, and
    whether it is the last covered by the tag: nothing can be cut off, moved or added)

Inside is a tar archive: the database as of one moment, the hub key, the Bluetooth bonds. The file
of what was taken back is not in it (see taken_back.py).
"""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
import struct
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway import durable
from gateway.errors import JournalError
from gateway.journal import hub_key
from gateway.journal.keys import Keyring
from gateway.journal.ownership import as_whoever_asks
from gateway.journal.schema import open_reader
from gateway.journal.scratch import scratch

_MAGIC = b"HSGWBK1"
_CHUNK_BYTES = 64 * 1024
_SEALED_MAX = _CHUNK_BYTES + 16

DATABASE = "journal.db"
HUB_KEY = "hub-key"
_HELD = re.compile(
    r"journal\.db|hub-key|bonds-[0-9]+\.json|rotating-names\.json"
    r"|bluez~[0-9A-F:]{17}~[0-9A-F:]{17}"
)
"""The names of what a backup holds. Unpacked beside the journal, a file of any other could be taken
for one of the hub's own, such as the API's token, by whoever made it."""


def write(target: Path, passphrase: bytes, journal: Path, others: Mapping[str, bytes]) -> int:
    """Write a backup of a journal, which may be in use; return its size in bytes.

    `others` is what files that go with it hold, by name. Raises JournalError; then there is no new
    file.
    """
    hub_key.refuse_empty(passphrase)
    part = target.with_name(target.name + ".part")
    try:
        with scratch(journal) as folder:
            snapshot = folder / DATABASE
            reader = open_reader(journal)
            try:
                reader.copy_to(snapshot)
            finally:
                reader.close()
            key = _hub_key(snapshot, hub_key.folder_of(journal))
            with os.fdopen(_made_anew(part), "wb") as out:
                with (
                    _Sealing(out, passphrase) as sealing,
                    tarfile.open(fileobj=sealing, mode="w|") as archive,
                ):
                    archive.add(snapshot, DATABASE)
                    _add_bytes(archive, HUB_KEY, key)
                    for name, content in others.items():
                        _add_bytes(archive, name, content)
                out.flush()
                os.fsync(out.fileno())
            with as_whoever_asks():
                part.replace(target)
                durable.sync(target.absolute().parent)
                return target.stat().st_size
    except OSError as error:
        raise JournalError(f"cannot write the backup {target}: {error.strerror}") from error
    finally:
        with as_whoever_asks():
            part.unlink(missing_ok=True)


def read(source: Path, passphrase: bytes, folder: Path) -> dict[str, bytes]:
    """Unpack a backup's database into a folder; return what else it holds, by name.

    Raises JournalError if the passphrase is another, or anything of the file is missing or changed.
    """
    beside: dict[str, bytes] = {}
    try:
        with (
            _opened(source) as file,
            tarfile.open(fileobj=_Opened(_chunks(file, passphrase, source)), mode="r|") as archive,
        ):
            for member in archive:
                if (
                    not member.isfile()
                    or member.issparse()  # it would fill the disk with what is not there
                    or _HELD.fullmatch(member.name) is None
                ):
                    raise JournalError(f"{source} holds something that no backup does")
                content = archive.extractfile(member)
                if content is not None and member.name == DATABASE:
                    with (folder / DATABASE).open("xb") as out:
                        shutil.copyfileobj(content, out)
                    (folder / DATABASE).chmod(0o600)
                elif content is not None:
                    beside[member.name] = content.read()
    except OSError as error:
        raise JournalError(f"cannot read the backup {source}: {error.strerror}") from error
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        # All but the first come of headers that nobody writes who means well.
        raise JournalError(f"{source} is no complete backup: {error}") from error
    if HUB_KEY not in beside:
        raise JournalError(f"{source} is no complete backup: it holds no key")
    return beside


def _made_anew(part: Path) -> int:
    """Open a new file to write to; what is there may be a link, in a folder that others write."""
    with as_whoever_asks():
        part.unlink(missing_ok=True)
        return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _opened(source: Path) -> BinaryIO:
    with as_whoever_asks():
        return source.open("rb")


def _hub_key(snapshot: Path, folder: Path) -> bytes:
    """Return the key that opens the snapshot: while it was made the key may have been changed."""
    database = open_reader(snapshot)
    try:
        return Keyring(database, hub_key.find(folder)).hub.secret
    finally:
        database.close()


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


class _Sealing(io.RawIOBase):
    """What is written goes out in sealed chunks; the last one when it is closed."""

    def __init__(self, out: BinaryIO, passphrase: bytes) -> None:
        salt = secrets.token_bytes(hub_key.SALT_BYTES)
        out.write(_MAGIC + salt)
        self._out = out
        self._cipher = ChaCha20Poly1305(hub_key.from_passphrase(passphrase, salt).secret)
        self._waiting = bytearray()
        self._number = 0

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        piece = bytes(content)  # type: ignore[call-overload]  # any buffer
        self._waiting += piece
        while len(self._waiting) > _CHUNK_BYTES:
            self._put(bytes(self._waiting[:_CHUNK_BYTES]), last=False)
            del self._waiting[:_CHUNK_BYTES]
        return len(piece)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._put(bytes(self._waiting), last=True)

    def _put(self, content: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number), content, _END if last else b"")
        self._out.write(struct.pack(">I", len(sealed)) + sealed)
        self._number += 1


_END = b"last"


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")  # the key is this file's own: a count never repeats


def _chunks(file: BinaryIO, passphrase: bytes, source: Path) -> Iterator[bytes]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise JournalError(f"{source} is no backup of this gateway")
    salt = file.read(hub_key.SALT_BYTES)
    cipher = ChaCha20Poly1305(hub_key.from_passphrase(passphrase, salt).secret)
    number = 0
    head = file.read(4)
    while True:
        (length,) = struct.unpack(">I", head) if len(head) == 4 else (0,)
        sealed = file.read(min(length, _SEALED_MAX))
        head = file.read(4)
        try:
            yield cipher.decrypt(_nonce(number), sealed, b"" if head else _END)
        except (InvalidTag, ValueError) as error:
            raise JournalError(
                f"{source} cannot be opened: the passphrase is another, or the file is incomplete"
                " or changed"
            ) from error
        if not head:
            return
        number += 1


class _Opened(io.RawIOBase):
    """What the chunks hold, as one file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # any buffer
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = chunk
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
