"""The texts people consent to: one file per purpose, version and language.

A file is never edited once it was used; a new wording is a new version. A grant records version,
language and the SHA-256 of the bytes shown.
"""

from __future__ import annotations

import hashlib
from importlib import resources

from gateway.consent.grant import ConsentText, Purpose

CURRENT = "3"
LANGUAGES = ("fr", "en")


def shown(purpose: Purpose, language: str, version: str = CURRENT) -> tuple[str, ConsentText]:
    """Return the text to show and what a grant records of it; KeyError if there is none."""
    name = f"{purpose}.{version}.{language}.txt"
    file = resources.files(__package__) / name
    if language not in LANGUAGES or not file.is_file():
        raise KeyError(name)
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return content.decode(), ConsentText(version=version, language=language, sha256=digest)
