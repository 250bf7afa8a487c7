"""Says what is wrong with a configuration: the line, the key, and what to write there instead.

Each fault is a sentence of ours, which `gateway/language/problems.fr.toml` has in French too.
Nothing of it is the value that stands there, for that may be a secret.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Path_ = tuple[str | int, ...]
Types = Mapping[str, type[BaseModel]]

_TEXT = "must be text in quotation marks, such as {example}."
_WHOLE = "must be a whole number without quotation marks, such as {example}."
_NUMBER = "must be a number without quotation marks, such as {example}."
_SWITCH = "must be true or false without quotation marks, such as {example}."
_LIST = "must be a list in square brackets, such as {example}."
_TABLE = "must be a table: write its keys below the heading {heading}."
_CHOICE = "must be one of: {choices}."
_EMPTY = "must not be empty: write, for example, {example}."

_SENTENCES = {
    "missing": "is missing: write, for example, {example}.",
    "string_type": _TEXT,
    "path_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "finite_number": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "tuple_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "union_tag_not_found": _TABLE,
    "union_tag_invalid": "has a type that does not exist: write as its type one of: {choices}.",
    "greater_than": "must be more than {gt}.",
    "greater_than_equal": "must be {ge} or more.",
    "less_than_equal": "must be {le} or less.",
    "string_too_short": _EMPTY,
    "too_short": _EMPTY,
    "string_pattern_mismatch": "must be written like {example} (its pattern is {pattern}).",
}
"""What is said of each kind of fault that pydantic finds; a validator of ours says its own."""
_NO_TABLE = "is missing: write its keys below the heading {heading}."
_ANY_VALUE = "must be text, a whole number, true or false."
_UNKNOWN = "cannot stand here: docs/configuration.md says what can."


def faults_of(
    error: ValidationError, text: str, source: str, whole: type[BaseModel], types: Types
) -> list[str]:
    """Return a line for each fault: `source`, the line there, the key, and what to write.

    `whole` validates the file, and `types` says what a destination of each type is told.
    """
    lines = dict(_lines(text))
    faults = []
    for fault in error.errors():
        place = _Place((), whole)
        for part in fault["loc"]:
            place = _inside(place, part, types)
        ways = (place.path[:n] for n in range(len(place.path), 0, -1))
        line = next((lines[way] for way in ways if way in lines), 1)
        limits = {name: _whole(limit) for name, limit in fault.get("ctx", {}).items()}
        if fault["type"] == "extra_forbidden":
            faults.append(_unknown_key(source, line, place))
        elif fault["type"] == "value_error":
            faults.append(f"{source}:{line}: {place.name}: {limits['error']}")
        else:
            said = _said(place, fault["type"], {"choices": _listed(types), **limits})
            faults.append(f"{source}:{line}: {place.name}: {said}")
    return list(dict.fromkeys(faults))


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the file: the way to it as it stands there, and what is valid."""

    path: Path_
    annotation: object
    field: FieldInfo | None = None
    """The last field on the way: of what is in a list, that of the list."""
    beside: tuple[str, ...] = ()
    """The keys that are valid where the last one stands."""

    @property
    def name(self) -> str:
        """What it is called in a message."""
        return ".".join(str(part) for part in self.path)

    @property
    def heading(self) -> str:
        """The heading of the table that belongs here."""
        names = [
            name if re.fullmatch(r"[\w-]+", name) else json.dumps(name, ensure_ascii=False)
            for name in self.path
            if isinstance(name, str)
        ]
        several = isinstance(self.path[-1], int) or get_origin(_bare(self.annotation)) is tuple
        return f"[[{'.'.join(names)}]]" if several else f"[{'.'.join(names)}]"

    @property
    def example(self) -> str:
        """A line that could stand here."""
        key = [part for part in self.path if isinstance(part, str)][-1]
        return f"{key} = {_written(_example(self.field))}"


