"""What devices remark is said in a sentence, in both languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import drivers
from gateway.language.remarks import CUT_SHORT, DAMAGED, remarked, unreadable
from gateway.language.words import LANGUAGES
from gateway.web.words import words

SOURCES = [path.read_text() for path in Path(drivers.__path__[0]).rglob("*.py")]
BY_VARIABLE = ("memory_reset", "older_records_missing", "ketone_record", "no_value", "clock_set")
"""Codes that are handed to `remark` as the value of something; so is the noise of a line."""
NOISE = "too much noise on the line"


def told(event: ast.expr) -> Iterator[str]:
    """Yield how the events of a call begin, as far as they are written in it."""
    match event:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text
        case ast.IfExp(body=body, orelse=otherwise):
            yield from (*told(body), *told(otherwise))


def codes() -> set[str]:
    found = {NOISE, "may_be_ketone", *BY_VARIABLE}
    for node in (node for source in SOURCES for node in ast.walk(ast.parse(source))):
        match node:
            case ast.Call(func=ast.Attribute(attr="remark"), args=[event, *_]):
                found |= {text.partition(":")[0].strip() for text in told(event)}
    return found


def test_every_remark_has_its_sentence_and_every_sentence_its_remark() -> None:
    for language in LANGUAGES:
        said = {key.partition(".")[2] for key in words(language) if key.startswith("remark.")}

        assert said == codes()


@pytest.mark.parametrize(
    ("event", "french"),
    [
        ("new_sensor_session", "Un nouveau capteur a été posé."),
        ("device_error E 5", "L'appareil affiche une erreur\u00a0: E 5."),
        (
            "sensor_status: battery_low, session_stopped",
            "Le capteur signale\u00a0: pile faible, capteur arrêté.",
        ),
        (
            "clock_lost: set the date and the time of the device",
            "L'appareil a perdu la date et l'heure\u00a0: réglez-les sur l'appareil.",
        ),
        ("device_error", "L'appareil affiche une erreur\u00a0: ?."),
        ("something: of a guest", "something: of a guest"),
        ("", ""),
    ],
)
def test_a_remark_is_said_with_what_it_tells(event: str, french: str) -> None:
    assert remarked(event, words("fr")) == french


@pytest.mark.parametrize(
    ("reason", "french"),
    [
        (
            "crc",
            "Quelque chose est arrivé abîmé\u00a0: vérifiez le câble, ou rapprochez l'appareil"
            " (crc).",
        ),
        (
            "incomplete",
            "Quelque chose est arrivé coupé\u00a0: vérifiez le câble, ou rapprochez l'appareil"
            " (incomplete).",
        ),
        (
            "unsupported_output_format: set function item 32 of the monitor to 5",
            "L'appareil parle dans un autre format\u00a0: dans son menu, mettez le n°\u00a032"
            " (function item) sur 5.",
        ),
        (
            "experimental_format: turn the setting `experimental` on to read it",
            "Ce format n'est lu qu'à l'essai\u00a0: mettez experimental = true dans ses réglages.",
        ),
        ("of a guest", "Le boîtier n'a pas compris une partie de ce qu'il dit (of a guest)."),
        ("", ""),
    ],
)
def test_why_something_was_not_read_is_said_with_what_helps(reason: str, french: str) -> None:
    assert unreadable(reason, words("fr")) == french


def test_each_reason_that_has_words_of_its_own_is_one_of_a_driver() -> None:
    own = {key.partition(".")[2] for key in words("en") if key.startswith("unreadable.")}
    codes = DAMAGED | CUT_SHORT | own - {"damaged", "cut_short", "other"}

    assert {each for each in codes if not any(f'"{each}' in it for it in SOURCES)} == set()
