"""The pages in which a Dexcom receiver keeps its records."""

from collections import deque

from firmware_sims.packing.dexcom import PAGE_DATA_BYTES, page_header


class Partition:
    """Records of one type, numbered from the first ever written, as many to a page as fit.

    The last page grows. Pages before `first_page` were overwritten before the story begins; with
    `pages_kept`, the oldest page goes when there are more.
    """

    def __init__(
        self,
        record_type: int,
        revision: int,
        record_bytes: int,
        *,
        first_page: int = 0,
        pages_kept: int | None = None,
    ) -> None:
        self.record_type = record_type
        self.revision = revision
        self.per_page = PAGE_DATA_BYTES // record_bytes
        self._first_page = first_page
        self._pages: deque[list[bytes]] = deque(maxlen=pages_kept)

    def append(self, record: bytes) -> None:
        """Store a record behind the others."""
        if not self._pages or len(self._pages[-1]) == self.per_page:
            if len(self._pages) == self._pages.maxlen:
                self._first_page += 1
            self._pages.append([])
        self._pages[-1].append(record)

    def page_range(self) -> tuple[int, int] | None:
        """Return the first and the last page there is, or None."""
        if not self._pages:
            return None
        return self._first_page, self._first_page + len(self._pages) - 1

    def header(self, page: int) -> bytes | None:
        """Return the header of a page, or None."""
        records = self._records(page)
        if records is None:
            return None
        first = page * self.per_page
        return page_header(self.record_type, self.revision, page, first, len(records))

    def page(self, page: int) -> bytes | None:
        """Return a page, header included, or None."""
        header, records = self.header(page), self._records(page)
        if header is None or records is None:
            return None
        return header + b"".join(records).ljust(PAGE_DATA_BYTES, b"\xff")

    def _records(self, page: int) -> list[bytes] | None:
        place = page - self._first_page
        return self._pages[place] if 0 <= place < len(self._pages) else None
