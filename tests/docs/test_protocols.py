"""The pages of docs/protocols say what the drivers do: their worked examples are decoded here."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from gateway.drivers.decoding import Decoding
from gateway.drivers.registry import GROUP, Registry

PAGES = Path(__file__).parents[2] / "docs" / "protocols"
INDEX = PAGES / "README.md"

EXAMPLE = re.compile(r"^```decode name=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DRIVER = re.compile(r"`((?:bp_monitor|cgm|glucose_meter|scale|\w+)/\w+)`")
LINK = re.compile(r"^\| \[[\w-]+\]\(([\w-]+\.md)\)", re.MULTILINE)
CHECKED = re.compile(r"^\| ([^|]+) \| (done|cannot|unknown) \| [^|]+ \|$", re.MULTILINE)
QUESTIONS = [
    "units read from the device",
    "out-of-range values",
    "device clock",
    "duplicates",
    "error codes",
    "unplug",
    "status unknown",
]

OURS = [point for point in entry_points(group=GROUP) if point.value.startswith("gateway.drivers.")]
DECODING = Decoding(Registry(point.load() for point in OURS))


@dataclass(frozen=True)
class Example:
    """A question to `decode`, and the answer the page gives."""

    page: str
    name: str
    text: str

    def parts(self) -> Iterator[dict[str, object]]:
        """Return the question, then the answer."""
        decoder = json.JSONDecoder(parse_float=Decimal)
        rest = self.text.lstrip()
        while rest:
            part, end = decoder.raw_decode(rest)
            yield part
            rest = rest[end:].lstrip()


def pages() -> list[Path]:
    return sorted(set(PAGES.glob("*.md")) - {INDEX})


def examples() -> list[Example]:
    return [
        Example(page.stem, name, text)
        for page in [INDEX, *pages()]
        for name, text in EXAMPLE.findall(page.read_text())
    ]


def drivers_of(page: Path) -> list[str]:
    """Return the drivers that a page is about: those named before its first section."""
    return DRIVER.findall(page.read_text().partition("\n## ")[0])


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example_is_what_decode_answers(example: Example) -> None:
    question, answer = example.parts()

    said = json.loads(DECODING.line(json.dumps(question)), parse_float=Decimal)

    assert {name: part for name, part in said.items() if name != "id"} == answer


def test_no_two_examples_have_one_name() -> None:
    names = [example.name for example in examples()]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_a_page_has_an_example_and_answers_the_checklist(page: Path) -> None:
    text = page.read_text()

    assert EXAMPLE.search(text)
    assert [question for question, _ in CHECKED.findall(text)] == QUESTIONS


def test_the_index_lists_every_page() -> None:
    assert sorted(LINK.findall(INDEX.read_text())) == [page.name for page in pages()]


def test_every_driver_has_one_page() -> None:
    described = sorted(driver for page in pages() for driver in drivers_of(page))

    assert described == sorted(point.name for point in OURS)


@pytest.mark.parametrize("point", OURS, ids=lambda point: point.name)
def test_a_driver_cites_its_page(point: EntryPoint) -> None:
    cited = re.findall(
        r"docs/protocols/([\w-]+\.md)", importlib.import_module(point.module).__doc__ or ""
    )

    assert [point.name in drivers_of(PAGES / page) for page in cited] == [True]
