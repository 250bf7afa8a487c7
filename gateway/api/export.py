"""The route by which a person takes along all that the hub has of them."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from starlette.responses import StreamingResponse

from gateway.api.context import Body, HubHere, person
from gateway.domain.subject import SubjectId
from gateway.language.words import Language

router = APIRouter(tags=["people"])


class Wanted(Body):
    """The language of the file; the hub's unless given."""

    language: Language | None = None


@router.post("/people/{subject}/export", response_class=StreamingResponse)
async def export(hub: HubHere, subject: SubjectId, wanted: Wanted) -> StreamingResponse:
    """Return a ZIP file of all that is here of a person; the audit log keeps that it was asked for.

    It is not sealed: whoever asks hands it to the person, and keeps no copy.
    """
    if person(hub, subject) is None:
        raise HTTPException(404, "There is no such person here: see 'people list'.")
    await hub.journal.exported(subject)
    content = hub.export(subject, wanted.language or hub.language)
    return StreamingResponse(
        content,
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="export.zip"'},
    )
