"""The command for the glucose report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.arguments import language as known_language
from gateway.cli.arguments import person
from gateway.cli.files import write_private
from gateway.cli.show import say
from gateway.cli.speech import Speech
from gateway.client import Client, Refused

_DAYS = (7, 14, 30, 90)


def add(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(report)


def report(
    context: typer.Context,
    who: Annotated[
        str,
        typer.Argument(metavar="PERSON", help="Whose: their id, or what the household calls them."),
    ],
    days: Annotated[int, typer.Option(help="7, 14, 30 or 90 whole days, up to midnight.")] = 14,
    pdf: Annotated[Path | None, typer.Option(help="Write the page as PDF to this file.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the page as SVG to this file.")] = None,
    language: Annotated[str | None, typer.Option(help="fr or en; the hub's unless given.")] = None,
    deposit: Annotated[
        bool, typer.Option("--deposit", help="Deposit the page wherever documents go.")
    ] = False,
) -> None:
    """Tell the glucose metrics of a sensor wearer, write or deposit the report of one page."""
    if days not in _DAYS:
        raise Refused(f"{days} days cannot be reported: write 7, 14, 30 or 90.")
    client, t = context.obj.client, context.obj.t
    language = known_language(language) or t.language
    subject = person(client, who)["id"]

    def get(form: str) -> bytes:
        page: bytes = client.get_file(
            "people", subject, f"report.{form}", days=days, language=language
        )
        return page

    for path, form in ((pdf, "pdf"), (svg, "svg")):
        if path is not None:
            write_private(path, get(form), over=True)
    say(get("txt").decode())
    if deposit:
        _deposit(client, t, subject, days, language)


def _deposit(client: Client, t: Speech, subject: str, days: int, language: str) -> None:
    answer = client.post("people", subject, "report", "deposit", days=days, language=language)
    to = ", ".join(map(t.title, answer["destinations"]))
    say(t("Kept as {reading}, to be deposited at: {to}.", reading=answer["id"], to=to))
    for name in answer["without_consent"]:
        say(
            t(
                "{name}: it waits for consent to documents of this period: see 'consent grant'.",
                name=name,
            )
        )