def _inside(place: _Place, part: str | int, types: Types) -> _Place:
    """Go one step of a path of pydantic's, which also names the alternatives it tried."""
    of = _bare(place.annotation)
    way = (*place.path, part)
    if _is_model(of):
        fields = of.model_fields
        field = fields.get(str(part))
        return _Place(way, None if field is None else field.annotation, field, tuple(fields))
    if get_origin(of) in (tuple, frozenset):
        return replace(place, path=way, annotation=get_args(of)[0])
    if get_origin(of) is dict:
        return replace(place, path=way, annotation=get_args(of)[1])
    return replace(place, annotation=types.get(str(part), of))


def _bare(annotation: Any) -> Any:
    """Take away what only says that something may be absent, or how it is checked."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        others = [each for each in get_args(annotation) if each is not NoneType]
        return _bare(others[0]) if len(others) == 1 else annotation
    return annotation


def _is_model(of: Any) -> bool:
    return isinstance(of, type) and issubclass(of, BaseModel)


def _unknown_key(source: str, line: int, place: _Place) -> str:
    near = difflib.get_close_matches(str(place.path[-1]), place.beside, n=1, cutoff=0.5)
    if near:
        return f"{source}:{line}: unknown key '{place.name}'; did you mean '{near[0]}'?"
    valid = ", ".join(sorted(place.beside))
    return f"{source}:{line}: unknown key '{place.name}'; valid here: {valid}."


def _said(place: _Place, kind: str, gaps: Mapping[str, Any]) -> str:
    of = _bare(place.annotation)
    sentence = _SENTENCES.get(kind, _UNKNOWN)
    if kind == "union_tag_invalid":
        return sentence.format(**gaps)
    if choices := _choices(of):
        return (sentence if kind == "missing" else _CHOICE).format(
            choices=_listed(choices), example=place.example
        )
    if get_origin(of) in (Union, UnionType) and sentence is not _TABLE:
        return _ANY_VALUE
    if kind == "missing" and _is_model(of):
        return _NO_TABLE.format(heading=place.heading)
    if sentence is _LIST and _holds_tables(of):
        sentence = _TABLE
    if sentence is _TABLE:
        return sentence.format(heading=place.heading)
    return sentence.format(**gaps, example=place.example)


def _holds_tables(of: Any) -> bool:
    item = _bare(get_args(of)[0])
    return _is_model(item) or get_origin(item) in (Union, UnionType)


def _choices(of: Any) -> Iterable[object]:
    if get_origin(of) is Literal:
        return get_args(of)
    return tuple(of) if isinstance(of, type) and issubclass(of, Enum) else ()


def _whole(limit: object) -> object:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _listed(choices: Iterable[object]) -> str:
    return ", ".join(_written(choice) for choice in choices)


def _example(field: FieldInfo | None) -> object:
    """Return a value that could stand there: what it is unless set, an example, or any."""
    if field is None or get_origin(_bare(field.annotation)) is dict:
        return "..."
    known = (field.default, *(field.examples or ()))
    return next((each for each in known if each not in (None, PydanticUndefined, ())), "...")


def _written(value: object) -> str:
    """Write a value as TOML; of several the first in order."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"[{', '.join(_written(each) for each in sorted(value)[:1])}]"
    return json.dumps(str(value), ensure_ascii=False)


_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def _lines(text: str) -> Iterator[tuple[Path_, int]]:
    """Yield the path of every table and key with its line; good enough for messages."""
    table: Path_ = ()
    counts: dict[Path_, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            named = _parts(header[2])
            if header[1] == "[[":
                counts[named] = counts.get(named, -1) + 1
            table = _numbered(named, counts)
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, *_parts(key[1])), number


def _numbered(named: Path_, counts: Mapping[Path_, int]) -> Path_:
    """Return the way to a table: of those of one name, the last is meant."""
    way: Path_ = ()
    for n, part in enumerate(named, start=1):
        way = (*way, part, counts[named[:n]]) if named[:n] in counts else (*way, part)
    return way


def _parts(dotted: str) -> Path_:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
