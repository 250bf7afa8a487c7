"""Asking for consent and taking it back, for the owner's page and for the kiosk.

Giving takes two taps, for the text has to be shown in between; taking back takes one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import groupby
from typing import Any

from starlette.responses import Response

from gateway.api import consents
from gateway.api.context import destination as kinds_of
from gateway.api.hub import Hub
from gateway.consent.grant import Capacity, ConsentText, Grant, Purpose, living
from gateway.consent.receipt import RULE
from gateway.consent.texts import shown
from gateway.domain.device_time import EARLIEST
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.language.moments import in_zone
from gateway.language.order import by_the_letter
from gateway.language.words import Words
from gateway.web.giver import Giver, Unclear, giver
from gateway.web.visits import Visit, see_other

_DRAWN = frozenset(" ▀▄█")
"""The letters that a receipt's code is drawn with."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked, with the recorded text in paragraphs."""

    destination: str
    title: str
    address: str | None
    paragraphs: Sequence[str]
    record: ConsentText
    purpose: Purpose
    kinds: Sequence[tuple[Kind, str]]
    ticked: Collection[str]
    """Those of them that are ticked as it is asked."""


def not_covered(hub: Hub, subject: SubjectId, destination: str) -> frozenset[Kind]:
    """Return what the destination takes and no living consent of the person names.

    A kind that is new, or that they kept to themselves.
    """
    given = consents.good(hub, hub.reader.ledger(subject))
    named = {kind for each in given if each.destination == destination for kind in each.kinds}
    return hub.routes.get(destination, frozenset()) - named


def question(
    hub: Hub,
    destination: str,
    words: Words,
    subject: SubjectId | None = None,
    ticked: Collection[str] | None = None,
) -> Question:
    """Prepare the question; of somebody who consented before, for what that does not cover.

    All is ticked unless it is told what. Raises ConfigError for an unknown destination.
    """
    kinds = kinds_of(hub, destination)
    purpose = consents.purpose_of(kinds)
    if subject is not None and not hub.reader.refused(subject, destination):
        kinds = not_covered(hub, subject, destination) or kinds
    text, record = shown(purpose, words.language)
    named = [(kind, words(f"kind.{kind}")) for kind in kinds]
    return Question(
        destination=destination,
        title=hub.title(destination),
        address=consents.address(hub, destination),
        paragraphs=[" ".join(part.split("\n")) for part in text.strip().split("\n\n")],
        record=record,
        purpose=purpose,
        kinds=sorted(named, key=lambda each: by_the_letter(each[1])),
        ticked=kinds if ticked is None else ticked,
    )


async def ask(visit: Visit, *, nothing: bool = False, unclear: Unclear | None = None) -> Response:
    """Show the text, and ask.

    Again, with what was said, where it was agreed to and `nothing` was ticked, or it is `unclear`
    who agrees.
    """
    person = visit.person
    if person is None:
        return see_other("/")
    earlier = bool(visit.form.get("earlier"))  # then all of it is asked for, not the rest alone
    whose = None if earlier else person.id
    ticked = visit.form.all("kind") if unclear else () if nothing else None
    asked = question(visit.hub, visit.form.get("destination"), visit.words, whose, ticked)
    return visit.page(
        "consent.html",
        HTTPStatus.BAD_REQUEST if nothing or unclear else HTTPStatus.OK,
        question=asked,
        subject=person.id,
        name=person.label,
        earlier=earlier,
        nothing=nothing,
        **of_the_giver(visit, person.id, unclear),
    )


def of_the_giver(visit: Visit, subject: SubjectId, unclear: Unclear | None) -> dict[str, Any]:
    """Return what `giver.html` asks with: what was answered so far, and what of it is unclear."""
    return {"capacities": list(Capacity), "said": _said(visit, subject), "unclear": unclear}


def _said(visit: Visit, subject: SubjectId) -> Mapping[str, str]:
    """Return who gives it, as what and until when: as the form says, or as one in force was given.

    Else who has a parent's consent until a date, and is asked for the rest, would give that for
    themselves and for ever. Once it is over they may be of age, and speak for themselves.
    """
    given, form = _given(visit, subject), visit.form
    if form.get("capacity") or given is None or _is_over(given, visit.hub):
        return {name: form.get(name) for name in ("capacity", "by", "expires")}
    return {
        "capacity": given.capacity,
        "by": "" if given.capacity is Capacity.SELF else given.given_by,
        "expires": _day(given, visit.hub),
    }


