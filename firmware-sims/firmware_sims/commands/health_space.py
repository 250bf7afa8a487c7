"""`firmware-sims health-space`: run the sandbox until told to stop.

Prints one JSON line when ready: {"ready", "base_url", "ca", "control", "client_id",
"client_secret", "oid", "id_token_header", "people": {name: authorization code}}.
SIGTERM or SIGINT ends it cleanly.
"""

import argparse
import asyncio
import json
import secrets
import signal
import sys
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "health-space", help="run a sandbox of the health space's measures API"
    )
    parser.add_argument("--port", type=int, default=0, help="HTTPS port (0: any)")
    parser.add_argument("--control-port", type=int, default=0, help="control port (0: any)")
    parser.add_argument(
        "--state", type=Path, required=True, help="folder for certificates and memory"
    )
    parser.add_argument(
        "--person",
        action="append",
        default=[],
        metavar="NAME[:no-consent]",
        help="a person to know from the start; may be repeated",
    )
    parser.add_argument(
        "--people", type=Path, help='JSON file: [{"name": "Alice", "consent": true}, ...]'
    )
    parser.add_argument("--oid", help="the solution's OID")
    parser.add_argument("--client-secret", help="default: made once, kept in the state folder")
    parser.add_argument("--id-token-header", help="header that carries the id_token")
    parser.add_argument(
        "--token-lifetime", type=int, metavar="SECONDS", help="life of an access token"
    )
    parser.add_argument("--location-style", choices=["relative", "oid"])
    parser.add_argument("--terminology", choices=["any", "api-1.5.2", "smt-2025"])
    parser.add_argument(
        "--beyond-api-1.5.2",
        action="store_true",
        dest="beyond_api_1_5_2",
        help="also take oxygen saturation and respiratory rate",
    )
    parser.add_argument(
        "--device-required", action="store_true", help="refuse bundles without a device"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    asyncio.run(_serve(arguments))
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    # Imported here so that the help of the other commands answers at once.
    from firmware_sims.health_space import HealthSpace, Settings

    chosen: dict[str, Any] = {
        "client_secret": _client_secret(arguments),
        "beyond_api_1_5_2": arguments.beyond_api_1_5_2,
        "device_required": arguments.device_required,
        "oid": arguments.oid,
        "id_token_header": arguments.id_token_header,
        "access_token_lifetime_s": arguments.token_lifetime,
        "location_style": arguments.location_style,
        "terminology": arguments.terminology,
    }
    settings = Settings(**{name: value for name, value in chosen.items() if value is not None})
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with HealthSpace(
        settings,
        folder=arguments.state,
        port=arguments.port,
        control_port=arguments.control_port,
    ) as space:
        people = _people(arguments)
        codes = {name: space.add_person(name, consent=given) for name, given in people.items()}
        ready = {
            "ready": True,
            "base_url": space.base_url,
            "ca": str(space.ca_path.resolve()),
            "control": space.control_url,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "oid": settings.oid,
            "id_token_header": settings.id_token_header,
            "people": codes,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await ended.wait()


def _people(arguments: argparse.Namespace) -> dict[str, bool]:
    """Return who consents, by name: those of the file, then those of the command line."""
    people: dict[str, bool] = {}
    if arguments.people is not None:
        listed = json.loads(arguments.people.read_text(encoding="utf-8"))
        people = {each["name"]: each.get("consent", True) for each in listed}
    for written in arguments.person:
        name = written.removesuffix(":no-consent")
        people[name] = name == written
    return people


def _client_secret(arguments: argparse.Namespace) -> str:
    """Return the secret, the same at every start on one state folder: id_tokens hang on it."""
    if arguments.client_secret is not None:
        return str(arguments.client_secret)
    kept = Path(arguments.state) / "client_secret"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return kept.read_text(encoding="ascii")
