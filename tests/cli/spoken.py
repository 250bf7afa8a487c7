"""Everything the command says, as its code says it: in English, with its gaps."""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import typer.main

import gateway
from gateway.cli import help as helping
from gateway.cli.main import app

GATEWAY = Path(gateway.__file__).parent
GAP = re.compile(r"{(\w*)}")


def said_by_the_command() -> set[str]:
    """Return what stands in a call of `t`, in a heading, and in a table of sentences."""
    return {said for path in (GATEWAY / "cli").glob("*.py") for said in _said(path)}


def help_texts() -> set[str]:
    """Return the help of all, of several paragraphs the first, and what arguments are called."""
    return set(_helps(typer.main.get_command(app)))


def around_the_help() -> set[str]:
    """Return what typer says around it."""
    return {*helping.around().values(), helping._SUBCOMMANDS, helping._HELP}


def in_the_source(*paths: str) -> set[str]:
    """Return the shape of every text of these files or folders: `{}` for whatever varies."""
    return {shape for path in paths for file in _files(path) for shape in _texts(_parsed(file))}


def raised(*paths: str, only: str | None = None) -> set[str]:
    """Return the shape of every sentence that is raised there, as one error if it is named.

    A TypeError tells a developer of a mistake, in a traceback.
    """
    found = set()
    for file in (file for path in paths for file in _files(path)):
        for node in ast.walk(_parsed(file)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                kind = ast.unparse(node.exc.func)
                if kind == "TypeError" or (only is not None and kind != only):
                    continue
                texts = [_shape(argument) for argument in node.exc.args]
                found |= {text for text in texts if text is not None and " " in text}
    return found


def given(to: Collection[str], *paths: str, aside: Collection[str] = ()) -> set[str]:
    """Return the shape of every text of several words that calls of these names are given there.

    `aside` names files that are left out.
    """
    files = (file for path in paths for file in _files(path))
    return {
        text
        for file in files
        if str(file.relative_to(GATEWAY)) not in aside
        for node in ast.walk(_parsed(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in to
        for text in map(_shape, node.args)
        if text is not None and " " in text
    }


def called(method: str, *paths: str) -> list[str]:
    """Return the texts that a method is given there."""
    return [
        each.value
        for file in (file for path in paths for file in _files(path))
        for node in ast.walk(_parsed(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == method
        for each in node.args
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]


def shape(english: str) -> str:
    return GAP.sub("{}", english)


def _said(path: Path) -> Iterator[str]:
    for node in ast.walk(_parsed(path)):
        match node:
            case ast.Call(func=ast.Name("t"), args=[ast.Constant(str(said)), *_]):
                yield said
            case ast.Call(func=ast.Attribute(attr="t"), args=[ast.Constant(str(said)), *_]):
                yield said
            case ast.Call(
                func=ast.Attribute(attr="count"),
                args=[ast.Constant(str(one)), ast.Constant(str(other)), _],
            ):
                yield from (one, other)
            case ast.Call(func=ast.Name("rows"), args=[_, ast.Constant(str(title)), *_]):
                yield title
            case ast.Assign(targets=[ast.Name(name)], value=ast.Dict(values=values)):
                if name == "columns" or name.isupper():
                    yield from (each.value for each in values if isinstance(each, ast.Constant))
            case _:
                pass


def _helps(command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    texts = [command.help, *(each.help for each in command.params), *map(helping.called, arguments)]
    for text in texts:
        if text is not None:
            yield " ".join(text.split("\n\n")[0].split())
    for below in getattr(command, "commands", {}).values():
        yield from _helps(below)


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if (text := _shape(node)) is not None:
            yield text


def _shape(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr(values):
            return "".join(
                _shape(each) or "" if isinstance(each, ast.Constant) else _gap(each)
                for each in values
            )
        case _:
            return None


def _gap(node: ast.AST) -> str:
    return "'{}'" if isinstance(node, ast.FormattedValue) and node.conversion == ord("r") else "{}"


def _files(path: str) -> list[Path]:
    found = GATEWAY / path
    return sorted(found.rglob("*.py")) if found.is_dir() else [found]


def _parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))
