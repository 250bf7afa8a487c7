"""A folder as the place for documents: the file, and beside it what is said of it, as JSON.

    2.25.1234.pdf    the document
    2.25.1234.json   its DocumentReference, without the bytes; a document is there once this is

Both are written under another name, synced and renamed, so that whoever watches the folder never
sees half a file. The folder is not made: what looks like a missing folder may be a disk that is not
mounted, and a document put in its place would be lost to view.
"""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

from gateway import durable
from gateway.errors import UplinkUnavailable
from gateway.uplink.document_reference import Resource
from gateway.uplink.documents import Filing
from gateway.uplink.mes_mapping import encode

_SUFFIXES = {"application/pdf": ".pdf"}


class FolderDeposit:
    """Puts documents into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, filing: Filing, /) -> str:
        """Write both files. Raises UplinkUnavailable if the folder cannot be written.

        Cancelled, it ends once nothing more of them is written.
        """
        writing = asyncio.ensure_future(asyncio.to_thread(self._put, filing))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            writing.exception()  # nobody is left to be told
            raise

    async def find(self, filing: Filing, /) -> str | None:
        """Look for the metadata and for the very bytes. Raises UplinkUnavailable."""
        return await asyncio.to_thread(self._find, filing)

    async def close(self) -> None:
        """Do nothing."""

    def _put(self, filing: Filing) -> str:
        page, metadata = self._files(filing)
        try:
            durable.write(page, filing.document.content)
            durable.write(metadata, encode(_without_bytes(filing.resource, page.name)))
        except OSError as error:
            raise self._unavailable(error) from None
        return page.name

    def _find(self, filing: Filing) -> str | None:
        page, metadata = self._files(filing)
        try:
            if not self._folder.is_dir():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if not (metadata.is_file() and page.is_file()):
                return None
            kept = page.read_bytes()
        except OSError as error:
            raise self._unavailable(error) from None
        return page.name if kept == filing.document.content else None

    def _files(self, filing: Filing) -> tuple[Path, Path]:
        stem = filing.identifier.removeprefix("urn:oid:")
        suffix = _SUFFIXES.get(filing.document.media_type, ".bin")
        return self._folder / f"{stem}{suffix}", self._folder / f"{stem}.json"

    def _unavailable(self, error: OSError) -> UplinkUnavailable:
        return UplinkUnavailable(
            f"The folder for documents cannot be used ({error.strerror}): check that it is there, "
            "mounted and writable, and that there is space."
        )


def _without_bytes(resource: Resource, file: str) -> Resource:
    """Return the metadata with the name of the file in place of its bytes."""
    (content,) = resource["content"]
    attachment = {k: v for k, v in content["attachment"].items() if k != "data"} | {"url": file}
    return resource | {"content": [content | {"attachment": attachment}]}
