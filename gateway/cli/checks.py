"""`status` and `doctor`: how the gateway is, and what is wrong here, each with its remedy."""

from __future__ import annotations

import grp
import importlib.util
import os
import pwd
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, SecretStr

from gateway.cli.arguments import Json
from gateway.cli.port_names import lasting, may_be_swapped
from gateway.cli.show import as_json, say
from gateway.cli.speech import Speech
from gateway.config import Config
from gateway.drivers.api import Driver
from gateway.errors import GatewayError, NotRunning
from gateway.web.standing import advice_about, trouble_of

_GROUP_MAY = 0o060  # read and write
_NO_SECRETS = ("ca_file", "certificate_file")
_WAITING = ("due", "unsettled", "parked")
_ROOM = 200 * 2**20  # bytes; some months of readings, and room for SQLite to work


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, as scripts read it."""

    subject: str
    well: bool
    sentence: str
    advice: str | None = None
    """What the screens say to do about it, by its key; for a sentence of a layer far below."""


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
        say(f"{t.title(finding.subject)}{t(': ')}{_told(t, finding)}")
    if answer["sessions"]:
        say(t("Talking with: {devices}.", devices=", ".join(answer["sessions"])))
    for counted in client.get("outbox"):
        stands = t.stands(counted)
        say(t("{number} readings: {stands}", number=counted["count"], stands=stands))


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
    """Say a finding to a person: with the screens' advice where the sentence is English only."""
    told = t.again(finding.sentence)
    if finding.advice is None or t.language == "en" or told != finding.sentence:
        return told
    return t.words.or_none(finding.advice) or told


def _findings(context: typer.Context) -> Iterator[Finding]:
    from gateway.app.configured_drivers import drivers_of

    try:
        config: Config = context.obj.config
        drivers = drivers_of(config)
    except GatewayError as error:
        yield Finding("configuration", False, str(error))
        return
    yield Finding("configuration", True, f"{context.obj.path} has no fault.")
    if _holds_secrets(config):
        yield from _open_to_others("configuration", context.obj.path)
    if _relays_alone(config):
        yield from _files(config)
        yield from _relay(config)
        return
    yield _state_folder(config.hub.state)
    yield from _files(config)
    yield from _relay(config)
    yield from _cables(config, drivers)
    yield from _radios(config)
    yield from _daemon(context)
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
            " readings wait and may hold up others: let these gateways publish retained messages,"
            " start them again, and empty the retained messages of those that are no more.",
        )
    else:
        count = len(known)
        yield Finding("relay", True, f"{count} gateways at the broker, each with its revocations.")


def _state_folder(folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding("state", False, f"{folder} is missing: start the daemon once, or make it.")
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return Finding("state", False, f"others may enter {folder}: run 'chmod 700 {folder}'.")
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        return Finding("state", False, f"only {free // 2**20} MB are free for {folder}: make room.")
    return Finding("state", True, f"{folder} is private and has {free // 2**20} MB free.")


def _holds_secrets(config: Config) -> bool:
    return any(isinstance(value, SecretStr) for table in _tables(config) for _, value in table)


def _tables(config: Config) -> Iterator[BaseModel]:
    """Yield the tables that may name secrets and files."""
    beyond = None if config.relay is None else config.relay.destination
    tables = (config.screens, config.fleet, config.relay, beyond, *config.destinations)
    yield from (table for table in tables if table is not None)


def _files(config: Config) -> Iterator[Finding]:
    """Yield which secrets, certificates and folders of the configuration are not there, or open."""
    for table in _tables(config):
        for key, value in table:
            if key.endswith("_file") and value is not None and (why := _unreadable(value)):
                yield Finding(key, False, f"{value}: cannot be read ({why}).")
            elif key.endswith("_file") and value is not None and key not in _NO_SECRETS:
                yield from _open_to_others(key, value)
            if key == "folder" and value is not None and not value.is_dir():
                yield Finding(key, False, f"{value} is no folder: make it for the gateway's user.")


def _open_to_others(key: str, secret: Path) -> Iterator[Finding]:
    if stat.S_IMODE(secret.stat().st_mode) & stat.S_IROTH:
        yield Finding(
            key,
            False,
            f"others may read {secret}: run 'chmod o= {secret}', and change the secret if somebody"
            " may have read it.",
        )


def _unreadable(path: Path) -> str | None:
    try:
        path.open("rb").close()
    except OSError as error:
        return error.strerror
    return None


def _cables(config: Config, drivers: Iterable[Driver]) -> Iterator[Finding]:
    for port in config.ports:
        if "://" not in port.path:
            yield _cable(f"port {port.name}", port.path)
    for path in may_be_swapped(port.path for port in config.ports):
        sentence = f"{path} may be another cable after a restart: name it {lasting(path)}."
        yield Finding("ports", False, sentence)
    for device in config.hid:
        if device.path.startswith("/"):
            yield _cable(f"device {device.name}", device.path)
    if config.usb is not None:
        from gateway.transport.usb import told  # pyserial only where it is wanted

        for plugged in told(drivers):
            vendor, product = plugged.usb
            yield _cable(f"USB {vendor:04x}:{product:04x}", plugged.path)


def _cable(subject: str, path: str) -> Finding:
    problem = port_problem(Path(path))
    return Finding(subject, problem is None, problem or f"{path} can be opened.")


def port_problem(path: Path) -> str | None:
    """Say in a sentence why the user of this process may not open a port, with the remedy."""
    try:
        found = path.stat()
    except PermissionError:
        return f"{path} is in a folder that may not be entered: name it by its path in /dev."
    except OSError:
        return f"{path} is not there: plug the device in, or correct the port's path."
    if os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return None
    user, group = _user_name(os.geteuid()), _group_name(found.st_gid)
    if stat.S_IMODE(found.st_mode) & _GROUP_MAY != _GROUP_MAY:
        return (
            f"{path} is closed to its group {group} too: install the udev rules of deploy/ and plug"
            " the device in again."
        )
    return (
        f"{path} may not be opened by {user}: run 'sudo usermod -aG {group} {user}' and start the"
        " gateway again."
    )


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _radios(config: Config) -> Iterator[Finding]:
    if config.hci and importlib.util.find_spec("bumble") is None:
        fix = "install healthspace-gateway[hci]."
        yield Finding("radio", False, f"[[hci]] needs the package bumble: {fix}")
    if config.ble is not None and not Path("/sys/class/bluetooth").is_dir():
        yield Finding("radio", False, "this machine has no Bluetooth adapter: plug one in.")


def _daemon(context: typer.Context) -> Iterator[Finding]:
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
    for each in context.obj.client.get("missed"):
        yield _missed(each, datetime.now(UTC))


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
    except GatewayError:  # there is no journal yet
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


def _parts(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield how transports, destinations and the fleet are, and devices that are in trouble."""
    for part in status["transports"]:
        advice = f"{trouble_of(part['name'])}.{part['reason'] or 'unknown'}"
        yield _part(part, advice)
    for part in status["destinations"]:
        yield _part(part, "problem.destination.advice")
    if status["fleet"] is not None:
        yield _part(status["fleet"])
    for device, problem in status["problems"].items():
        advice = advice_about(device, status["outcomes"].get(device))
        yield Finding(device, False, problem, advice)


def _part(part: Mapping[str, Any], advice: str | None = None) -> Finding:
    problem = part["problem"]
    return Finding(part["name"], problem is None, problem or f"{part['state']}.", advice)
