"""The control API, plain HTTP on a loopback port of its own, reachable while the link is cut.

```
GET    /                                a page: what each person's space now holds
GET    /sandbox/accepted                the same as JSON; ?person=NAME &limit=N
GET    /sandbox/documents               the documents as JSON, without their bytes
GET    /sandbox/documents/ID            one document, the file itself
GET    /sandbox/generic                 the Observations at /r4 with whose they are, and the bytes
                                        that named each patient
GET    /sandbox/people                  everybody, each as below
POST   /sandbox/people                  {"name", "consent": true} -> {"name", "id_pe", "code"}
GET    /sandbox/people/NAME             name, id_pe, consent, accepted, documents, refused,
                                        faulted, duplicates, searches, requests_seen,
                                        bytes_seen, mentions
POST   /sandbox/people/NAME/consent     {"given": bool} -> the counts at that instant
POST   /sandbox/people/NAME/code        -> {"code"}: an authorization code, as if approved
GET    /sandbox/faults                  the faults in force, with hits
GET    /sandbox/faults/hits             how many requests met which fault since the start
POST   /sandbox/faults                  {"kind", "on", "count", "duration_s", "probability", "seed",
                                        "retry_after_s", "delay_s", "commit"}; only kind is needed
DELETE /sandbox/faults                  end all faults
GET    /sandbox/link                    {"up": bool}
POST   /sandbox/link                    {"up": false}: refuse connections and drop the living ones;
                                        {"up": false, "for_s": 5}: and come back by itself;
                                        {"up": true}: the same port again
GET    /sandbox/clock                   {"now", "skew_s"}
POST   /sandbox/clock                   {"skew_s": seconds}: put this end's clock wrong
POST   /sandbox/tokens/expire           every access token expires now; refresh tokens live
```

Fault kinds: 401, 403_consent, 409, 422, 429, 500, 503, expired_token, slow, hang,
reset_before_commit, reset_after_commit, truncated_body, garbage_body, empty_reply. `on` is bundle
(default), search, document, document_search, token, generic (everything at /r4) or any.
"""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from firmware_sims.health_space.clock import SandboxClock
from firmware_sims.health_space.faults import Faults, parse_fault
from firmware_sims.health_space.link import Link
from firmware_sims.health_space.messages import Answer, Received, json_answer
from firmware_sims.health_space.people import Person
from firmware_sims.health_space.service import Service


def control_application(
    service: Service, faults: Faults, link: Link, clock: SandboxClock
) -> web.Application:
    """Return the application that serves the endpoints above."""
    control = _Control(service, faults, link, clock)
    application = web.Application()
    application.add_routes(
        [
            web.get("/", control.overview),
            web.get("/sandbox/accepted", control.accepted),
            web.get("/sandbox/documents", control.documents),
            web.get("/sandbox/documents/{id}", control.document),
            web.get("/sandbox/generic", control.generic),
            web.get("/sandbox/people", control.everybody),
            web.post("/sandbox/people", control.add_person),
            web.get("/sandbox/people/{name}", control.one_person),
            web.post("/sandbox/people/{name}/consent", control.set_consent),
            web.post("/sandbox/people/{name}/code", control.new_code),
            web.get("/sandbox/faults", control.list_faults),
            web.get("/sandbox/faults/hits", control.fault_hits),
            web.post("/sandbox/faults", control.add_fault),
            web.delete("/sandbox/faults", control.clear_faults),
            web.get("/sandbox/link", control.show_link),
            web.post("/sandbox/link", control.set_link),
            web.get("/sandbox/clock", control.show_clock),
            web.post("/sandbox/clock", control.set_clock),
            web.post("/sandbox/tokens/expire", control.expire_tokens),
        ]
    )
    return application


