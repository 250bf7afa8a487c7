"""Whole English sentences of the gateway in another language, each under its English with its gaps.

The layers below say in English what is wrong, and some of it is stored or comes over a socket as it
was said. So a finished sentence can be told again too: it is recognised by what stands between the
gaps. One that is not known stays English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property

from gateway.language.words import read

_GAP = re.compile(r"{(\w+)}")


class Sentences:
    """Sentences in one language: those of `texts`, by their English, and English itself."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)

    @cached_property
    def _with_gaps(self) -> list[tuple[str, str, str]]:
        """What stands before the first gap of a sentence and behind the last, and the sentence."""
        with_gaps = sorted(filter(_GAP.search, self.texts), key=_most_said_first)
        parts = map(_GAP.split, with_gaps)
        return [(begin, end, each) for each, (begin, *_, end) in zip(with_gaps, parts, strict=True)]

    def __call__(self, english: str, **gaps: object) -> str:
        """Say a sentence, with its gaps filled in."""
        text = self.texts.get(english, english)
        return text.format(**gaps) if gaps else text

    def again(self, sentence: str, nested: int = 3) -> str | None:
        """Tell a finished English sentence again; None if it is not known, or this is English.

        What stands in a gap is told too, so deep as `nested` says: what came from elsewhere may
        repeat itself without end.
        """
        if sentence in self.texts:
            return self.texts[sentence]
        for begin, end, english in self._with_gaps:
            if not (sentence.startswith(begin) and sentence.endswith(end)):
                continue  # most: making all their patterns takes as long as the rest of a command
            if found := _pattern(english).fullmatch(sentence):
                # A sentence within a sentence is one too; a word may be somebody's name.
                gaps = {
                    gap: (self.again(told, nested - 1) if nested and " " in told else None) or told
                    for gap, told in found.groupdict().items()
                }
                return self.texts[english].format(**gaps)
        return None


@cache
def problems(language: str) -> Sentences:
    """Return what the layers below say is wrong, in a language."""
    here = read("gateway.language", f"problems.{language}.toml") if language != "en" else {}
    return Sentences(here)


def _most_said_first(english: str) -> int:
    """Sort what leaves less open before what another sentence could be taken for."""
    return -len(_GAP.sub("", english))


@cache
def _pattern(english: str) -> re.Pattern[str]:
    """Return the regular expression of a sentence; a line has a number, other gaps whatever."""
    pattern, named = "", set[str]()
    for n, part in enumerate(_GAP.split(english)):
        if not n % 2:
            pattern += re.escape(part)
        else:
            held = r"\d+" if part == "line" else ".+?"
            pattern += f"(?P={part})" if part in named else f"(?P<{part}>{held})"
            named.add(part)
    return re.compile(pattern, re.DOTALL)
