"""Write docs/configuration.md from the classes that validate the file. `make docs` runs it."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config import Config

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

HEAD = """\
# Configuration

One TOML file, validated whole before anything else is opened.
It is looked for in `$HEALTHSPACE_GATEWAY_CONFIG`, then in these places, unless `--config` names it:

- `/etc/healthspace-gateway/gateway.toml`
- `~/.config/healthspace-gateway/gateway.toml`

A fault is told with its line, its key and what to write there, in French or English.
An unknown key is refused with the nearest valid name.
`healthspace-gateway config check` says so without starting anything.
It also looks whether the drivers are there and know their settings.

This page is written by `make docs` from the classes that validate the file.
"""


def page() -> str:
    """Return the page as text."""
    return "\n".join([HEAD, *_tables(Config, "", {})])


def _tables(
    model: type[BaseModel], prefix: str, shown: dict[type[BaseModel], str]
) -> Iterator[str]:
    """Yield the tables below a model; `shown` names those that the page has already."""
    for name, field in model.model_fields.items():
        models, repeated = _inner(field.annotation)
        path = f"{prefix}{name}"
        header = {"list": f"[[{path}]]", "map": f'[{path}."..."]', "": f"[{path}]"}[repeated]
        for inner in models:
            kind = inner.model_fields["type"].default if len(models) > 1 else None
            title = f"`{header}`" + (f' with `type = "{kind}"`' if kind else "")
            yield f"## {title}\n"
            if inner in shown:
                yield f"The keys of {shown[inner]}.\n"
                continue
            shown[inner] = title
            yield f"{inspect.getdoc(inner)}\n"
            meanings = _meanings(inner)
            rows = [
                f"| `{key}` | {_default(leaf)} | {meanings.get(key, '')} |"
                for key, leaf in inner.model_fields.items()
                if not _inner(leaf.annotation)[0]
            ]
            if rows:
                yield "| key | default | meaning |\n|---|---|---|"
                yield from (*rows, "")
            yield from _tables(inner, f"{path}.", shown)


def _inner(annotation: object) -> tuple[list[type[BaseModel]], str]:
    """Find the settings classes in an annotation, and whether it is one, a list or a map."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation], ""
    origin = typing.get_origin(annotation)
    found = [model for part in typing.get_args(annotation) for model in _inner(part)[0]]
    shapes: dict[object, str] = {tuple: "list", list: "list", dict: "map"}
    return found, shapes.get(origin, "") if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    if value in ((), {}, "", frozenset()):
        return ""
    written = sorted(value) if isinstance(value, frozenset) else value
    return "`" + json.dumps(written, default=str, ensure_ascii=False).replace("|", "\\|") + "`"


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Collect the string that stands under each field in the source."""
    meanings: dict[str, str] = {}
    for parent in model.__bases__:
        if issubclass(parent, BaseModel) and parent is not BaseModel:
            meanings |= _meanings(parent)
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    if isinstance(body, ast.ClassDef):
        for field, text in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                words = " ".join(str(text.value.value).split())
                meanings[field.target.id] = words.replace("|", "\\|")
    return meanings


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
