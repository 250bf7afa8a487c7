"""Both languages say everything, and everything that can happen has words."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import gateway.web
from gateway.cli.speech import sentences
from gateway.collect.patience import Outcome
from gateway.consent.gate import Reason
from gateway.consent.grant import Capacity
from gateway.domain.correction import Wrong
from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Limit, Measure, Quality
from gateway.errors import RadioTrouble
from gateway.glucose.consensus import Metric
from gateway.glucose.words import words as of_the_report
from gateway.journal.states import State
from gateway.language.words import LANGUAGES, Words
from gateway.web.giver import Unclear
from gateway.web.words import words

TEMPLATES = sorted((Path(gateway.web.__file__).parent / "templates").glob("*.html"))

CLOSED = [
    *(f"kind.{kind}" for kind in Kind),
    *(f"measure.{measure}" for measure in Measure),
    *(f"unit.{unit.name.lower()}" for unit in Unit),
    *(f"limit.{limit}" for limit in Limit),
    *(f"quality.{quality}" for quality in Quality if quality is not Quality.GOOD),
    *(f"delivery.{state}" for state in State),
    *(f"withheld.{reason}" for reason in Reason),
    *(f"giver.{capacity}" for capacity in Capacity),
    *(f"giver.{unclear}" for unclear in Unclear),
    *(f"corrections.{wrong}.{so_many}" for wrong in Wrong for so_many in ("one", "other")),
    *(f"month.{month}" for month in range(1, 13)),
    *(f"problem.radio.{trouble}" for trouble in RadioTrouble),
]
QUIET = {Outcome.COMPLETE, Outcome.STOPPED, Outcome.BUG}
"""Ends of a conversation of which there is nothing special to say."""


@pytest.mark.parametrize("words", [words, of_the_report], ids=["screens", "report"])
def test_both_languages_have_the_same_words_with_the_same_gaps(
    words: Callable[[str], Words],
) -> None:
    french, english = words("fr"), words("en")

    assert set(french) == set(english)
    for key in french:
        gaps = [sorted(re.findall(r"{\w+}", each(key))) for each in (french, english)]
        assert gaps[0] == gaps[1], key


def test_in_french_a_thing_has_the_one_name_that_the_glossary_gives_it() -> None:
    others = r"(?i)\b(?:consentements?|démon|passerelle|périphériques?|le log|au log|tour de)\b"

    assert [each for each in french() if re.search(others, each)] == []


def french() -> list[str]:
    told = [each(key) for each in (words("fr"), of_the_report("fr")) for key in each]
    return [*told, *sentences("fr").texts.values()]


def test_no_name_follows_a_french_word_that_loses_its_vowel_before_some() -> None:
    """ "de Odile" is a mistake, and "de Marcel" is none: a name stands by itself."""
    before_a_name = r"\b(?:[dD]e|[qQ]ue|[jJ]usque|[lL]orsque) \{(?:name|names|who|device)\}"

    assert [each for each in french() if re.search(before_a_name, each)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_can_happen_has_words(language: str) -> None:
    known = set(words(language))

    assert set(CLOSED) - known == set()
    assert {f"metric.{metric}" for metric in Metric} <= set(of_the_report(language))
    assert {f"problem.device.{outcome}" for outcome in Outcome if outcome not in QUIET} <= known


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_says_exists(template: Path) -> None:
    said = re.findall(r"""\bt(?:\.count)?\("([\w.]+)"[,)]""", template.read_text())
    known = set(words("fr"))

    missing = {key for key in said if key not in known and f"{key}.one" not in known}
    assert missing == set()


def test_french_says_one_for_none_and_english_does_not() -> None:
    assert words("fr").count("kiosk.bye.erased", 0) == "0 mesure effacée."
    assert words("en").count("kiosk.bye.erased", 0) == "0 readings erased."


def test_french_keeps_its_signs_on_the_line() -> None:
    assert [each for each in french() if re.search(r"\S [:?!;»%]|« ", each)] == []
