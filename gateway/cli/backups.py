"""Commands that keep a hub: back it up, restore it, change its key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.show import say
from gateway.cli.speech import Speech
from gateway.errors import ConfigError

PassphraseFile = Annotated[
    Path | None, typer.Option(help="A file that holds the passphrase; asked for if not given.")
]


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(backup)
    app.command()(restore)
    app.command("change-key")(change_key)


def backup(context: typer.Context, file: Path, passphrase_file: PassphraseFile = None) -> None:
    """Write everything that a new hub needs into one encrypted file; the daemon may run."""
    from gateway.app.backups import back_up

    t = context.obj.t
    size = back_up(context.obj.config, file, _passphrase(t, passphrase_file, confirm=True))
    say(
        t(
            "{file}: {size} KiB. Without its passphrase nobody can open it, you included.",
            file=file,
            size=size // 1024,
        )
    )


def restore(
    context: typer.Context,
    file: Path,
    passphrase_file: PassphraseFile = None,
    consents_stand: Annotated[
        bool,
        typer.Option(
            "--consents-stand",
            help="Everybody was asked: nobody withdrew consent since the backup was made.",
        ),
    ] = False,
) -> None:
    """Let this hub take over from a backup. The daemon must not run."""
    from gateway.app.backups import put_bonds_back, restore_backup

    t = context.obj.t
    _read(file, 0)  # before a passphrase is asked for
    done = restore_backup(
        context.obj.config,
        file,
        _passphrase(t, passphrase_file, confirm=False),
        consents_stand=consents_stand,
    )
    if done.replaced is not None:
        say(t("What was here before is in {folder}.", folder=done.replaced))
    say(
        t(
            "Restored. {withdrawn} consents of the backup count as withdrawn, and {erased} people"
            " were erased again. What was not settled is searched for before it is sent.",
            withdrawn=done.withdrawn,
            erased=done.erased,
        )
    )
    put, left = put_bonds_back(context.obj.config, done)
    if put:
        say(
            t(
                "{put} Bluetooth bonds are where Linux keeps them: restart the Bluetooth service.",
                put=put,
            )
        )
    if left:
        say(
            t(
                "{left} Bluetooth bonds of Linux wait in {folder} (bluez~...): run 'restore' as"
                " root to put them back, or pair those devices again.",
                left=left,
                folder=context.obj.config.hub.state,
            )
        )
    if done.withdrawn and not consents_stand:
        say(t("Whoever still consents says so again with 'consent grant'."))


def change_key(
    context: typer.Context,
    to_passphrase: Annotated[
        bool,
        typer.Option(
            "--to-passphrase",
            help="Let it come from a passphrase, read where the daemon reads it at its start.",
        ),
    ] = False,
) -> None:
    """Draw a new hub key in place of the one in the key file. The daemon must not run."""
    from gateway.app.backups import change_key as change

    change(context.obj.config, to_passphrase=to_passphrase)
    t = context.obj.t
    if to_passphrase:
        say(t("The hub key comes from the passphrase now: without it the hub does not start."))
    else:
        say(t("The hub key is another now. Backups made before still open with their passphrase."))


def _passphrase(t: Speech, file: Path | None, *, confirm: bool) -> bytes:
    if file is None:
        told = _secret(t, t("Passphrase"))
        while confirm and told != _secret(t, t("The same again")):
            say(t("These were not the same."))
            told = _secret(t, t("Passphrase"))
        return told.encode()
    return _read(file).rstrip(b"\r\n")


def _secret(t: Speech, what: str) -> str:
    told: str = typer.prompt(what, hide_input=True, prompt_suffix=t(": "))
    return told


def _read(file: Path, octets: int = -1) -> bytes:
    """Read a file, or so much of it. Raises ConfigError."""
    try:
        with file.open("rb") as opened:
            return opened.read(octets)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}).") from error
