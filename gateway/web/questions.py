"""What devices ask while they are being paired, on the owner's page, and how that is begun."""

from __future__ import annotations

from contextlib import suppress

from fastapi import HTTPException
from starlette.responses import Response

from gateway.api import devices, pairing
from gateway.web.visits import Visit, see_other


async def questions(visit: Visit) -> Response:
    """Show what is asked now."""
    return visit.page("questions.html", questions=await asked(visit))


async def asked(visit: Visit) -> list[pairing.Told]:
    """Return what is asked now, in the language of the browser."""
    return await pairing.questions(visit.hub, visit.words.language)


async def answer(visit: Visit) -> Response:
    """Answer; what is asked no more, or was no code, leaves the page as it is."""
    number, agree = visit.form.get("number"), visit.form.get("agree")
    code = None if agree else visit.form.get("code")
    with suppress(HTTPException, ValueError):
        given = pairing.Answer(code=code, agree=agree == "yes" if agree else None)
        await pairing.answer(visit.hub, int(number), given)
    return see_other("/")


async def anew(visit: Visit) -> Response:
    """Pair a device anew as soon as it is heard: a bond that it may have lost is forgotten."""
    await devices.forget(visit.hub, devices.Forgetting(device=visit.form.get("device")))
    return see_other("/")
