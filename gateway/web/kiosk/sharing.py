"""What a person at the kiosk agrees to have sent, and to which account of theirs."""

from __future__ import annotations

from starlette.responses import Response

from gateway.api.consents import short_receipt
from gateway.api.hub import PairsBy
from gateway.api.qr_code import qr_code
from gateway.domain.kiosk import KioskSession
from gateway.errors import GatewayError
from gateway.web import consents
from gateway.web.giver import Unclear, giver
from gateway.web.kiosk.page import again, named, page
from gateway.web.kiosk.presence import longer, of_theirs
from gateway.web.pairing import reason
from gateway.web.turn import present
from gateway.web.visits import Visit


@of_theirs
async def ask(visit: Visit, session: KioskSession) -> Response:
    """Show the text of consent, and ask."""
    return await _question(visit, session)


async def _question(
    visit: Visit, session: KioskSession, *, nothing: bool = False, unclear: Unclear | None = None
) -> Response:
    """Ask; again where `nothing` was ticked, or who agrees is `unclear`.

    Readings are those of whoever is at the counter, unless somebody says that they agree for them.
    """
    session = await longer(visit, session)
    chosen = visit.form.all("kind")
    ticked = chosen if chosen or nothing or unclear else None
    to = visit.form.get("destination")
    return page(
        visit,
        "consent",
        session,
        question=consents.question(visit.hub, to, visit.words, ticked=ticked),
        taken=bool(present(visit.hub).readings),
        nothing=nothing,
        name=visit.words("kiosk.giver_self"),
        **consents.of_the_giver(visit, session.subject, unclear),
    )


@of_theirs
async def give(visit: Visit, session: KioskSession) -> Response:
    """Record the person's consent; to what they measured before it only if they chose so."""
    since = session.opened_at if visit.form.get("earlier") else None
    now, zone = visit.hub.clock.now(), visit.hub.zone
    by = giver(visit.form, _label(visit, session), now, zone)
    if isinstance(by, Unclear):
        return await _question(visit, session, unclear=by)
    if not await consents.record(visit, session.subject, by, since):
        return await _question(visit, session, nothing=True)
    return await again(visit)


@of_theirs
async def receipt(visit: Visit, session: KioskSession) -> Response:
    """Show the receipt of a consent, for the person's telephone: a guest is erased at the end."""
    told = short_receipt(visit.hub, visit.form.get("grant"), session.subject)
    return page(visit, "receipt", await longer(visit, session), told=told, code=qr_code(told))


@of_theirs
async def withdraw(visit: Visit, session: KioskSession) -> Response:
    """Take the person's consent back."""
    await consents.take_back(visit, session.subject, _label(visit, session))
    return await again(visit)


@of_theirs
async def sign_in(visit: Visit, session: KioskSession) -> Response:
    """Show where to sign in with one's own telephone, and the place for the code it shows.

    A code that was typed while nobody showed to be there stands in it, for who it is of.
    """
    return _pairing(visit, await longer(visit, session), None)


@of_theirs
async def pair(visit: Visit, session: KioskSession) -> Response:
    """Pair the person by the code that their health space showed them."""
    state = visit.form.get("state") or None
    try:
        await visit.site.pairings.finish(
            session.subject, visit.form.get("destination"), visit.form.get("code"), state
        )
    except GatewayError as error:
        return _pairing(visit, session, error)
    return await again(visit)


def _pairing(visit: Visit, session: KioskSession, error: GatewayError | None) -> Response:
    hub, destination = visit.hub, visit.form.get("destination")
    typed = "" if error else visit.form.get("code")
    begun, state = None, visit.form.get("state") if typed else ""
    if not typed and hub.pairs_by(destination) is PairsBy.SIGNING_IN:
        begun = visit.site.pairings.begin(session.subject, destination, None)
    return page(
        visit,
        "pairing",
        session,
        destination=destination,
        title=hub.title(destination),
        code=None if begun is None else qr_code(begun.authorization.url),
        state=state if begun is None else begun.authorization.state,
        typed=typed,
        refusal=None if error is None else reason(error),
    )


def _label(visit: Visit, session: KioskSession) -> str:
    """Return as whom somebody agrees for themselves: by name only if the staff said whose turn."""
    return named(visit.hub, session) or visit.words("kiosk.giver", number=session.number)
