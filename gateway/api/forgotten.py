"""Which browsers were let in once and are let in no longer, kept so that a restart changes nothing.

A cookie's seal says that a browser was let in; the file here takes that back, for one browser or
for all of a role. All at once is a mark that goes into the seals made from then on, so that those
made before are worth nothing. No clock has a say in it, as a hub may not know the time: what is
forgotten stays so. The file holds no secret: without the API's token no seal can be made of it.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway import durable
from gateway.errors import ConfigError

MOST = 1000
"""Browsers of a role that are forgotten one by one; one more, and all of them are. Each came by a
code that somebody asked for, so this takes years; until then the file is below 40 kB."""

_log = logging.getLogger(__name__)


class _Kept(BaseModel):
    """What the file holds, by role."""

    model_config = ConfigDict(extra="forbid")

    marks: dict[str, str] = {}
    """The mark in the seals that count; nothing until all were forgotten once."""
    browsers: dict[str, list[str]] = {}
    """Browsers with that mark which are forgotten."""


class Forgotten:
    """The file of one hub. It is read once, and written by nobody else."""

    def __init__(self, path: Path) -> None:
        """Read the file. One that is no good forgets everybody. Raises ConfigError."""
        self._path = path
        try:
            self._kept = _Kept.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            self._kept = _Kept()
        except ValidationError:
            _log.warning("%s is damaged: every browser has to be let in again", path)
            self._kept = _Kept(marks={"owner": _mark(), "kiosk": _mark()})
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error

    def mark(self, role: str) -> str:
        """Return the mark that belongs into a seal of this role."""
        return self._kept.marks.get(role, "")

    def has(self, role: str, browser: str) -> bool:
        """Tell whether this browser was forgotten by itself."""
        return browser in self._kept.browsers.get(role, ())

    def add(self, role: str, browser: str) -> None:
        """Forget one; durable on return. Raises ConfigError, and then nothing has changed."""
        browsers = [*self._kept.browsers.get(role, ()), browser]
        if len(browsers) > MOST:
            self.add_all(role)
        else:
            self._keep(self._kept.marks, {**self._kept.browsers, role: browsers})

    def add_all(self, role: str) -> None:
        """Forget all of a role; durable on return. Raises ConfigError, as `add`."""
        self._keep({**self._kept.marks, role: _mark()}, {**self._kept.browsers, role: []})

    def _keep(self, marks: dict[str, str], browsers: dict[str, list[str]]) -> None:
        kept = _Kept(marks=marks, browsers=browsers)
        try:
            durable.write(self._path, kept.model_dump_json().encode())
        except OSError as error:
            raise ConfigError(
                f"{self._path}: cannot be written ({error.strerror}), so nobody was forgotten: see"
                " to the space on the disk and to the folder, and try again."
            ) from error
        self._kept = kept


def _mark() -> str:
    return secrets.token_urlsafe(9)
