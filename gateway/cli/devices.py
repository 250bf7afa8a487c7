"""Commands about devices and the people they measure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gateway.cli.arguments import Json, Since, person
from gateway.cli.arguments import language as known_language
from gateway.cli.files import write_private
from gateway.cli.show import agreed, as_json, rows, say
from gateway.cli.speech import Speech
from gateway.client import Refused
from gateway.language.remarks import remarked, unreadable

devices = typer.Typer(
    invoke_without_command=True, help="The devices that were adopted, with their last reading."
)
people = typer.Typer(no_args_is_help=True, help="The people this hub measures.")

Device = Annotated[str, typer.Argument(help="The device's id or address.")]
Slot = Annotated[str | None, typer.Option(help="The device's user number; all if none.")]
Them = Annotated[str, typer.Argument(metavar="PERSON", help="Their name here, or their id.")]

_MEASURES = {
    ("since", False): "{device} measures them, since: {since}.",
    ("since", True): "{device} measures them as its user {slot}, since: {since}.",
    ("until", False): "{device} measures them no more, since: {since}.",
    ("until", True): "{device} measures them no more as its user {slot}, since: {since}.",
}
"""What is said at an end of an assignment, and whether of one of the device's users alone."""


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(scan)
    app.add_typer(devices, name="devices")
    app.command()(adopt)
    app.command()(assign)
    app.command()(unassign)
    app.add_typer(people, name="people")


def scan(context: typer.Context, json: Json = False) -> None:
    """List the devices that the daemon can see now, also those nobody adopted."""
    answer = context.obj.client.get("sightings")
    if json:
        as_json(answer)
        return
    columns = {
        "address": "address",
        "name": "name",
        "driver": "driver",
        "rssi_dbm": "dBm",
        "adopted": "adopted",
        "seen_at": "last seen",
    }
    t = context.obj.t
    lines = [{**line, "seen_at": t.moment(line["seen_at"])} for line in answer]
    rows(t, "Devices in reach", columns, lines)


@devices.callback()
def list_devices(context: typer.Context, json: Json = False) -> None:
    """List the devices that were adopted, with their last reading."""
    if context.invoked_subcommand is not None:
        return
    answer = context.obj.client.get("devices")
    if json:
        as_json(answer)
        return
    columns = {
        "id": "device",
        "number": "in the log",
        "manufacturer": "maker",
        "model": "model",
        "driver": "driver",
        "battery_percent": "battery %",
        "set_aside": "unreadable",
        "last_aside": "why",
        "last_remark": "last remark",
        "last_reading_at": "last reading",
        "problem": "problem",
    }
    t = context.obj.t
    lines = [
        {
            **line,
            "last_aside": unreadable(line["last_aside"] or "", t.words),
            "last_remark": remarked(line["last_remark"] or "", t.words),
            "last_reading_at": t.moment(line["last_reading_at"]),
            "problem": t.again(line["problem"] or ""),
        }
        for line in answer
    ]
    rows(t, "Devices", columns, lines)


@devices.command()
def forget(context: typer.Context, device: Device) -> None:
    """Drop the Bluetooth bond with a device that lost its own. It stays ours and is paired anew."""
    answer = context.obj.client.post("devices", "forget", device=device)
    t = context.obj.t
    say(t("The bond is dropped.") if answer["was_bonded"] else t("There was no bond."))
    say(t("Bring the device into its pairing mode; 'pairing answer' if it shows a code."))


@devices.command()
def disown(context: typer.Context, device: Device) -> None:
    """Leave a device alone that was sold or given away. It measures nobody here from now on."""
    answer = context.obj.client.post("devices", "disown", device=device)
    say(context.obj.t("{device} is one of ours no more.", device=answer["id"]))


@devices.command()
def read(context: typer.Context, device: Device) -> None:
    """Read a device as soon as it is seen, however long it was to be left alone."""
    context.obj.client.post("devices", "read", device=device)
    say(context.obj.t("It is read as soon as it is seen."))


