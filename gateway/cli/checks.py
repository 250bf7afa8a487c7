"""`status` and `doctor`: how the gateway is, and what is wrong here, each with its remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer

from gateway.cli.arguments import Json
from gateway.cli.machine import (
    Finding,
    cables,
    files,
    holds_secrets,
    open_to_others,
    radios,
    state_folder,
)
from gateway.cli.show import as_json, say
from gateway.cli.speech import Speech
from gateway.collect.patience import Outcome
from gateway.config import Config
from gateway.domain.device import OVER_THE_AIR, device_meant
from gateway.errors import GatewayError, NotRunning
from gateway.web.standing import advice_about, trouble_of

_WAITING = ("due", "unsettled", "parked")


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(status)
    app.command()(doctor)


def status(context: typer.Context, json: Json = False) -> None:
    """Say how the gateway is, what it looks for and sends to, and how many readings wait where."""
    client, t = context.obj.client, context.obj.t
    answer = client.get("status")
    if json:
        as_json(answer)
        return
    if not answer["running"] and _relays_alone(context.obj.config):
        for finding in _relay(context.obj.config):
            say(f"{finding.subject}{t(': ')}{_told(t, finding)}")
        return
    if not answer["running"]:
        say(t.again(str(NotRunning())))
        return
    say(t("Running, version {version}.", version=answer["version"]))
    for finding in _parts(answer):
        say(f"{t.again(t.title(finding.subject))}{t(': ')}{_told(t, finding)}")
    if answer["sessions"]:
        say(t("Talking with: {devices}.", devices=", ".join(answer["sessions"])))
    alike = Counter[str]()  # what was tried in vain and what was not yet both wait
    for counted in client.get("outbox"):
        alike[t.stands(counted)] += counted["count"]
    for stands, number in alike.items():
        say(t("{number} readings: {stands}", number=number, stands=stands))


def doctor(context: typer.Context, json: Json = False) -> None:
    """Look for what keeps readings from arriving, and say what to do."""
    found, t = list(_findings(context)), context.obj.t
    if json:
        as_json([{"subject": f.subject, "ok": f.well, "message": f.sentence} for f in found])
    else:
        for finding in found:
            mark = t("ok  ") if finding.well else t("FIX ")
            say(f"{mark}{t.again(t.title(finding.subject))}{t(': ')}{_told(t, finding)}")
    if not all(finding.well for finding in found):
        raise typer.Exit(1)


def _told(t: Speech, finding: Finding) -> str:
    """Say a finding to a person, with the screens' advice where the sentence is not enough."""
    told = t.again(finding.sentence)
    advice = t.words.or_none(finding.advice) if finding.advice is not None else None
    if advice is None:
        return told
    if t.language != "en" and told == finding.sentence:
        return advice
    return f"{told.rstrip('.')}. {advice}" if finding.besides else told


def _findings(context: typer.Context) -> Iterator[Finding]:
    from gateway.app.configured_drivers import drivers_of

    try:
        config: Config = context.obj.config
        drivers = drivers_of(config)
    except GatewayError as error:
        yield Finding("configuration", False, str(error))
        return
    yield Finding("configuration", True, f"{context.obj.path} has no fault.")
    if holds_secrets(config):
        yield from open_to_others("configuration", context.obj.path)
    if _relays_alone(config):
        yield from files(config)
        yield from _relay(config)
        return
    yield state_folder(config.hub.state)
    yield from files(config)
    yield from _relay(config)
    yield from cables(config, drivers)
    yield from radios(config)
    yield from _daemon(context, config)
    yield from _left_behind(context)


def _relays_alone(config: Config) -> bool:
    """Tell whether this is the configuration of a relay, which has no journal and no device."""
    return config.relay is not None and not config.destinations


def _relay(config: Config) -> Iterator[Finding]:
    """Yield whether a relay knows of every gateway at its broker what was withdrawn there."""
    if config.relay is None:
        return
    from gateway.app.relay import gateways

    try:
        known = gateways(config.relay)
    except GatewayError as error:
        yield Finding("relay", False, str(error))
        return
    missing = ", ".join(sorted(name for name, has_list in known.items() if not has_list))
    if missing:
        yield Finding(
            "relay",
            False,
            f"the broker keeps no list of revocations of {missing} that can be read, so their"
            " readings wait: let these gateways publish retained messages, start them again, and"
            " empty the retained messages of those that are no more.",
        )
    else:
        count = len(known)
        yield Finding("relay", True, f"{count} gateways at the broker, each with its revocations.")


