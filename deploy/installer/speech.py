"""Says what the installer says in French where the machine speaks it, else in English.

The code says it in English; `fr.toml` has the French under each English sentence. Recognising a
finished sentence is the gateway's own, which lies beside the installer and needs Python alone.
"""

from __future__ import annotations

import os
import sys
import tomllib
from functools import cache
from pathlib import Path

from places import SOURCE

sys.dont_write_bytecode = True  # the checkout is somebody's, and this runs as root
sys.path.append(str(SOURCE))

from gateway.language.sentences import Sentences  # noqa: E402  found only now

_FRENCH = Path(__file__).with_name("fr.toml")


def say(text: str) -> str:
    """Tell a text line by line; a line that is not known, such as another program's, stays."""
    known = _sentences(_french())
    return "\n".join(known.again(line) or line for line in text.split("\n"))


def _french() -> bool:
    """Whether the machine speaks French (POSIX, section 8.2)."""
    told = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((each for each in told if each), "").startswith("fr")


@cache
def _sentences(french: bool) -> Sentences:
    return Sentences(tomllib.loads(_FRENCH.read_text(encoding="utf-8")) if french else {})
