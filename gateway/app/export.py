"""All that the hub has of one person, as one ZIP file that they take with them.

    readings.csv         every reading, a line for each number, in the person's language
    readings.fhir.json   those that are fit to be sent, as FHIR R4: one Bundle of type collection
    consents.fhir.json   every consent they gave, as FHIR R4
    documents/           the reports that were made
    readme.txt           what is what

It is made as it is read, so years of sensor readings need no more memory than a day's, and nothing
of it touches the disk here. In French the table is as French spreadsheets read it: semicolons and
decimal commas.

Spec: RFC 4180 for the table; http://hl7.org/fhir/R4/bundle.html for the Bundles.
"""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.consent.gate import unfit_to_be_sent
from gateway.consent.grant import Grant, withdrawal_of
from gateway.domain.reading import Kind, Quality
from gateway.domain.subject import SubjectId
from gateway.errors import UplinkRejected
from gateway.journal.reader import Reader
from gateway.journal.views import EntryView, Position
from gateway.language.order import by_the_letter
from gateway.language.words import Words
from gateway.uplink.fhir_consent import consent
from gateway.uplink.fhir_identifiers import Resource, Sender
from gateway.uplink.fhir_phd import full_url, resources
from gateway.uplink.mes_mapping import encode
from gateway.web.saying import whereabouts
from gateway.web.words import words

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PATIENTS = "urn:healthspace-gateway:subject"
_PAGE = 200
_PIECE = 16_384
"""Bytes of the file, before they are handed over; in the daemon to another thread."""
_COLUMNS = (
    *("measured_on", "utc_offset", "uncertainty_s", "kind", "measure", "value", "unit"),
    *("flags", "device", "where", "id"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets would compute: a device chooses its own name."""


def export(
    reader: Reader, subject: SubjectId, language: str, at: datetime, title: Callable[[str], str]
) -> Iterator[bytes]:
    """Yield the file piece by piece. Raises JournalError where the journal cannot be read.

    `at` is when it is made; `title` says what people call a destination. It opens the journal once
    more, for itself, so that it can run in a thread beside the daemon.
    """
    with reader.another() as own:
        yield from _Export(own, subject, words(language), at, title).pieces()


class _Export:
    def __init__(
        self,
        reader: Reader,
        subject: SubjectId,
        words: Words,
        at: datetime,
        title: Callable[[str], str],
    ) -> None:
        self._reader = reader
        self._subject = subject
        self._words = words
        self._at = at
        self._title = title
        self._sender = Sender(_PATIENTS, subject, "export")

    def pieces(self) -> Iterator[bytes]:
        out = _Pieces()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            made: list[tuple[str, Iterable[bytes]]] = [
                ("readme.txt", [self._words("export.readme").encode()]),
                ("readings.csv", self._table()),
                ("readings.fhir.json", self._bundle(self._observations())),
                ("consents.fhir.json", self._bundle(self._consents())),
            ]
            for name, content in made:
                with archive.open(self._file(name), "w", force_zip64=True) as file:
                    for piece in content:
                        file.write(piece)
                        yield from out.taken()
            for page in self._pages(Kind.GLUCOSE_REPORT):
                for view in page:
                    document = view.entry.reading.document
                    if document is not None:
                        name = f"documents/{view.entry.id}.pdf"
                        archive.writestr(self._file(name), document.content)
                        yield from out.taken()
        yield from out.taken(least=0)

    def _file(self, name: str) -> zipfile.ZipInfo:
        at = self._at
        info = zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        return info

    def _pages(self, kind: Kind | None = None) -> Iterator[list[EntryView]]:
        """Yield the person's readings, all or of a kind, the latest first, each once."""
        before: Position | None = None
        told = _Told()
        while page := self._reader.entries(
            limit=_PAGE, before=before, subject=self._subject, kind=kind
        ):
            yield [view for view in page if told.is_new(view.position.number)]
            before = page[-1].position

    def _table(self) -> Iterator[bytes]:
        text = io.StringIO()
        table = csv.writer(text, delimiter=self._words("export.delimiter"))
        text.write("\N{BYTE ORDER MARK}")  # else a spreadsheet takes it for another encoding
        table.writerow([self._words(f"export.column.{column}") for column in _COLUMNS])
        for page in self._pages():
            for view in page:
                table.writerows(_lines(view, self._title, self._words))
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
        yield text.getvalue().encode()

    def _observations(self) -> Iterator[list[Resource]]:
        """Yield page by page the resources of what is fit to be sent, each once."""
        common: set[str] = set()
        for page in self._pages():
            found: list[Resource] = []
            for view in page:
                if unfit_to_be_sent(view.entry) is not None:
                    continue
                try:
                    made = resources(view.entry, self._sender)
                except UplinkRejected:  # FHIR has no words for it: it is in the table
                    continue
                for each in made:
                    url = full_url(each)
                    if each["resourceType"] != "Observation":  # the person, or a device
                        if url in common:
                            continue
                        common.add(url)
                    found.append({"fullUrl": url, "resource": each})
            yield found

    def _consents(self) -> Iterator[list[Resource]]:
        ledger = self._reader.ledger(self._subject)
        for entry in ledger:
            if isinstance(entry, Grant):
                title = self._title(entry.destination)
                yield [{"resource": consent(entry, withdrawal_of(entry, ledger), title)}]

    def _bundle(self, entries: Iterable[list[Resource]]) -> Iterator[bytes]:
        stamp = encode({"timestamp": self._at.isoformat()})[1:-1]
        yield b'{"resourceType":"Bundle","type":"collection",' + stamp
        separator = b',"entry":['  # no empty array: FHIR has none
        for some in entries:
            if some:
                yield separator + b",".join(map(encode, some))
                separator = b","
        yield b"}" if separator != b"," else b"]}"


class _Pieces(io.RawIOBase):
    """What the archive is written to; it is taken away as it comes."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: ReadableBuffer, /) -> int:
        self._waiting += piece
        return memoryview(piece).nbytes

    def taken(self, least: int = _PIECE) -> Iterator[bytes]:
        """Yield what is waiting, if there is enough of it: each piece is handed over by itself."""
        if len(self._waiting) > least:
            taken = bytes(self._waiting)
            self._waiting.clear()
            yield taken


class _Told:
    """Which entries were told already: a time that is corrected meanwhile moves one to later pages.

    A bit for each, for a journal of years has hundreds of thousands.
    """

    def __init__(self) -> None:
        self._bits = bytearray()

    def is_new(self, number: int) -> bool:
        """Tell whether an entry was not told before; it is from now on."""
        at, bit = number // 8, 1 << number % 8
        self._bits.extend(bytes(max(0, at + 1 - len(self._bits))))
        before = self._bits[at]
        self._bits[at] |= bit
        return not before & bit


def _lines(view: EntryView, title: Callable[[str], str], say: Words) -> Iterator[list[str]]:
    """Yield a line for each number of a reading; one without a number if it has none."""
    entry, reading = view.entry, view.entry.reading
    at, doubt = entry.timing.measured_at, entry.timing.uncertainty
    when = [
        f"{at:%Y-%m-%d %H:%M:%S}",
        f"{at:%z}",
        "" if doubt is None else str(math.ceil(doubt.total_seconds())),
        say(f"kind.{reading.kind}"),
    ]
    remarks = (say.or_none(f"flag.{flag}") or flag for flag in reading.flags)
    flags = sorted(remarks, key=by_the_letter)
    if reading.quality is not Quality.GOOD:
        flags.insert(0, say(f"export.{reading.quality}"))
    where = [whereabouts(each, title(each.destination), say).sentence for each in view.deliveries]
    device = " ".join(
        part for part in (entry.device.manufacturer, entry.device.model) if part is not None
    )
    if device.startswith(_FORMULA):
        device = f"'{device}"
    rest = [", ".join(flags), device, "; ".join(where), entry.id]
    numbers = [
        [
            say(f"measure.{measure}"),
            f"{quantity.value:f}".replace(".", say("decimal")),
            say(f"unit.{quantity.unit.name.lower()}"),
        ]
        for measure, quantity in reading.values.items()
    ]
    limit = "" if reading.limit is None else say(f"limit.{reading.limit}")
    for each in numbers or [["", limit, ""]]:
        yield [*when, *each, *rest]
