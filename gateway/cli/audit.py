"""Commands about what happened: the audit chain, a person's account, a reading's timeline."""

from __future__ import annotations

import json as jsons
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.arguments import Json, person
from gateway.cli.show import as_json, as_json_items, rows, say
from gateway.cli.speech import Speech
from gateway.client import Client
from gateway.errors import ConfigError

audit = typer.Typer(no_args_is_help=True, help="The record of all that happened; verify it.")

_WRONG = {
    "signature": "The checkpoint's signature is not right: the file was changed.",
    "other_hub": "The checkpoint is another hub's, or this hub's journal was made anew.",
    "cut": "The chain ends before the checkpoint: its tail was cut off.",
    "rewritten": "The chain is another at the checkpoint: it was written anew.",
}

_Line = dict[str, Any]
"""What the account tells of one reading."""

_GONE = {
    "delivered": "{reading} is kept no longer, after it had been delivered.",
    "undelivered": "{reading} is kept no longer, and had not been delivered.",
    "nobodys": "{reading} is kept no longer: nobody at the counter said that it was theirs.",
}


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(audit, name="audit")
    app.command()(trace)


@audit.command()
def verify(
    context: typer.Context,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint kept elsewhere.")] = None,
    json: Json = False,
) -> None:
    """Verify the audit chain; against a checkpoint also that its tail is there."""
    against = None if checkpoint is None else _read(checkpoint)
    answer, t = context.obj.client.post("audit", "verify", checkpoint=against), context.obj.t
    links, fails_at = answer["links"], answer["fails_at"]
    if json:
        as_json(answer)
    elif fails_at is not None:
        say(t("The chain fails at link {at} of {links}.", at=fails_at, links=links))
    elif answer["checkpoint"] is not None:
        say(t(_WRONG[answer["checkpoint"]]))
        if answer["begun_anew"] is not None:
            say(
                t(
                    "The log itself says that a backup was restored, or damage salvaged, since the"
                    " checkpoint: {at}. What it said before is beside the journal, in a folder"
                    " replaced-... or damaged-...",
                    at=t.moment(answer["begun_anew"]),
                )
            )
    elif checkpoint is None:
        say(t("Whole: {links} links.", links=links))
    else:
        say(t("Whole: {links} links, and goes on from the checkpoint.", links=links))
    if answer["fails_at"] is not None or answer["checkpoint"] is not None:
        raise typer.Exit(1)


@audit.command("checkpoint")
def make_checkpoint(context: typer.Context, file: Path) -> None:
    """Write a signed checkpoint; keep it where the hub cannot change it."""
    made = context.obj.client.get("audit", "checkpoint")
    file.write_text(jsons.dumps(made, indent=2) + "\n", encoding="utf-8")
    t = context.obj.t
    say(t("{file}: link {link}. Keep it away from this machine.", file=file, link=made["number"]))


@audit.command()
def damage(context: typer.Context, json: Json = False) -> None:
    """Name what damage to the disk has cost; looks at every reading."""
    answer = context.obj.client.get("audit", "damage")
    if json:
        as_json(answer)
        return
    t = context.obj.t
    for each in answer["salvaged"]:
        at, folder = t.moment(each["at"]), each["folder"]
        say(t("A damaged journal was set aside in {folder}: {at}.", at=at, folder=folder))
        lost = len(each["lost"])
        say(t("  {saved} readings were saved, {lost} lost.", saved=each["saved"], lost=lost))
        for reading in each["lost"]:
            say(t("  lost: {reading}", reading=reading))
        for table, unsound in each["unsound"].items():
            say(t("  left out of {table}: {rows}", table=table, rows=", ".join(unsound)))
    for reading in answer["unreadable"]:
        say(t("cannot be read: {reading}", reading=reading))
    if not answer["salvaged"] and not answer["unreadable"]:
        say(t("No damage: every reading can be read."))


@audit.command()
def account(
    context: typer.Context,
    who: Annotated[str, typer.Argument(metavar="PERSON")],
    json: Json = False,
) -> None:
    """Show a person what was measured, what left, when, to whom, and under which consent."""
    client, t = context.obj.client, context.obj.t
    pages, gone = _pages(client, person(client, who)["id"]), []
    if json:
        as_json_items(_those_gone_last(pages))
        return
    for number, (kept, expired) in enumerate(pages):
        gone += expired
        if kept or number == 0:
            _account(t, kept)
    for line in gone:
        say(t(_GONE[line["expired"]["why"]], reading=line["reading"]))


def _account(t: Speech, page: list[_Line]) -> None:
    columns = {
        "measured_at": "measured",
        "kind": "kind",
        "stands": "where it is",
        "at": "since",
        "grant": "under",
    }
    lines = [
        {
            "measured_at": t.moment(line["measured_at"]),
            "kind": t.kinds([line["kind"]]),
            "stands": t.stands(way) if way else t.words("delivery.none"),
            "at": t.moment(way.get("at")),
            "grant": way.get("grant"),
        }
        for line in page
        for way in line["deliveries"] or [{}]
    ]
    rows(t, "Account", columns, lines)


def _pages(client: Client, subject: str) -> Iterator[tuple[list[_Line], list[_Line]]]:
    """Yield page by page what is kept and what is no longer, so that years are never held."""
    before = None
    while True:
        page = client.get("people", subject, "account", before=before)
        kept = [line for line in page if line["expired"] is None]
        yield kept, [line for line in page if line["expired"] is not None]
        if not kept:
            return
        before = kept[-1]["position"]


def _those_gone_last(pages: Iterator[tuple[list[_Line], list[_Line]]]) -> Iterator[_Line]:
    gone = []
    for kept, expired in pages:
        yield from kept
        gone += expired
    yield from gone


def trace(
    context: typer.Context,
    reading: Annotated[str, typer.Argument(help="The reading's id: see 'journal'.")],
    language: Annotated[str | None, typer.Option(help="fr or en.")] = None,
    json: Json = False,
) -> None:
    """Tell what happened to one reading, in order."""
    t: Speech = context.obj.t
    spoken = language or (None if json else t.language)
    answer = context.obj.client.get("readings", reading, "trace", language=spoken)
    if json:
        as_json(answer)
        return
    for step in answer:
        say(f"{t.moment(step['at'])}  {step['sentence']}")


def _read(path: Path) -> dict[str, object]:
    try:
        told = jsons.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no checkpoint can be read there.") from error
    return dict(told.get("checkpoint", told))  # as a file, or as a receipt's code holds it
