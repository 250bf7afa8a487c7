"""What the page about Mon espace santé says of kinds, codes and answers is what the code does."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import OutcomeUnknown, UplinkError, UplinkRejected, UplinkUnavailable
from gateway.uplink.answers import OF_NO_REQUEST
from gateway.uplink.http_client import Answer
from gateway.uplink.mes_answers import refusal
from gateway.uplink.mes_terms import DEFAULT_KINDS, SLOTS
from gateway.uplink.settings import MesSettings

PAGE = (Path(__file__).parents[2] / "docs" / "mes.md").read_text()
OF_NO_READING = "402, 404 to 407, 410, 415, 421, 423, 425, 426, 451, a redirect, no connection"
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.M))


def test_every_kind_has_its_row_with_its_codes_and_unit() -> None:
    assert set(ROWS) == set(SLOTS)
    for kind, slot in SLOTS.items():
        for code in slot.codes:
            assert code.code in ROWS[kind]
        assert slot.parts[0].unit in ROWS[kind]
        assert ("only where `kinds` names it" in ROWS[kind]) is (kind not in DEFAULT_KINDS)


def test_the_example_names_keys_that_exist() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)

    named = set(re.findall(r"^(\w+) =", example, re.M))
    assert named <= set(MesSettings.model_fields)


@pytest.mark.parametrize(
    ("row", "status", "headers", "kind"),
    [
        ("422 and other 4xx", 422, {}, UplinkRejected),
        ("422 and other 4xx", 413, {}, UplinkRejected),
        ("429; 503 with Retry-After", 429, {}, UplinkUnavailable),
        ("429; 503 with Retry-After", 503, {"retry-after": "5"}, UplinkUnavailable),
        *((OF_NO_READING, status, {}, UplinkUnavailable) for status in (307, *OF_NO_REQUEST)),
        ("408, 5xx, no or half an answer, anything else", 408, {}, OutcomeUnknown),
        ("408, 5xx, no or half an answer, anything else", 500, {}, OutcomeUnknown),
        ("408, 5xx, no or half an answer, anything else", 503, {}, OutcomeUnknown),
        ("408, 5xx, no or half an answer, anything else", 202, {}, OutcomeUnknown),
    ],
)
def test_an_answer_means_what_its_row_says(
    row: str, status: int, headers: dict[str, str], kind: type[UplinkError]
) -> None:
    assert f"| {row} |" in PAGE
    if row is OF_NO_READING and status != 307:
        assert any(first <= status <= last for first, last in numbers(row))

    assert type(refusal(Answer(status, headers, b""), datetime(2026, 3, 14, tzinfo=UTC))) is kind


def numbers(row: str) -> list[tuple[int, int]]:
    """Return the numbers of a row, as the first and the last of each span."""
    spans = re.findall(r"(\d{3})(?: to (\d{3}))?", row)
    return [(int(first), int(last or first)) for first, last in spans]
