"""Commands about consent: give it, take it back, see it; and pair with a destination."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from gateway.cli.arguments import Json, Since, names, person
from gateway.cli.show import agreed, as_json, console, rows, say, typed
from gateway.cli.speech import Speech
from gateway.client import Client, Refused
from gateway.consent.grant import ConsentEntry, Grant, Withdrawal, withdrawal_of
from gateway.domain.device_time import EARLIEST

consent = typer.Typer(no_args_is_help=True, help="What leaves, to whom: give, withdraw, see.")

Person = Annotated[str, typer.Argument(metavar="PERSON", help="Whose readings.")]
To = Annotated[str, typer.Option("--to", help="The destination's name in the configuration.")]
By = Annotated[str | None, typer.Option(help="Who says so, if not the person themselves.")]
Capacity = Annotated[str, typer.Option(help="self, parent or legal_representative.")]


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(consent, name="consent")
    app.command()(pair)
    app.command()(unpair)


@consent.command()
def grant(
    context: typer.Context,
    who: Person,
    to: To,
    kinds: Annotated[
        str, typer.Option(help="Kinds of reading, by commas; all that the destination takes.")
    ] = "all",
    since: Since = "now",
    until: Annotated[
        str | None, typer.Option(help="Only readings taken before this date and time.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When the consent itself ends, unless withdrawn before.")
    ] = None,
    method: Annotated[str, typer.Option(help="How it was given: screen or paper.")] = "screen",
    by: By = None,
    capacity: Capacity = "self",
    language: Annotated[str | None, typer.Option(help="fr or en: the text to be shown.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="The text was read and agreed to.")] = False,
    json: Json = False,
) -> None:
    """Record consent: from now on, or from an earlier date, these readings may leave."""
    client, t = context.obj.client, context.obj.t
    subject = person(client, who)
    text = client.get("consents", "text", language=language or t.language, to=to)
    moment = context.obj.moment
    chosen = None if kinds == "all" else kinds.split(",")
    if not yes:
        _show_text(t, text, subject["label"], chosen)
        say(t("Since when: {since}", since=t.moment(moment(since))))
        if until is not None:
            say(t("Only those taken before: {until}", until=t.moment(moment(until))))
        if expires is not None:
            say(t("Until when: {until}", until=t.moment(moment(expires))))
        if not agreed(t, t("Agreed?")):
            raise typer.Abort
    answer = client.post(
        "consents",
        "grant",
        subject=subject["id"],
        destination=to,
        address=text["address"],
        kinds=chosen,
        covers_from=moment(since),
        covers_until=None if until is None else moment(until),
        expires=None if expires is None else moment(expires),
        method=method,
        given_by=by or subject["label"],
        capacity=capacity,
        language=text["language"],
        version=text["version"],
        purpose=text["purpose"],
    )
    if json:
        as_json(answer)
        return
    say(t("Recorded as {grant}: {kinds}.", grant=answer["id"], kinds=t.kinds(answer["kinds"])))


def _show_text(t: Speech, text: dict[str, Any], label: str, chosen: list[str] | None) -> None:
    """Show the recorded text, and whose readings go where."""
    # Written for a file; on a terminal the terminal's own edge ends the lines.
    for paragraph in text["text"].strip().split("\n\n"):
        say("\n" + " ".join(paragraph.split("\n")))
    say("")
    say(t("Whose readings: {who}", who=label or t("a guest")))
    say(t("To whom: {destination}", destination=text["title"]))
    if text["address"] is not None:
        say(t("Its address: {address}", address=text["address"]))
    say(t("What is sent: {kinds}", kinds=t.kinds(chosen or text["kinds"])))


@consent.command()
def withdraw(
    context: typer.Context,
    who: Person,
    to: To,
    by: By = None,
    capacity: Capacity = "self",
    json: Json = False,
) -> None:
    """Withdraw consent: when this returns, nothing of theirs leaves for there any more."""
    client = context.obj.client
    subject = person(client, who)
    answer = client.post(
        "consents",
        "withdraw",
        subject=subject["id"],
        destination=to,
        withdrawn_by=by or subject["label"],
        capacity=capacity,
    )
    if json:
        as_json(answer)
        return
    t = context.obj.t
    say(
        t(
            "Withdrawn. {dropped} readings that waited were removed from the queue; {left} left"
            " while you asked.",
            dropped=answer["dropped"],
            left=answer["left"],
        )
    )


@consent.command()
def show(
    context: typer.Context,
    who: Annotated[str | None, typer.Argument(metavar="PERSON")] = None,
    json: Json = False,
) -> None:
    """Show the ledger of grants and withdrawals."""
    client = context.obj.client
    subject = person(client, who)["id"] if who is not None else None
    answer = client.get("consents", subject=subject)
    if json:
        as_json(answer)
        return
    t = context.obj.t
    called = names(client, t)
    lines = [
        {
            **line,
            "at": t.moment(line["at"]),
            "entry": t("given") if line["entry"] == "grant" else t("withdrawn"),
            "subject": called.get(line["subject"], line["subject"]),
            "kinds": t.kinds(line.get("kinds", [])),
            "covers_from": _covered(t, line.get("covers_from")),
            "expires": t.moment(line.get("expires")),
        }
        for line in answer
    ]
    columns = {
        "id": "number",
        "at": "when",
        "entry": "consent",
        "subject": "person",
        "destination": "destination",
        "kinds": "kinds",
        "covers_from": "readings from",
        "by": "by",
        "expires": "until",
        "living": "in force",
    }
    rows(t, "Consent", columns, lines)


def _covered(t: Speech, since: str | None) -> str:
    if since is not None and datetime.fromisoformat(since) <= EARLIEST:
        return t.words("receipt.always")
    return t.moment(since)


@consent.command()
def receipt(
    context: typer.Context,
    who: Person,
    grant: Annotated[str, typer.Argument(help="The grant's id: see 'consent show'.")],
) -> None:
    """Print the receipt of a consent, for the person to keep."""
    client = context.obj.client
    subject = person(client, who)["id"]
    console.out(client.get("consents", grant, "receipt", subject=subject)["text"], highlight=False)


@consent.command()
def export(context: typer.Context, who: Person) -> None:
    """Print all of a person's consents as FHIR R4 Consent resources, one JSON document."""
    from gateway.uplink.fhir_consent import consent as as_fhir

    client = context.obj.client
    lines = client.get("consents", subject=person(client, who)["id"])
    ledger = tuple(_entry(line) for line in lines)
    titles = {line["destination"]: line["title"] for line in lines}
    as_json(
        [
            as_fhir(entry, withdrawal_of(entry, ledger), titles[entry.destination])
            for entry in ledger
            if isinstance(entry, Grant)
        ]
    )