def _given(visit: Visit, subject: SubjectId) -> Grant | None:
    """Return the last consent to the destination of a form that nobody took back."""
    ledger = living(visit.hub.reader.ledger(subject))
    to = visit.form.get("destination")
    return next((each for each in reversed(ledger) if each.destination == to), None)


def _is_over(grant: Grant, hub: Hub) -> bool:
    return grant.expires is not None and grant.expires <= hub.clock.now().utc


def _day(grant: Grant, hub: Hub) -> str:
    """Write the day of its end as a field for one has it; nothing if it has none."""
    if grant.expires is None:
        return ""
    return in_zone(grant.expires, hub.zone).date().isoformat()


async def give(visit: Visit) -> Response:
    """Record consent to what was ticked; to earlier readings too if that was ticked."""
    person = visit.person
    if person is None:
        return see_other("/")
    by = giver(visit.form, person.label, visit.hub.clock.now(), visit.hub.zone)
    if isinstance(by, Unclear):
        return await ask(visit, unclear=by)
    since = EARLIEST if visit.form.get("earlier") else None
    if not await record(visit, person.id, by, since):
        return await ask(visit, nothing=True)
    return see_other("/")


async def receipt(visit: Visit) -> Response:
    """Show the receipt of a consent, to print or to copy."""
    subject, grant = SubjectId(visit.form.get("subject")), visit.form.get("grant")
    told = await consents.receipt_of(visit.hub, grant, subject)
    return visit.page("receipt.html", parts=_parts(told["text"]))


def _parts(receipt: str) -> list[tuple[bool, str]]:
    """Part the text of a receipt from the code that is drawn in it; True for the drawing."""
    parts = groupby(
        _unfolded(receipt.splitlines()), lambda line: bool(line) and set(line) <= _DRAWN
    )
    return [(drawn, "\n".join(part)) for drawn, part in parts]


def _unfolded(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines, those of the text that was agreed to without its ends of lines."""
    for ruled, part in groupby(enumerate(lines), lambda each: lines[: each[0]].count(RULE) == 1):
        text = "\n".join(line for _, line in part)
        if ruled:
            text = "\n\n".join(" ".join(each.split("\n")) for each in text.split("\n\n"))
        yield from text.split("\n")


async def withdraw(visit: Visit) -> Response:
    """Take consent back, at once, and say what that did."""
    person = visit.person
    if person is None:
        return see_other("/")
    done = await take_back(visit, person.id, person.label)
    title = visit.hub.title(visit.form.get("destination"))
    return visit.page("withdrawn.html", title=title, done=done)


async def record(
    visit: Visit, subject: SubjectId, by: Giver, covers_from: datetime | None = None
) -> bool:
    """Record the consent of a form, under the text that it showed.

    False if nothing was ticked, or nothing that the destination takes.

    It covers readings from now on, unless an earlier moment is given.
    """
    ticked = set(visit.form.all("kind"))
    takes = kinds_of(visit.hub, visit.form.get("destination"))
    kinds = frozenset(kind for kind in takes if kind in ticked)
    if not kinds:
        return False
    new = consents.NewGrant(
        subject=subject,
        destination=visit.form.get("destination"),
        address=visit.form.get("address") or None,
        kinds=kinds,
        covers_from=covers_from or visit.hub.clock.now().utc,
        expires=by.expires,
        given_by=by.name,
        capacity=by.capacity,
        purpose=_purpose(visit.form.get("purpose")),
        language=visit.form.get("language"),
        version=visit.form.get("version"),
    )
    await consents.recorded(visit.hub, new)
    return True


async def take_back(visit: Visit, subject: SubjectId, label: str) -> consents.Withdrawn:
    """Take back the consent that a form names, of the person called `label`.

    One tap says no name: it is taken back as it was given.
    """
    given = _given(visit, subject)
    by = Giver(label) if given is None else Giver(given.given_by, given.capacity)
    new = consents.NewWithdrawal(
        subject=subject,
        destination=visit.form.get("destination"),
        withdrawn_by=by.name,
        capacity=by.capacity,
    )
    return await consents.withdraw(visit.hub, new)


def _purpose(told: str) -> Purpose:
    """Return the purpose of the text that a form showed; the API refuses one that does not fit."""
    return Purpose(told) if told in set(Purpose) else Purpose.HEALTH_RECORD
