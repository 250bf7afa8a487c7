"""Who types a name at the counter is not told whether somebody of that name is known here."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from tests.web.window import Answer, Window

KIOSK = "/kiosk"
AGREED = {"destination": "mes", "language": "fr", "version": "1", "kind": "weight"}


def told(answer: Answer) -> str:
    """Return what an answer says, but for the numbers that each turn has of its own."""
    return re.sub(r"[\w+/=-]{16,}|séance \d+|journal : \d+", "?", answer.text)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"capacity": "self", "by": "Anne Martin"},
        {"capacity": "parent", "by": "Anne Martin"},
        {"capacity": "parent", "by": "Anne Martin (2)"},
    ],
    ids=str,
)
async def test_who_stays_by_a_name_and_agrees_learns_not_whether_it_was_taken(
    kiosk: Window, said: dict[str, str]
) -> None:
    answers = []
    for _ in ("is free", "is taken"):
        await kiosk.send("/kiosk/begin", on=KIOSK)
        mine = {"session": (await kiosk.get(KIOSK)).field("session")}
        kept = await kiosk.send("/kiosk/keep", on=KIOSK, called="Anne Martin", **mine)
        gave = await kiosk.send("/kiosk/consent/give", on=KIOSK, **mine, **AGREED, **said)
        seen = [kept.status, gave.status, told(gave)]
        if gave.status == HTTPStatus.SEE_OTHER:
            grant = (await kiosk.get(KIOSK)).field("grant")
            receipt = await kiosk.send("/kiosk/receipt", on=KIOSK, grant=grant, **mine)
            assert "Reçu de votre accord" in receipt.text
            seen.append(told(receipt))
        await kiosk.send("/kiosk/end", on=KIOSK, **mine)
        answers.append(seen)

    assert answers[0] == answers[1]
    labels = {each.label for each in kiosk.hub.reader.subjects()}
    assert labels == {"Anne Martin", "Anne Martin (2)"}