def _entry(line: dict[str, Any]) -> ConsentEntry:
    model: type[Grant] | type[Withdrawal] = Grant if line["entry"] == "grant" else Withdrawal
    return model.model_validate({key: line[key] for key in model.model_fields})


def pair(
    context: typer.Context,
    who: Person,
    to: To,
    code: Annotated[str | None, typer.Option(help="The code the health space showed.")] = None,
) -> None:
    """Pair a person with their health space, by the code that it shows them."""
    client, t = context.obj.client, context.obj.t
    subject = person(client, who)["id"]
    state = None
    if code is None:
        state = _begun(client, t, subject, to)
        code = typed(t, t("Code"))
    client.post("pairings", subject=subject, destination=to, code=code, state=state)
    say(t("Paired."))


def _begun(client: Client, t: Speech, subject: str, to: str) -> str | None:
    """Say where to sign in, with any browser; None if the configuration does not know.

    Raises Refused where a code would not help either.
    """
    try:
        begun = client.post("pairings", "begin", subject=subject, destination=to)
    except Refused as refused:
        if "authorize_url" not in str(refused):
            raise
        say(t.again(str(refused)))
        say(t("A code that the health space gave otherwise can be typed here."))
        return None
    say(t("Sign in at this address, with any browser, and type the code that it shows:"))
    say(begun["url"])
    return str(begun["state"])


def unpair(context: typer.Context, who: Person, to: To) -> None:
    """End a person's pairing with their health space; their consent stays as it is."""
    client, t = context.obj.client, context.obj.t
    answer = client.post("pairings", "end", subject=person(client, who)["id"], destination=to)
    if answer["revoked"]:
        say(t("The pairing is over, here and at {to}.", to=t.title(to)))
    else:
        say(
            t("The pairing is forgotten here. {to} was not told: end it there too.", to=t.title(to))
        )
