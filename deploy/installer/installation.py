"""The steps of an installation, of an upgrade, and of going back."""

from __future__ import annotations

import filecmp
import grp
import os
import platform
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import journal_copy
import places
import service
from places import COMMAND, CONFIGURATION, CURRENT, DEPLOY, NAME, PROGRAM, SYSTEM_FILES, USER
from release import Release, build, current, named, offered, superfluous, switch
from steps import Step, Trouble, run

PACKAGES = ("python3-venv", "dbus", "bluez")
TIME_KEEPERS = ("systemd-timesyncd", "chrony", "ntpsec", "openntpd")
"""Any of them will do; the first is taken where there is none."""
_MACHINES = ("x86_64", "aarch64")

GREETING = """
The gateway runs. Next:

  sudo healthspace-gateway doctor              what is still missing, and what to do
  sudo healthspace-gateway people add NAME     whom this hub measures
  sudo healthspace-gateway scan                what is in reach
  sudo healthspace-gateway web                 lets a browser in to the screens

docs/install.md goes on from here; docs/fr/guide.md is for the household, in French."""


def check_machine() -> None:
    """Raise Trouble on a machine that this was not made for."""
    if shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
        raise Trouble("this machine was not started by systemd: see docs/install.md, 'By hand'.")
    if shutil.which("dpkg-query") is None:
        raise Trouble("this is not a Debian: see docs/install.md, 'By hand'.")
    if platform.machine() not in _MACHINES:
        raise Trouble(
            f"the packages are for {' and '.join(_MACHINES)}, and this machine is a"
            f" {platform.machine()}: on a Raspberry Pi, install the 64-bit system."
        )


IMAGE_GREETING = """
The gateway is on this disk, and starts for the first time wherever a copy of it does.
Empty /etc/machine-id before you switch off: each copy then draws its own, and its own keys."""


def steps(wheels: Path | None, *, copy: bool, image: bool = False) -> Sequence[Step]:
    """Return the steps that end with what lies here running; on an `image`, once it is copied.

    Raises Trouble if that cannot read the journal that is there, or there is one on an image.
    """
    new, former = offered(), current()
    journal_copy.refuse_unless_readable_by(new)
    if image and places.state().exists():
        raise Trouble(
            f"a gateway ran on this disk: every copy would have its key and its readings, in"
            f" {places.state()}. Prepare a disk on which none ever ran."
        )
    return (
        Step(
            f"install Debian's packages {', '.join((*PACKAGES, TIME_KEEPERS[0]))}",
            "Python's environments, the system bus, Bluetooth, and what sets the clock: readings"
            " wait until the hub knows the time.",
            lambda: bool(_missing_packages()),
            _install_packages,
        ),
        Step(
            f"install the release {new.name}",
            f"the program and all it imports, each hash checked, in {new.folder}.",
            lambda: not new.complete,
            lambda: build(new, wheels),
        ),
        Step(
            f"give the system its files: {', '.join(map(str, SYSTEM_FILES.values()))}",
            "a user who owns nothing but the readings, the service, and who may open a cable.",
            _files_differ,
            _install_files,
        ),
        Step(
            f"write {CONFIGURATION}",
            "there is none; yours would be left as it is.",
            lambda: not CONFIGURATION.exists(),
            _write_configuration,
        ),
        Step(
            "check the configuration with the new release",
            "before anything that runs is touched.",
            lambda: not service.runs(new),
            lambda: _check_configuration(new),
        ),
        Step(
            "stop the gateway and copy its journal",
            f"the new release changes its form; the former could not read it any more."
            f" The copy is in {places.COPIES}, for thirty days.",
            lambda: copy and journal_copy.is_changed_by(new),
            lambda: journal_copy.copy(former if former and former.runs_here else new),
        ),
        *_running(new, former, image=image),
        Step(
            "remove what is older than the release before this one",
            "one is kept, to go back to.",
            lambda: bool(superfluous(new)),
            lambda: _remove(superfluous(new)),
        ),
    )


