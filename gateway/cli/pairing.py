"""Commands for the person who stands at a device that is being paired."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli.arguments import Json
from gateway.cli.show import agreed, as_json, rows, say, typed
from gateway.cli.speech import Speech
from gateway.client import Client, Refused

pairing = typer.Typer(no_args_is_help=True, help="What devices ask while they are being paired.")

LOOK_EVERY_S = 0.5
"""A device waits for half a minute: a person should have nearly all of it."""


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(pairing, name="pairing")


@pairing.command("list")
def list_questions(context: typer.Context, json: Json = False) -> None:
    """List what devices ask now; each question may be answered for half a minute."""
    t = context.obj.t
    answer = context.obj.client.get("pairing", language=None if json else t.language)
    if json:
        as_json(answer)
        return
    columns = {
        "number": "number",
        "device": "device",
        "sentence": "what it asks",
        "seconds_left": "seconds left",
    }
    rows(t, "Asked now", columns, answer)


@pairing.command()
def answer(
    context: typer.Context,
    code: Annotated[
        str | None, typer.Argument(help="The six digits that the device shows.")
    ] = None,
    number: Annotated[int | None, typer.Option(help="Which question, if several.")] = None,
    agree: Annotated[bool, typer.Option("--agree", help="Agree to pair without a code.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="Do not pair this device.")] = False,
    wait: Annotated[int, typer.Option(help="Seconds to wait until something is asked.")] = 120,
) -> None:
    """Wait until a device asks something, and answer it: by the arguments, or when asked here."""
    client, t = context.obj.client, context.obj.t
    question = _question(client, t, number, wait)
    body: dict[str, object] = {"code": code} if code is not None else {}
    if refuse or agree:
        body = {"agree": agree and not refuse}
    elif not body:
        body = _asked_here(t, question)
    if body:
        client.post("pairing", str(question["number"]), "answer", **body)
        say(t("Not paired.") if body.get("agree") is False else t("Passed on to the device."))


def _asked_here(t: Speech, question: Mapping[str, Any]) -> dict[str, object]:
    """Ask the person at the terminal; nothing is to be sent where the code is typed elsewhere."""
    say(f"{question['sentence']} ({question['seconds_left']} s)")
    match question["asks"]:
        case "type_code":
            return {"code": typed(t, t("Code"))}
        case "confirm":
            return {"agree": agreed(t, t("Agree?"))}
    return {}


def _question(client: Client, t: Speech, number: int | None, wait: int) -> Mapping[str, Any]:
    """Return the question with this number, or the only one, as soon as there is one."""
    deadline, told = time.monotonic() + wait, False
    while True:
        asked = client.get("pairing", language=t.language)
        found = [each for each in asked if number in (None, each["number"])]
        if len(found) > 1:
            raise Refused("Several devices ask something: name one with --number (pairing list).")
        if found:
            return dict(found[0])
        if time.monotonic() >= deadline:
            raise Refused(
                "No device asks anything: bring it into its pairing mode, then try again."
            )
        if not told:
            say(t("Nothing is asked yet: bring the device into its pairing mode."))
            told = True
        time.sleep(LOOK_EVERY_S)
