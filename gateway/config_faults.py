"""Says what is wrong with a configuration: the line, the key, and the nearest valid one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, ValidationError

Path_ = tuple[str | int, ...]


def faults_of(
    error: ValidationError, text: str, whole: type[BaseModel], types: Mapping[str, type[BaseModel]]
) -> list[str]:
    """Write each fault as `line: sentence`, naming the key and the nearest valid one.

    `whole` validates the file, and `types` says what a destination of each type is told.
    """
    lines, file = dict(_lines(text)), _File(whole, types)
    return [
        _explain(fault["loc"], fault["type"], fault["msg"], lines, file) for fault in error.errors()
    ]


@dataclass(frozen=True, slots=True)
class _File:
    whole: type[BaseModel]
    types: Mapping[str, type[BaseModel]]


def _explain(where: Path_, kind: str, message: str, lines: Mapping[Path_, int], file: _File) -> str:
    path = where
    where = _without_type(where, file)
    shown = next((lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in lines), 1)
    name = ".".join(str(part) for part in where)
    if kind != "extra_forbidden":
        return f"{shown}: {name}: {message.removeprefix('Value error, ')}."
    valid = _fields_at(path[:-1], file)
    near = difflib.get_close_matches(str(where[-1]), valid, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"valid here: {', '.join(sorted(valid))}."
    return f"{shown}: unknown key {name!r}; {hint}"


def _without_type(where: Path_, file: _File) -> Path_:
    """Return the path as it stands in the file: pydantic adds the type of a destination."""
    if where[:1] == ("destinations",) and len(where) > 2 and where[2] in file.types:
        return (*where[:2], *where[3:])
    return where


def _fields_at(where: Path_, file: _File) -> list[str]:
    model: object = file.whole
    for part in where:
        if where[:1] == ("destinations",) and part in file.types:
            model = file.types[str(part)]
            continue
        if isinstance(part, int):
            continue  # the place in a list: what is in it, the field said already
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(part)
            model = _model_in(field.annotation) if field is not None else None
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return []


def _model_in(annotation: object) -> object:
    """Find the settings class inside `X | None`, `tuple[X, ...]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in get_args(annotation))
    return next((model for model in found if model is not None), None)


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
            table = _parts(header[2])
            if header[1] == "[[":
                index = counts.get(table, -1) + 1
                counts[table] = index
                table = (*table, index)
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, *_parts(key[1])), number


def _parts(dotted: str) -> Path_:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