def back_to(name: str | None) -> Sequence[Step]:
    """Return the steps that end with a former release running. Raises Trouble if it cannot be."""
    chosen, present = named(name), current()
    if not chosen.runs_here:
        raise Trouble(f"{chosen.name} was made for another Python than this system has now.")
    journal_copy.refuse_unless_readable_by(chosen)
    return (
        Step(
            "check the configuration with that release",
            "before anything that runs is touched.",
            lambda: not service.runs(chosen),
            lambda: _check_configuration(chosen),
        ),
        *_running(chosen, present),
    )


def _running(new: Release, former: Release | None, *, image: bool = False) -> Sequence[Step]:
    begin = (
        Step(
            "let the gateway start with each copy of this disk, and not now",
            "its first start draws the key and the token that no two hubs may share.",
            lambda: not service.enabled(),
            service.enable,
        )
        if image
        else Step(
            "start the gateway, also whenever the hub starts",
            "and wait until it says that its journal is open.",
            lambda: not (service.runs(new) and service.enabled()),
            lambda: _start(new, former),
        )
    )
    return (
        Step(
            f"let {CURRENT} name {new.name}, and {COMMAND} its command",
            "whatever starts from now on is of this release.",
            lambda: current() != new or not _is_our_command(),
            lambda: _point_to(new),
        ),
        begin,
    )


def _missing_packages() -> list[str]:
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *PACKAGES, *TIME_KEEPERS],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    there = {line.split()[0] for line in shown.splitlines() if line.endswith("ok installed")}
    missing = [package for package in PACKAGES if package not in there]
    return missing if there & set(TIME_KEEPERS) else [*missing, TIME_KEEPERS[0]]


def _install_packages() -> None:
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *_missing_packages())


def _files_differ() -> bool:
    return _user_is_missing() or any(
        not there.exists() or not filecmp.cmp(here, there, shallow=False)
        for here, there in SYSTEM_FILES.items()
    )


def _user_is_missing() -> bool:
    try:
        pwd.getpwnam(USER)
        return USER not in grp.getgrnam("dialout").gr_mem
    except KeyError:
        return True


def _install_files() -> None:
    for here, there in SYSTEM_FILES.items():
        there.parent.mkdir(parents=True, exist_ok=True)
        part = there.with_name(there.name + ".part")
        shutil.copyfile(here, part)
        part.rename(there)
    run("systemd-sysusers", f"/etc/sysusers.d/{NAME}.conf")
    run("systemctl", "daemon-reload")
    with suppress(Trouble):  # a kernel without these modules has no such cables
        run("systemctl", "restart", "systemd-modules-load.service")
    if Path("/run/udev/control").exists():
        run("udevadm", "control", "--reload")


def _write_configuration() -> None:
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    part = CONFIGURATION.with_name(CONFIGURATION.name + ".part")
    shutil.copyfile(DEPLOY / "starter.toml", part)
    shutil.chown(part, "root", USER)  # it may hold secrets: the gateway reads it, nobody else
    part.chmod(0o640)
    part.rename(CONFIGURATION)


def _check_configuration(release: Release) -> None:
    run(
        *("runuser", "-u", USER, "--", release.command, "--config", CONFIGURATION),
        *("config", "check"),
        remedy=f"Correct {CONFIGURATION}, then try again; what ran before runs on.",
    )


def _is_our_command() -> bool:
    return COMMAND.is_symlink() and COMMAND.readlink() == CURRENT / "bin" / NAME


def _point_to(release: Release) -> None:
    present = current()
    if present is not None and service.active():
        present.is_ready()  # where a copied disk brought it, nobody has noted so yet
    PROGRAM.mkdir(parents=True, exist_ok=True)
    switch(release)
    COMMAND.unlink(missing_ok=True)
    COMMAND.symlink_to(CURRENT / "bin" / NAME)


def _remove(folders: Sequence[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder)


def _start(new: Release, former: Release | None) -> None:
    """Start the new release; where it does not get ready, the former again, if it still can."""
    try:
        service.restart()
        new.is_ready()
    except Trouble as trouble:
        service.stop()
        if former is None or former == new or not former.runs_here:
            raise
        version = journal_copy.schema()
        if version is not None and version > former.schema:
            raise Trouble(
                f"{trouble}\n{former.name} cannot take over again, because the journal was changed"
                f" already. {journal_copy.way_back(former)}"
            ) from trouble
        switch(former)
        service.restart()
        raise Trouble(f"{trouble}\n{former.name} runs again.") from trouble
