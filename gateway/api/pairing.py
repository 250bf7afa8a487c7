"""Routes for the person at a device that is being paired: what it asks, and their answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, StringConstraints

from gateway.api.context import HubHere
from gateway.api.hub import Asked, Asking
from gateway.domain.device import DeviceId
from gateway.errors import ConfigError
from gateway.language.plain import plain

router = APIRouter(prefix="/pairing", tags=["pairing"])

_WORDS: Mapping[str, Mapping[Asked, str]] = {
    "fr": {
        Asked.TYPE_CODE: "{device} affiche un code à six chiffres : donnez ce code ici.",
        Asked.SHOW_CODE: "Tapez ce code sur {device} : {code}",
        Asked.CONFIRM: (
            "{device} veut s'associer sans code."
            " Acceptez seulement s'il est devant vous et que vous l'avez demandé."
        ),
    },
    "en": {
        Asked.TYPE_CODE: "{device} shows a code of six digits: give that code here.",
        Asked.SHOW_CODE: "Type this code on {device}: {code}",
        Asked.CONFIRM: (
            "{device} wants to pair without a code."
            " Agree only if it is in front of you and you asked for this."
        ),
    },
}
_UNNAMED = {"fr": "l'appareil", "en": "the device"}


class Told(Asking):
    """What a device asks, with the sentence that a person is shown."""

    sentence: str


class Answer(BaseModel):
    """The code that the device shows, or whether the owner agrees; `agree` false refuses both."""

    model_config = ConfigDict(extra="forbid")

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
    words = _WORDS.get(language)
    if words is None:
        raise ConfigError(f"Nothing is told in {language!r}: fr and en exist.")
    named = plain(asking.name or "")
    name = f"« {named} »" if language == "fr" else f'"{named}"'
    device = _UNNAMED[language] if asking.name is None else f"{_UNNAMED[language]} {name}"
    code = "" if asking.code is None else f"{asking.code[:3]} {asking.code[3:]}"
    sentence = words[asking.asks].format(device=device, code=code)
    return Told(**asking.model_dump(), sentence=sentence[0].upper() + sentence[1:])
