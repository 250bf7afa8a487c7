"""Every command that a page shows can be typed: it exists, and takes these arguments."""

import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from gateway.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
_COMMAND = re.compile(r"(?:^|[\s/])healthspace-gateway (\w.*)")
_FENCED = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)


def shown() -> list[tuple[str, str]]:
    """Return each command in a block of a page, without what a shell would take for itself."""
    found = []
    for page in PAGES:
        for block in _FENCED.findall(page.read_text()):
            for line in block.splitlines():
                if line.startswith("Usage:") or (command := _COMMAND.search(line)) is None:
                    continue
                alone = re.split(r"\s(?:#|&&|\||>)(?:\s|$)", command[1])[0]
                found.append((str(page.relative_to(ROOT)), alone.strip()))
    return found


@pytest.mark.parametrize(("page", "line"), sorted(set(shown())))
def test_a_command_that_a_page_shows_can_be_typed(page: str, line: str) -> None:
    command = typer.main.get_command(app)
    context = click.Context(command)
    words = shlex.split(line)

    while isinstance(command, click.Group) and words:
        name, *words = words
        command = command.get_command(context, name) or pytest.fail(f"{page}: no command {name}")

    command.make_context(line, words)
