"""The documents API: `POST /fhir/DocumentReference` and `GET /fhir/DocumentReference`.

Nothing of the real health space's documents API is public. This one is a document recipient of IHE
MHD 4.2 with the French profile PDSm 3.1: simplified publish (ITI-105, flux 09 and 10) and find
document references (ITI-67, flux 05-b and 06-b). It is used with the solution's own token, which is
its client secret here, and knows people by their idPe.

Refusals, in order: 401 (token), 415 (media type), 400 (no DocumentReference), 404 (nobody of that
identifier), 403 (consent), 422 (content: see `document_rules`; or another document of that
identifier). The same document once more is taken and counted as a duplicate.
"""

import hmac
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from firmware_sims.health_space import exact_json
from firmware_sims.health_space.document_rules import URI, Publication, broken_rules
from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.messages import FHIR_JSON, Answer, Received, json_answer
from firmware_sims.health_space.outcome import Issue, refusal
from firmware_sims.health_space.people import People, Person
from firmware_sims.health_space.rules import CONSENT_REFUSED
from firmware_sims.health_space.settings import Settings
from firmware_sims.health_space.submission import members

PATH = "/fhir/DocumentReference"
_JSON_TYPES = ("application/json", FHIR_JSON)
_KNOWN = {"patient.identifier", "status", "identifier"}


@dataclass(frozen=True, slots=True)
class Kept:
    """A document as stored, under the id the server gave."""

    at: datetime
    id_pe: str
    resource: JsonObject
    duplicate: bool

    @property
    def id(self) -> str:
        """The server's id."""
        return str(self.resource["id"])

    @property
    def publication(self) -> Publication:
        """What was published."""
        return Publication(self.resource)


class DocumentStore:
    """Documents in memory, each remembered before it is visible."""

    def __init__(self, now: Callable[[], datetime], remember: Callable[[JsonObject], None]) -> None:
        self._now = now
        self._remember = remember
        self._kept: list[Kept] = []

    @property
    def kept(self) -> list[Kept]:
        """Every document, oldest first."""
        return list(self._kept)

    def keep(self, publication: Publication, id_pe: str) -> Kept:
        """Store a document that broke no rule."""
        meta = {**members(publication.resource.get("meta")), "versionId": "1"}
        event: JsonObject = {
            "event": "document",
            "at": self._now().isoformat(),
            "id_pe": id_pe,
            "resource": {**publication.resource, "id": str(uuid.uuid4()), "meta": meta},
        }
        self._remember(event)
        return self.apply(event)

    def apply(self, event: JsonObject) -> Kept:
        """Take back one remembered document."""
        publication = Publication(event["resource"])
        again = any(k.publication.unique_id == publication.unique_id for k in self._kept)
        kept = Kept(
            datetime.fromisoformat(event["at"]), event["id_pe"], event["resource"], duplicate=again
        )
        self._kept.append(kept)
        return kept


@dataclass(frozen=True, slots=True)
class DocumentsApi:
    """Answers requests about documents; each method does all its work before it returns."""

    settings: Settings
    people: People
    store: DocumentStore

    def publish(self, received: Received) -> Answer:
        """Judge one DocumentReference and keep it if no rule is broken."""
        if not self._known(received):
            return _unauthorised()
        if received.media_type not in _JSON_TYPES:
            return refusal(415, [Issue("not-supported", "The body must be JSON.")])
        publication = _read(received.body)
        if publication is None:
            return refusal(400, [Issue("structure", "The body is no DocumentReference.")])
        person = self._person(publication.subject)
        issues = broken_rules(publication)
        if person is None:
            if publication.subject[1]:
                return refusal(404, [Issue("not-found", "Nobody here has that identifier.")])
            return refusal(422, issues)
        if not person.consent:
            person.counts.refused += 1
            return refusal(403, [Issue("forbidden", CONSENT_REFUSED)])
        if self._is_another(publication):
            issues.append(Issue("duplicate", "Another document has that masterIdentifier."))
        if issues:
            person.counts.refused += 1
            return refusal(422, issues)
        kept = self.store.keep(publication, person.id_pe)
        person.counts.documents += 1
        person.counts.duplicates += kept.duplicate
        location = f"https://{received.headers.get('host', 'localhost')}{PATH}/{kept.id}/_history/1"
        return json_answer(201, kept.resource, FHIR_JSON, {"Location": location})

    def search(self, received: Received) -> Answer:
        """Answer a search by patient, and by status and identifier where given."""
        if not self._known(received):
            return _unauthorised()
        unknown = set(received.query) - _KNOWN
        if unknown:
            names = ", ".join(sorted(unknown))
            return refusal(422, [Issue("not-supported", f"unsupported search parameters: {names}")])
        system, bar, value = _one(received.query, "patient.identifier").partition("|")
        if not (system and bar and value):
            issue = Issue("required", "patient.identifier must be <system>|<value>")
            return refusal(422, [issue])
        person = self._person((system, value))
        if person is not None and not person.consent:
            return refusal(403, [Issue("forbidden", CONSENT_REFUSED)])
        if person is not None:
            person.counts.searches += 1
        statuses = [s for s in _one(received.query, "status").split(",") if s]
        wanted = _one(received.query, "identifier")
        found = [
            kept.resource
            for kept in self.store.kept
            if person is not None
            and kept.id_pe == person.id_pe
            and (not statuses or kept.resource.get("status") in statuses)
            and wanted in ("", kept.publication.unique_id, f"{URI}|{kept.publication.unique_id}")
        ]
        bundle: JsonObject = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "entry": [{"resource": each, "search": {"mode": "match"}} for each in found],
        }
        return json_answer(200, bundle, FHIR_JSON)

    def _known(self, received: Received) -> bool:
        given = (received.bearer() or "").encode()
        return hmac.compare_digest(given, self.settings.client_secret.encode())

    def _person(self, subject: tuple[str, str]) -> Person | None:
        system, value = subject
        return self.people.identified(value) if system == f"urn:oid:{self.settings.oid}" else None

    def _is_another(self, publication: Publication) -> bool:
        return any(
            kept.publication.unique_id == publication.unique_id
            and kept.publication.data != publication.data
            for kept in self.store.kept
        )


def _unauthorised() -> Answer:
    return refusal(401, [Issue("login", "The token is missing or not the solution's.")])


def _read(body: bytes) -> Publication | None:
    try:
        resource = members(exact_json.parse(body))
    except (ValueError, RecursionError):
        return None
    is_one = resource.get("resourceType") == "DocumentReference"
    return Publication(resource) if is_one else None


def _one(query: Mapping[str, Sequence[str]], name: str) -> str:
    values = query.get(name, ())
    return values[0] if len(values) == 1 else ""
