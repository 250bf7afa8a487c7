"""A disk that is full keeps nobody at the counter from taking consent back, or from ending it."""

from __future__ import annotations

from asyncio import Future
from typing import Any

import pytest

from gateway.consent.grant import Withdrawal
from gateway.domain.kiosk import UNATTENDED
from gateway.errors import JournalFull
from gateway.journal.writer import Work
from gateway.web.kiosk.pictures import picture_of
from tests.web.window import Window

KIOSK = "/kiosk"
MES = {"destination": "mes", "language": "fr", "version": "1", "kind": "weight"}


def fill(kiosk: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no space but what is kept back for what must not wait."""
    writer = kiosk.hub.journal._writer
    run = writer.run

    def refuse(work: Work[Any], *, joins: bool = False, vital: bool = False) -> Future[Any]:
        if not vital:
            raise JournalFull("the disk is full")
        return run(work, joins=joins, vital=vital)

    monkeypatch.setattr(writer, "run", refuse)


@pytest.mark.parametrize("away", [False, True], ids=["there", "come back"])
async def test_on_a_full_disk_who_is_at_the_counter_takes_consent_back_and_ends_their_turn(
    away: bool, kiosk: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.send("/kiosk/begin", on=KIOSK)
    turn = kiosk.hub.reader.kiosk()
    assert turn is not None
    mine = {"session": str(turn.number)}
    await kiosk.send("/kiosk/consent/give", on=KIOSK, **mine, **MES)
    fill(kiosk, monkeypatch)

    if away:
        kiosk.hub.clock.advance(UNATTENDED.total_seconds())
        await kiosk.send("/kiosk/back", on=KIOSK, picture=picture_of(turn), **mine)
    await kiosk.send("/kiosk/consent/withdraw", on=KIOSK, destination="mes", **mine)
    *_, last = kiosk.hub.reader.ledger(turn.subject)
    asked = await kiosk.send("/kiosk/end/ask", on=KIOSK, **mine)
    ended = await kiosk.send("/kiosk/end", on=KIOSK, **mine)

    assert (asked.status, 'action="/kiosk/end"' in asked.html) == (200, True)
    assert isinstance(last, Withdrawal)
    assert "effacé" in ended.text
    assert kiosk.hub.reader.kiosk() is None