@dataclass(frozen=True, slots=True)
class _Control:
    service: Service
    faults: Faults
    link: Link
    clock: SandboxClock

    async def overview(self, request: web.Request) -> web.Response:
        return _response(self.service.overview(_received(request)))

    async def accepted(self, request: web.Request) -> web.Response:
        return _response(self.service.accepted(_received(request)))

    async def documents(self, _: web.Request) -> web.Response:
        return web.json_response({"documents": self.service.documents_kept()})

    async def document(self, request: web.Request) -> web.Response:
        answer = self.service.document(request.match_info["id"])
        if answer is None:
            raise web.HTTPNotFound(text="there is no such document")
        return _response(answer)

    async def generic(self, _: web.Request) -> web.Response:
        generic = self.service.generic
        held = {"observations": generic.observations(), "mentions": dict(generic.mentions)}
        return _response(json_answer(200, held))

    async def everybody(self, _: web.Request) -> web.Response:
        return web.json_response([person.summary() for person in self.service.people])

    async def add_person(self, request: web.Request) -> web.Response:
        asked = await _asked(request, {"name": str, "consent": bool})
        if not asked.get("name"):
            raise _bad_request("a person needs a name")
        person = self.service.add_person(asked["name"], consent=asked.get("consent", True))
        return web.json_response(
            {"name": person.name, "id_pe": person.id_pe, "code": self._code(person)}, status=201
        )

    async def one_person(self, request: web.Request) -> web.Response:
        return web.json_response(self._named(request).summary())

    async def set_consent(self, request: web.Request) -> web.Response:
        person = self._named(request)
        asked = await _asked(request, {"given": bool})
        if "given" not in asked:
            raise _bad_request("say given: true or false")
        self.service.set_consent(person, given=asked["given"])
        return web.json_response(person.summary())

    async def new_code(self, request: web.Request) -> web.Response:
        return web.json_response({"code": self._code(self._named(request))})

    async def list_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self.faults.describe())

    async def fault_hits(self, _: web.Request) -> web.Response:
        return web.json_response(self.faults.hits)

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = parse_fault(await _asked(request, None))
        except ValueError as error:
            raise _bad_request(str(error)) from error
        self.faults.add(fault)
        return web.json_response(self.faults.describe(), status=201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return web.json_response([])

    async def show_link(self, _: web.Request) -> web.Response:
        return web.json_response({"up": self.link.up.is_set()})

    async def set_link(self, request: web.Request) -> web.Response:
        asked = await _asked(request, {"up": bool, "for_s": (int, float)})
        if asked.get("up"):
            await self.link.restore()
        else:
            await self.link.cut(asked.get("for_s"))
        return web.json_response({"up": self.link.up.is_set()})

    async def show_clock(self, _: web.Request) -> web.Response:
        now = self.clock.now().isoformat()
        return web.json_response({"now": now, "skew_s": self.clock.skew_s})

    async def set_clock(self, request: web.Request) -> web.Response:
        asked = await _asked(request, {"skew_s": (int, float)})
        self.clock.skew_s = asked.get("skew_s", 0.0)
        return await self.show_clock(request)

    async def expire_tokens(self, _: web.Request) -> web.Response:
        self.service.tokens.expire_all()
        return web.json_response({})

    def _named(self, request: web.Request) -> Person:
        person = self.service.people.named(request.match_info["name"])
        if person is None:
            raise web.HTTPNotFound(text="nobody here has that name")
        return person

    def _code(self, person: Person) -> str:
        return self.service.tokens.new_code(person.id_pe)


async def _asked(
    request: web.Request, fields: dict[str, type | tuple[type, ...]] | None
) -> dict[str, Any]:
    """Return the JSON object of a request; with `fields`, only those, of those types."""
    try:
        asked = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise _bad_request("the body must be JSON") from error
    if not isinstance(asked, dict):
        raise _bad_request("the body must be a JSON object")
    if fields is not None:
        for name, value in asked.items():
            if name not in fields or not isinstance(value, fields[name]):
                raise _bad_request(f"fields are: {', '.join(fields)}")
    return asked


def _bad_request(text: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=text)


def _received(request: web.Request) -> Received:
    return Received(request.method, request.path_qs, {})


def _response(answer: Answer) -> web.Response:
    headers = {"Content-Type": answer.media_type, **answer.headers}
    return web.Response(status=answer.status, body=answer.body, headers=headers)