def _daemon(context: typer.Context, config: Config) -> Iterator[Finding]:
    answer: dict[str, Any] = context.obj.client.get("status")
    if not answer["running"]:
        yield Finding(
            "daemon",
            False,
            f"{NotRunning()} Where it does not stay up, 'journalctl -u healthspace-gateway -n 20'"
            " says why.",
        )
        return
    yield Finding("daemon", True, "running.")
    yield from _parts(answer)
    yield from _counter(context, config)
    for each in context.obj.client.get("missed"):
        yield _missed(each, datetime.now(UTC))


def _counter(context: typer.Context, config: Config) -> Iterator[Finding]:
    """Name the devices of the kiosk that are not adopted on this hub: turns begin without."""
    if config.kiosk is None:
        return
    known = {
        each["id"]
        for each in context.obj.client.get("devices")
        if each["adopted"] or not each["id"].startswith(OVER_THE_AIR)
    }
    for named in config.kiosk.devices:
        if device_meant(named) not in known:
            told = f"{named} is not adopted on this hub: 'adopt {named}', while it is in reach."
            yield Finding("kiosk", False, told)


def _missed(it: Mapping[str, Any], now: datetime) -> Finding:
    silent, usual = now - datetime.fromisoformat(it["since"]), it["usual_days"]
    if usual is None:
        hours = silent // timedelta(hours=1)
        told = f"nothing new for {hours} hours: is the sensor in reach, and still worn?"
    else:
        told = (
            f"nothing new for {silent.days} days (usually {usual} at most): see to its battery, and"
            " that it is in reach."
        )
    return Finding(it["device"], False, told)


def _left_behind(context: typer.Context) -> Iterator[Finding]:
    """Yield what waits for destinations that the configuration names no more."""
    named = {each.name for each in context.obj.config.destinations}
    waiting = Counter[str]()
    try:
        stands = context.obj.client.get("outbox")
    except GatewayError as error:
        if _should_be_read(context.obj.config.journal):
            yield Finding("journal", False, str(error))
        return
    for counted in stands:
        if counted["state"] in _WAITING and counted["destination"] not in named:
            waiting[counted["destination"]] += counted["count"]
    for name, count in sorted(waiting.items()):
        yield Finding(
            name,
            False,
            f"{count} readings wait for {name}, which the configuration does not name: name it"
            " again, or have people consent to what took its place, earlier readings included.",
        )


def _should_be_read(journal: Path) -> bool:
    """Tell whether a command can read the journal where all is well.

    Not before there is one, nor where its key is a passphrase or a credential that the daemon
    alone is given.
    """
    keys = journal.parent / "keys"
    return journal.exists() and keys.is_dir() and not (keys / "passphrase.salt").exists()


def _parts(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield how the time, transports, destinations and the fleet are, and devices in trouble."""
    if not status["clock_trusted"]:
        yield Finding(
            "time",
            False,
            "the hub does not know the time yet, and until it does nothing leaves: connect it to"
            " the Internet for some minutes; 'timedatectl' says how it stands.",
        )
    for part in status["transports"]:
        advice = f"{trouble_of(part['name'])}.{part['reason'] or 'unknown'}"
        yield _part(part, advice)
    for part in status["destinations"]:
        yield _part(part, "problem.destination.advice")
        if part["held"] is not None:
            yield Finding(part["name"], False, f"Somebody's readings wait: {part['held']}")
    if status["fleet"] is not None:
        yield _part(status["fleet"])
    for device, problem in status["problems"].items():
        outcome = status["outcomes"].get(device)
        only_a_cause = outcome == Outcome.LINK
        yield Finding(device, False, problem, advice_about(device, outcome), only_a_cause)


def _part(part: Mapping[str, Any], advice: str | None = None) -> Finding:
    problem = part["problem"]
    return Finding(part["name"], problem is None, problem or f"{part['state']}.", advice)
