"""What the sandbox does with a request, before any network: accounts for it, then answers."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from firmware_sims.health_space import documents, pages
from firmware_sims.health_space.documents import DocumentsApi, DocumentStore, Kept
from firmware_sims.health_space.eventlog import EventLog
from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.faults import Fault, Operation
from firmware_sims.health_space.fhir import MeasuresApi
from firmware_sims.health_space.generic_fhir import ROOT, GenericFhir
from firmware_sims.health_space.messages import Answer, Received, html_answer, json_answer
from firmware_sims.health_space.oauth import OAuth
from firmware_sims.health_space.outcome import Issue, refusal
from firmware_sims.health_space.people import Counts, People, Person, new_id_pe
from firmware_sims.health_space.settings import Settings
from firmware_sims.health_space.store import Accepted, Store
from firmware_sims.health_space.tokens import Tokens

Handler = Callable[[Received], Answer]

_OPERATIONS = {
    ("POST", "/fhir"): Operation.BUNDLE,
    ("GET", "/fhir/Observation"): Operation.SEARCH,
    ("POST", documents.PATH): Operation.DOCUMENT,
    ("GET", documents.PATH): Operation.DOCUMENT_SEARCH,
    ("POST", "/token"): Operation.TOKEN,
}

# What a broken answer is made from when nothing was committed; never delivered whole.
_NOT_DONE = b'{"resourceType":"Bundle","type":"transaction-response","entry":[]}'


def operation_of(received: Received) -> Operation | None:
    """Return which faultable operation this is."""
    if _is_generic(received):
        return Operation.GENERIC
    return _OPERATIONS.get((received.method, received.path))


def _is_generic(received: Received) -> bool:
    return received.path == ROOT or received.path.startswith(f"{ROOT}/")


class Service:
    """People, tokens and accepted readings, kept in `log` across restarts."""

    def __init__(self, settings: Settings, now: Callable[[], datetime], log: EventLog) -> None:
        self.people = People()
        self.tokens = Tokens(settings, now, log.append)
        self.store = Store(now, log.append)
        self.documents = DocumentStore(now, log.append)
        self.generic = GenericFhir(log.append)
        self._log = log
        api = MeasuresApi(settings, self.people, self.tokens, self.store)
        documents_api = DocumentsApi(settings, self.people, self.documents)
        oauth = OAuth(settings, self.people, self.tokens)
        self._handlers: dict[tuple[str, str], Handler] = {
            ("GET", "/"): self.overview,
            ("GET", "/authorize"): oauth.authorize,
            ("POST", "/token"): oauth.token,
            ("POST", "/revoke"): oauth.revoke,
            ("POST", "/fhir"): api.post_bundle,
            ("GET", "/fhir/Observation"): api.search,
            ("POST", documents.PATH): documents_api.publish,
            ("GET", documents.PATH): documents_api.search,
            ("GET", "/sandbox/accepted"): self.accepted,
        }
        for event in log.replay():
            self._apply(event)

    @property
    def endpoints(self) -> frozenset[tuple[str, str]]:
        """Method and path of every request that is answered, but for the generic server's."""
        return frozenset(self._handlers)

    def add_person(self, name: str, *, consent: bool = True) -> Person:
        """Return the person of that name, added if new."""
        person = self.people.named(name)
        if person is None:
            event = {"event": "person", "name": name, "id_pe": new_id_pe(), "consent": consent}
            self._log.append(event)
            person = self._apply_person(event)
        return person

    def set_consent(self, person: Person, *, given: bool) -> None:
        """Record that the person gives or withdraws consent at this end."""
        event = {"event": "consent", "name": person.name, "given": given}
        self._log.append(event)
        self._apply_person(event)

    def handle(self, received: Received, fault: Fault | None) -> Answer:
        """Account for a request and answer it; a fault decides whether it takes effect."""
        if _is_generic(received):
            self.generic.account(received)
        concerned = self._account(received)
        answer = self._answer(received, fault, concerned)
        for person in concerned:
            counts = asdict(person.counts)
            self._log.append({"event": "counts", "name": person.name, "counts": counts})
        return answer

    def overview(self, _: Received) -> Answer:
        """Show a page of what was accepted."""
        page = pages.overview_page(self.people, self.store.accepted, self.documents.kept)
        return html_answer(200, page)

    def accepted(self, received: Received) -> Answer:
        """List what was accepted, newest first; `person` and `limit` narrow it."""
        asked = {name: values[0] for name, values in received.query.items()}
        limit = asked.get("limit", "")
        found = [self._shown(each) for each in reversed(self.store.accepted)]
        if "person" in asked:
            found = [each for each in found if each["person"] == asked["person"]]
        return json_answer(200, {"accepted": found[: int(limit)] if limit.isdigit() else found})

    def _account(self, received: Received) -> list[Person]:
        mentions = self.people.mentioned(received)
        form = received.form if received.path in ("/token", "/revoke") else {}
        carried = {received.bearer(), form.get("code"), form.get("refresh_token")}
        owners = {self.tokens.owner(token) for token in carried | {form.get("token")}}
        concerned = [
            person for person in self.people if person.id_pe in mentions or person.id_pe in owners
        ]
        for person in concerned:
            person.counts.requests_seen += 1
            person.counts.bytes_seen += received.size_bytes
            person.counts.mentions += mentions.get(person.id_pe, 0)
        return concerned

    def _answer(self, received: Received, fault: Fault | None, concerned: list[Person]) -> Answer:
        if not received.complete:
            return refusal(413, [Issue("too-long", "The body is cut short or too long.")])
        injected = fault.outcome() if fault is not None else None
        if fault is not None and not fault.commits:
            if operation_of(received) in (Operation.BUNDLE, Operation.DOCUMENT):
                for person in concerned:
                    person.counts.faulted += 1
            return injected or Answer(200, _NOT_DONE)
        handler = self._handlers.get((received.method, received.path))
        if _is_generic(received):
            handler = self.generic.handle
        if handler is None:
            issue = Issue("not-supported", "This method and path are not part of the API.")
            return refusal(404, [issue])
        answer = handler(received)
        return injected or answer

    def _shown(self, accepted: Accepted) -> JsonObject:
        person = self.people.identified(accepted.id_pe)
        return {
            "person": person.name if person is not None else None,
            "id_pe": accepted.id_pe,
            "accepted_at": accepted.at.isoformat(),
            "measure": accepted.measure,
            "measured_at": accepted.effective.isoformat(),
            "value": pages.shown_value(accepted),
            "duplicate": accepted.duplicate,
            "observation": accepted.observation,
            "device": self.store.device(accepted.device_id) if accepted.device_id else None,
        }

    def _apply(self, event: JsonObject) -> None:
        if event["event"] in ("person", "consent", "counts"):
            self._apply_person(event)
            return
        if event["event"] == "document":
            self._count(self.documents.apply(event))
            return
        if event["event"] == "r4":
            self.generic.apply(event)
            return
        self.tokens.apply(event)
        accepted = self.store.apply(event)
        person = self.people.identified(accepted.id_pe) if accepted is not None else None
        if person is not None and accepted is not None:
            # A kill can fall between a commit and the counts that follow it; the commit is true.
            person.counts.accepted += 1
            person.counts.duplicates += accepted.duplicate

    def _count(self, kept: Kept) -> None:
        person = self.people.identified(kept.id_pe)
        if person is not None:
            person.counts.documents += 1
            person.counts.duplicates += kept.duplicate

    def document(self, name: str) -> Answer | None:
        """Return a document as the file it is; None if there is none of that id."""
        kept = next((each for each in self.documents.kept if each.id == name), None)
        if kept is None or kept.publication.data is None:
            return None
        media_type = str(kept.publication.attachment["contentType"])
        return Answer(200, kept.publication.data, media_type)

    def documents_kept(self) -> list[JsonObject]:
        """List the documents, newest first, without their bytes."""
        return [
            {
                "person": person.name if person is not None else None,
                "id": kept.id,
                "identifier": kept.publication.unique_id,
                "accepted_at": kept.at.isoformat(),
                "title": kept.publication.attachment.get("title"),
                "size": len(kept.publication.data or b""),
                "duplicate": kept.duplicate,
            }
            for kept in reversed(self.documents.kept)
            for person in [self.people.identified(kept.id_pe)]
        ]

    def _apply_person(self, event: dict[str, Any]) -> Person:
        if event["event"] == "person":
            return self.people.add(event["name"], event["id_pe"], consent=event["consent"])
        person = self.people.named(event["name"])
        if person is None:
            raise ValueError("the event log speaks of somebody it never introduced")
        if event["event"] == "consent":
            person.consent = event["given"]
        else:
            person.counts = Counts(**event["counts"])
        return person
