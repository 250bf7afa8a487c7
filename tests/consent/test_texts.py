"""The texts people agreed to are never edited: each is known by its hash."""

import hashlib
import re

import pytest

from gateway.consent.grant import Purpose
from gateway.consent.texts import LANGUAGES, shown

USED = {
    (Purpose.HEALTH_RECORD, "1", "fr"): "ef94897fa7276365",
    (Purpose.HEALTH_RECORD, "1", "en"): "403e5dc9323232b5",
    (Purpose.DOCUMENTS, "1", "fr"): "f81b26bc4aab4040",
    (Purpose.DOCUMENTS, "1", "en"): "65236049ec6d1f30",
    (Purpose.HEALTH_RECORD, "2", "fr"): "fe7d2b679240ecdc",
    (Purpose.HEALTH_RECORD, "2", "en"): "b6dc52f308cba1c2",
    (Purpose.DOCUMENTS, "2", "fr"): "35967b98f9516325",
    (Purpose.DOCUMENTS, "2", "en"): "09cff5d5dbf06ade",
    (Purpose.HEALTH_RECORD, "3", "fr"): "9544e275d2add9ab",
    (Purpose.HEALTH_RECORD, "3", "en"): "824a52a93117230b",
    (Purpose.DOCUMENTS, "3", "fr"): "d265c3b3ab78a14c",
    (Purpose.DOCUMENTS, "3", "en"): "354e48ef793bd81f",
}
"""A text that has been used keeps its hash; a new wording is a new version, and a line here."""


@pytest.mark.parametrize("used", USED)
def test_a_text_that_was_used_is_what_it_was(used: tuple[Purpose, str, str]) -> None:
    purpose, version, language = used

    content, record = shown(purpose, language, version)

    assert record.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert record.sha256.startswith(USED[used])


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize(
    ("language", "leads", "jargon"),
    [
        (
            "fr",
            ("À qui", "Depuis quand", "Jusqu'à quand", "Comment arrêter", "Vos droits"),
            r"appair|file d'attente|identifiant|consign|Internet[^.]*connexion",
        ),
        (
            "en",
            ("To whom", "Since when", "Until when", "How to stop", "Your rights"),
            r"\bpair|queue|identifier|log\b",
        ),
    ],
)
def test_it_says_in_plain_words_to_whom_from_when_until_when_and_how_to_stop(
    language: str, leads: tuple[str, ...], jargon: str, purpose: Purpose
) -> None:
    content, _ = shown(purpose, language)
    paragraphs = [" ".join(each.split()) for each in content.split("\n\n")]

    for lead in leads:
        assert any(re.match(f"{lead} ?:", each) for each in paragraphs)
    assert re.search(jargon, content) is None
    assert max(len(each.split()) for each in paragraphs) <= 65


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_true_at_a_pharmacys_counter_and_of_what_is_no_health_record(
    language: str, purpose: Purpose
) -> None:
    content = " ".join(shown(purpose, language)[0].split())

    assert re.search("chez vous|at your place", content) is None
    assert re.search("Si c'est un dossier de santé|If it is a health record", content)


@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_has_its_text_in_both_languages(purpose: Purpose) -> None:
    texts = {shown(purpose, language)[0] for language in LANGUAGES}

    assert len(texts) == len(LANGUAGES)
