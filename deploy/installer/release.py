"""A release: the program of one version with everything it imports, in a folder of its own.

    /opt/healthspace-gateway/releases/0.1.0-py3.13-5f0c2a91/     a virtual environment
        release.json     written last: what the release knows; without it, it is incomplete
        ran              touched whenever it got ready; without it, nobody goes back to it
    /opt/healthspace-gateway/current                             a link to the one that runs

Two are kept, so that going back is a link and a restart.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from places import CURRENT, DEPLOY, GUESTS, RELEASES, SOURCE
from steps import Trouble, run

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_OFFLINE = "If this hub has no way to the package index: docs/install.md, 'Without a network'."


@dataclass(frozen=True)
class Release:
    """One release, installed or not."""

    folder: Path

    @property
    def name(self) -> str:
        """Its folder's name: version, Python, and what it was made from."""
        return self.folder.name

    @property
    def command(self) -> Path:
        """The program."""
        return self.folder / "bin" / "healthspace-gateway"

    @property
    def complete(self) -> bool:
        """Whether it was installed to the end."""
        return (self.folder / "release.json").exists()

    @property
    def ran(self) -> bool:
        """Whether it ever got ready."""
        return (self.folder / "ran").exists()

    def is_ready(self) -> None:
        """Note that it got ready."""
        (self.folder / "ran").touch()

    @property
    def schema(self) -> int:
        """The newest form of the journal that it can read, and brings every older one into."""
        if not self.complete:
            return len(list((SOURCE / "gateway" / "journal" / "schema").glob("*.sql")))
        return int(json.loads((self.folder / "release.json").read_text())["schema"])

    @property
    def runs_here(self) -> bool:
        """Whether the Python that it was made for is still the system's."""
        return (self.folder / "lib" / f"python{_PYTHON}").is_dir()


def offered() -> Release:
    """Return the release that the files beside this installer make."""
    version = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]["version"]
    return Release(RELEASES / f"{version}-py{_PYTHON}-{_fingerprint()}")


def current() -> Release | None:
    """Return the release that the link names, if it is there."""
    release = Release(RELEASES / CURRENT.readlink().name) if CURRENT.is_symlink() else None
    return release if release is not None and release.complete else None


def former(present: Release | None) -> list[Release]:
    """Return the other releases that ran here, the last one first."""
    folders = RELEASES.iterdir() if RELEASES.is_dir() else ()
    found = [release for release in map(Release, folders) if release.complete and release.ran]
    found.sort(key=lambda it: (it.folder / "ran").stat().st_mtime_ns, reverse=True)
    return [release for release in found if release != present]


def build(release: Release, wheels: Path | None) -> None:
    """Install a release into its folder. Every package's hash is checked; nothing is compiled.

    `wheels` is a folder with all packages, for a hub without a network.
    """
    shutil.rmtree(release.folder, ignore_errors=True)
    where = ["--no-index", "--find-links", wheels] if wheels else []
    careful = ["--no-cache-dir", "--only-binary", ":all:", "--require-hashes", *where]
    with tempfile.TemporaryDirectory(prefix="healthspace-gateway-") as folder:
        tools = Path(folder) / "tools"
        run(sys.executable, "-I", "-m", "venv", tools, remedy="Install python3-venv.")
        pip = [tools / "bin" / "python", "-I", "-m", "pip", "--disable-pip-version-check"]
        run(*pip, "install", *careful, "-r", DEPLOY / "build.lock", remedy=_OFFLINE)
        wheel = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
        run(*pip, "wheel", *wheel, SOURCE)
        run(sys.executable, "-I", "-m", "venv", "--without-pip", release.folder)
        into = [*pip, "--python", release.folder / "bin" / "python", "install"]
        run(*into, *careful, "-r", DEPLOY / "requirements.lock", remedy=_OFFLINE)
        (made,) = Path(folder).glob("*.whl")
        run(*into, "--no-deps", "--no-index", made)
    packages = release.folder / "lib" / f"python{_PYTHON}" / "site-packages"
    (packages / "guests.pth").write_text(f"{GUESTS}\n")
    run(release.command, "--help")
    part = release.folder / "release.json.part"
    part.write_text(json.dumps({"schema": release.schema}))
    os.sync()
    part.rename(release.folder / "release.json")


def switch(to: Release) -> None:
    """Let the link name this release, in one step."""
    part = CURRENT.with_name("current.part")
    part.unlink(missing_ok=True)
    part.symlink_to(to.folder.relative_to(CURRENT.parent))
    part.rename(CURRENT)


def superfluous(keep: Release) -> list[Path]:
    """Return what is neither this release nor the last other one that ran."""
    kept = {keep.folder, *(release.folder for release in former(keep)[:1])}
    return [it for it in RELEASES.iterdir() if it not in kept] if RELEASES.is_dir() else []


def named(name: str | None) -> Release:
    """Return the installed release of that name; without one, the last before the current."""
    choices = former(current())
    for release in choices:
        if name in (None, release.name):
            return release
    there = ", ".join(release.name for release in choices) or "none"
    raise Trouble(f"There is no such former release here. There is: {there}.")


def _fingerprint() -> str:
    found = hashlib.sha256()
    for path in _sources():
        content = path.read_bytes()
        found.update(f"{path.relative_to(SOURCE)}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:8]


def _sources() -> Iterator[Path]:
    yield from (SOURCE / name for name in ("pyproject.toml", "README.md", "LICENSE"))
    yield from sorted(DEPLOY.glob("*.lock"))
    for path in sorted((SOURCE / "gateway").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
