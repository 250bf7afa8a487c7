"""The texts people agreed to are never edited: each is known by its hash."""

import hashlib

import pytest

from gateway.consent.grant import Purpose
from gateway.consent.texts import LANGUAGES, shown

USED = {
    (Purpose.HEALTH_RECORD, "1", "fr"): "ef94897fa7276365",
    (Purpose.HEALTH_RECORD, "1", "en"): "403e5dc9323232b5",
}
"""A text that has been used keeps its hash; a new wording is a new version, and a line here."""


@pytest.mark.parametrize("used", USED)
def test_a_text_that_was_used_is_what_it_was(used: tuple[Purpose, str, str]) -> None:
    purpose, version, language = used

    content, record = shown(purpose, language, version)

    assert record.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert record.sha256.startswith(USED[used])


@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_has_its_text_in_both_languages(purpose: Purpose) -> None:
    texts = {shown(purpose, language)[0] for language in LANGUAGES}

    assert len(texts) == len(LANGUAGES)
