"""What the page about Mon espace santé says of kinds, codes and answers is what the code does."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import OutcomeUnknown, UplinkError, UplinkRejected, UplinkUnavailable
from gateway.uplink.http_client import Answer
from gateway.uplink.mes_answers import refusal
from gateway.uplink.mes_terms import DEFAULT_KINDS, SLOTS
from gateway.uplink.settings import MesSettings

PAGE = (Path(__file__).parents[2] / "docs" / "mes.md").read_text()
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
        ("404, 405, 415, a redirect, no connection", 404, {}, UplinkUnavailable),
        ("404, 405, 415, a redirect, no connection", 405, {}, UplinkUnavailable),
        ("404, 405, 415, a redirect, no connection", 415, {}, UplinkUnavailable),
        ("404, 405, 415, a redirect, no connection", 307, {}, UplinkUnavailable),
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

    assert type(refusal(Answer(status, headers, b""), datetime(2026, 3, 14, tzinfo=UTC))) is kind
