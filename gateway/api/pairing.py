"""Routes for the person at a device that is being paired: what it asks, and their answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import StringConstraints

from gateway.api.context import Body, HubHere
from gateway.api.hub import Asked, Asking
from gateway.domain.device import DeviceId
from gateway.errors import ConfigError
from gateway.language.plain import plain
from gateway.language.words import LANGUAGES, words

router = APIRouter(prefix="/pairing", tags=["pairing"])


class Told(Asking):
    """What a device asks, with the sentence that a person is shown."""

    sentence: str


class Answer(Body):
    """The code that the device shows, or whether the owner agrees; `agree` false refuses both."""

    code: (
        Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\d{3} ?\d{3}$")] | None
    ) = None
    agree: bool | None = None


@router.get("")
async def questions(hub: HubHere, language: str | None = None) -> list[Told]:
    """List what devices ask now, those asked first first; each for half a minute at most."""
    return [_told(asking, language or hub.language) for asking in hub.questions()]


@router.post("/{number}/answer", status_code=201)
async def answer(
    hub: HubHere, number: Annotated[int, Path(ge=1)], answer: Answer
) -> dict[str, DeviceId]:
    """Answer what a device asks; the answer is in the audit chain, the code is nowhere."""
    asked = next((each for each in hub.questions() if each.number == number), None)
    given = None if asked is None else _meant(asked.asks, answer)
    if asked is None or not await hub.answer(asked, given):
        raise HTTPException(404, "That is not asked any more: see 'pairing list'.")
    return {"id": asked.device}


def _meant(asks: Asked, answer: Answer) -> int | bool | None:
    """Return the code, yes, or None for no; raises ConfigError for what answers nothing."""
    if answer.agree is False:
        return None
    match asks, answer.code:
        case Asked.TYPE_CODE, str(code):
            return int(code.replace(" ", ""))
        case Asked.CONFIRM, None if answer.agree:
            return True
    wanted = {
        Asked.TYPE_CODE: "The device shows six digits: give them as the code.",
        Asked.SHOW_CODE: "There is nothing to answer: type the code on the device.",
        Asked.CONFIRM: "The device has no code: say whether you agree.",
    }
    raise ConfigError(wanted[asks])


def _told(asking: Asking, language: str) -> Told:
    if language not in LANGUAGES:
        raise ConfigError(f"Nothing is told in {language!r}: fr and en exist.")
    say = words(language)
    device = say("device_asks.unnamed")
    if asking.name is not None:
        device = say("device_asks.named", device=device, name=plain(asking.name))
    code = "" if asking.code is None else f"{asking.code[:3]} {asking.code[3:]}"
    sentence = say(f"device_asks.{asking.asks}", device=device, code=code)
    return Told(**asking.model_dump(), sentence=sentence[0].upper() + sentence[1:])
