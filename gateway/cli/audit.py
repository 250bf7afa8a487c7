"""Commands about what happened: the audit chain, a person's account, a reading's timeline."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.arguments import Json, person
from gateway.cli.show import as_json, rows, say
from gateway.errors import ConfigError

audit = typer.Typer(no_args_is_help=True, help="The record of all that happened; verify it.")

_WRONG = {
    "signature": "The checkpoint's signature is not right: the file was changed.",
    "other_hub": "The checkpoint is another hub's, or this hub's journal was made anew.",
    "cut": "The chain ends before the checkpoint: its tail was cut off.",
    "rewritten": "The chain is another at the checkpoint: it was written anew.",
}


_GONE = {
    "delivered": "after it had been delivered",
    "undelivered": "and had not been delivered",
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
    answer = context.obj.client.post("audit", "verify", checkpoint=against)
    if json:
        as_json(answer)
    elif answer["fails_at"] is not None:
        say(f"The chain fails at link {answer['fails_at']} of {answer['links']}.")
    elif answer["checkpoint"] is not None:
        say(_WRONG[answer["checkpoint"]])
    else:
        also = "" if checkpoint is None else ", and goes on from the checkpoint"
        say(f"Whole: {answer['links']} links{also}.")
    if answer["fails_at"] is not None or answer["checkpoint"] is not None:
        raise typer.Exit(1)


@audit.command("checkpoint")
def make_checkpoint(context: typer.Context, file: Path) -> None:
    """Write a signed checkpoint; keep it where the hub cannot change it."""
    made = context.obj.client.get("audit", "checkpoint")
    file.write_text(jsons.dumps(made, indent=2) + "\n", encoding="utf-8")
    say(f"{file}: link {made['number']}. Keep it away from this machine.")


@audit.command()
def damage(context: typer.Context, json: Json = False) -> None:
    """Name what damage to the disk has cost; looks at every reading."""
    answer = context.obj.client.get("audit", "damage")
    if json:
        as_json(answer)
        return
    for each in answer["salvaged"]:
        say(f"{each['at']}: a damaged journal was set aside in {each['folder']}.")
        say(f"  {each['saved']} readings were saved, {len(each['lost'])} lost.")
        for reading in each["lost"]:
            say(f"  lost: {reading}")
        for table, rows_ in each["unsound"].items():
            say(f"  left out of {table}: {', '.join(rows_)}")
    for reading in answer["unreadable"]:
        say(f"cannot be read: {reading}")
    if not answer["salvaged"] and not answer["unreadable"]:
        say("No damage: every reading can be read.")


@audit.command()
def account(
    context: typer.Context,
    who: Annotated[str, typer.Argument(metavar="PERSON")],
    json: Json = False,
) -> None:
    """Show a person what was measured, what left, when, to whom, and under which consent."""
    client = context.obj.client
    answer = client.get("people", person(client, who)["id"], "account")
    if json:
        as_json(answer)
        return
    kept = [line for line in answer if line["expired"] is None]
    lines = [{**line, **way} for line in kept for way in line["deliveries"] or [{}]]
    columns = {
        "measured_at": "measured",
        "kind": "kind",
        "destination": "destination",
        "state": "state",
        "at": "since",
        "grant": "under",
    }
    rows("Account", columns, lines)
    for line in answer:
        if line["expired"] is not None:
            say(f"{line['reading']} is kept no longer, {_GONE[line['expired']['why']]}.")


def trace(
    context: typer.Context,
    reading: Annotated[str, typer.Argument(help="The reading's id: see 'journal'.")],
    language: Annotated[str | None, typer.Option(help="fr or en.")] = None,
    json: Json = False,
) -> None:
    """Tell what happened to one reading, in order."""
    answer = context.obj.client.get("readings", reading, "trace", language=language)
    if json:
        as_json(answer)
        return
    for step in answer:
        say(f"{step['at']}  {step['sentence']}")


def _read(path: Path) -> dict[str, object]:
    try:
        told = jsons.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no checkpoint can be read there.") from error
    return dict(told.get("checkpoint", told))  # as a file, or as a receipt's code holds it