def adopt(
    context: typer.Context,
    device: Annotated[str, typer.Argument(help="The device's id or address, as in 'scan'.")],
    driver: Annotated[str | None, typer.Option(help="The driver, if not the best fit.")] = None,
) -> None:
    """Let the gateway talk with a device. Strangers' devices are never spoken to."""
    answer = context.obj.client.post("devices", "adopt", device=device, driver=driver)
    t = context.obj.t
    say(t("{device} is one of ours now.", device=answer["id"]))
    if answer["id"].startswith("ble"):
        say(t("If it wants to be paired: 'pairing answer' says what it asks, and takes its code."))


def assign(
    context: typer.Context,
    device: Device,
    to: Annotated[str, typer.Argument(help="The person it measures.", metavar="PERSON")],
    slot: Slot = None,
    since: Since = "now",
    json: Json = False,
) -> None:
    """Say whom a device measures, and adopt it. Unclaimed readings since then become theirs."""
    client = context.obj.client
    answer = client.post(
        "assignments",
        device=device,
        subject=person(client, to)["id"],
        slot=slot,
        since=context.obj.moment(since),
    )
    if json:
        as_json(answer)
        return
    _say_whom(context.obj.t, answer, slot, "since")


def unassign(
    context: typer.Context,
    device: Device,
    whom: Annotated[str, typer.Argument(help="The person.", metavar="PERSON")],
    slot: Slot = None,
    since: Since = "now",
    json: Json = False,
) -> None:
    """Say whom a device measures no more. Their readings since then are nobody's, or another's."""
    client = context.obj.client
    answer = client.post(
        *("assignments", "end"),
        device=device,
        subject=person(client, whom)["id"],
        slot=slot,
        until=context.obj.moment(since),
    )
    if json:
        as_json(answer)
        return
    _say_whom(context.obj.t, answer, slot, "until")


def _say_whom(
    t: Speech, answer: Mapping[str, Any], slot: str | None, edge: Literal["since", "until"]
) -> None:
    sentence = _MEASURES[edge, slot is not None]
    say(t(sentence, device=answer["device"], slot=slot, since=t.moment(answer[edge])))


@people.command("add")
def add_person(
    context: typer.Context,
    label: Annotated[
        str, typer.Argument(metavar="NAME", help="What the household calls them; never sent.")
    ],
    json: Json = False,
) -> None:
    """Add a person; prints the opaque id that stands for them everywhere else."""
    answer = context.obj.client.post("people", label=label)
    if json:
        as_json(answer)
        return
    say(context.obj.t("Added: {name}, with the id {id}.", name=answer["label"], id=answer["id"]))


@people.command("erase")
def erase_person(
    context: typer.Context,
    who: Them,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Erase a person and all their readings from this hub, for good; what was sent stays there."""
    client, t = context.obj.client, context.obj.t
    subject = person(client, who)
    if not yes and not agreed(t, t("Erase this person and all their readings here, for good?")):
        raise typer.Abort
    answer = client.post("people", subject["id"], "erase")
    say(
        t(
            "Erased: {erased} readings. {left} left while you asked. Older backups still hold them,"
            " as do folders replaced-... and damaged-... beside the journal: destroy those.",
            erased=answer["erased"],
            left=answer["left"],
        )
    )


@people.command("export")
def export_person(
    context: typer.Context,
    who: Them,
    file: Annotated[Path, typer.Argument(help="The ZIP file to write; there is none yet.")],
    language: Annotated[str | None, typer.Option(help="fr or en; the hub's unless given.")] = None,
) -> None:
    """Write all that is here of a person into one file, to take along. It is not sealed."""
    client, t = context.obj.client, context.obj.t
    language = known_language(language) or t.language
    subject = person(client, who)["id"]
    if file.exists():
        raise Refused(f"{file}: is there already; nothing was written over it.")
    content = client.post_for_file("people", subject, "export", language=language)
    write_private(file, content, over=False)
    say(
        t(
            "Written: {file}. Anybody who has this file can read it: give it to them only.",
            file=file,
        )
    )


@people.command("list")
def list_people(context: typer.Context, json: Json = False) -> None:
    """List the people this hub measures."""
    answer = context.obj.client.get("people")
    if json:
        as_json(answer)
        return
    columns = {"id": "id", "label": "called"}
    rows(context.obj.t, "People", columns, answer)
