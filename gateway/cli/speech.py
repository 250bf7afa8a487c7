"""What the command says, in the language of the person at the terminal.

The code says it in English; `fr.toml` has the French under each English sentence. What scripts read
(`--json`) is not said by this, and never changes with the language.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway.language.moments import clock, moment
from gateway.language.order import listed
from gateway.language.sentences import Sentences, problems
from gateway.language.words import LANGUAGES, Words, read
from gateway.web.standing import standing

if TYPE_CHECKING:
    from gateway.config_tables import HubSettings

_FIRST = LANGUAGES[0]


class Speech:
    """Says sentences, moments and what things are called."""

    def __init__(
        self, language: str, zone: tzinfo = UTC, titles: Mapping[str, str] | None = None
    ) -> None:
        self.language = language
        self._zone = zone
        self._titles = titles or {}
        self._sentences = sentences(language)

    def __call__(self, english: str, /, **gaps: object) -> str:
        """Say a sentence of the command, with its gaps filled in."""
        return self._sentences(english, **gaps)

    def count(self, one: str, other: str, number: int) -> str:
        """Say a sentence for so many; French says one for none."""
        single = number == 1 or (number == 0 and self.language == "fr")
        return self(one if single else other, number=number)

    def again(self, sentence: str) -> str:
        """Tell what the layers below said, line by line; in English what is not known."""
        return "\n".join(self._sentences.again(line) or line for line in sentence.split("\n"))

    @cached_property
    def words(self) -> Words:
        """What the screens call things."""
        from gateway.web.words import words  # only where it is wanted

        return words(self.language)

    def kinds(self, kinds: list[str]) -> str:
        """List kinds of readings as people call them."""
        return listed(self.words.or_none(f"kind.{kind}") or kind for kind in kinds)

    def stands(self, way: Mapping[str, Any]) -> str:
        """Say how deliveries stand, by their state, reason and destination of the API."""
        to = self.title(way["destination"])
        uncertain = way["may_have_arrived"]
        return standing(
            way["state"], way["reason"], to, self.words, may_have_arrived=uncertain
        ).sentence

    def title(self, destination: str) -> str:
        """Return what people call a destination; one that is gone has its name only."""
        return self._titles.get(destination, destination)

    def moment(self, iso: str | None) -> str:
        """Say a moment of the API as people say it; nothing for none."""
        if iso is None:
            return ""
        return moment(datetime.fromisoformat(iso), datetime.now(UTC), self._zone, self.words)

    def clock(self, iso: str) -> str:
        """Say the time of day of a moment of the API."""
        return clock(datetime.fromisoformat(iso), self._zone, self.words)


def speech_of(
    given: str | None, hub: HubSettings | None, titles: Mapping[str, str] | None = None
) -> Speech:
    """Return the speech wished for: by the option, the configuration, or the environment.

    A configuration that names no language leaves it to the environment.
    """
    stated = hub.language if hub is not None and "language" in hub.model_fields_set else None
    language = given or stated or spoken_around(os.environ) or _FIRST
    return Speech(language, hub.tzinfo if hub is not None else ZoneInfo("UTC"), titles)


def spoken_around(environment: Mapping[str, str]) -> str | None:
    """Return the language of the environment, if it is one of ours (POSIX, section 8.2)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if told := environment.get(name):
            return told[:2] if told[:2] in LANGUAGES else None
    return None


@cache
def sentences(language: str) -> Sentences:
    """Return the sentences of the command, and those of the layers below."""
    here = read("gateway.cli", f"{language}.toml") if language != "en" else {}
    return Sentences(problems(language).texts | here)
