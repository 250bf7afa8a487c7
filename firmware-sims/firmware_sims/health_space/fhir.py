"""The measures API: `POST /fhir` and `GET /fhir/Observation`."""

from dataclasses import dataclass

from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.measures import find_measure
from firmware_sims.health_space.messages import FHIR_JSON, Answer, Received, json_answer
from firmware_sims.health_space.outcome import Issue, operation_outcome, refusal
from firmware_sims.health_space.people import People
from firmware_sims.health_space.rules import Attempt, Verdict, judge
from firmware_sims.health_space.search import SearchRefused, find, parse_query, search_bundle
from firmware_sims.health_space.settings import Settings
from firmware_sims.health_space.store import Commit, Store
from firmware_sims.health_space.submission import Submission, read_submission
from firmware_sims.health_space.tokens import Tokens

# The specification says JSON; which media type is not public (mes.md 2.1), so both are taken.
_JSON_TYPES = ("application/json", FHIR_JSON)


@dataclass(frozen=True, slots=True)
class MeasuresApi:
    """Answers FHIR requests; each method does all its work before it returns."""

    settings: Settings
    people: People
    tokens: Tokens
    store: Store

    def post_bundle(self, received: Received) -> Answer:
        """Judge one transaction Bundle and commit it if no rule is broken (mes.md 2.1 to 2.4)."""
        submission = read_submission(received.body)
        if received.body and received.media_type not in _JSON_TYPES:
            return refusal(415, [Issue("not-supported", "The body must be JSON.")])
        subjects = tuple(each.subject for each in submission.observations)
        attempt = self._attempt(received, subjects, submission)
        verdict = judge(attempt)
        person = self.people.identified(attempt.id_pe)
        measure = find_measure(submission.observation.codings, self.settings.terminology)
        if verdict.status != 200 or person is None or measure is None:
            if person is not None:
                person.counts.refused += 1
            return refusal(verdict.status, verdict.issues)
        commit = self.store.commit(submission, measure, person.id_pe, self.settings.oid)
        person.counts.accepted += 1
        person.counts.duplicates += commit.accepted.duplicate
        return json_answer(200, self._response(submission, commit, verdict), FHIR_JSON)

    def search(self, received: Received) -> Answer:
        """Answer a search (mes.md 2.5); the access rules are those of a submission."""
        try:
            query = parse_query(received.query)
        except SearchRefused as error:
            return refusal(422, [Issue("invalid", str(error))])
        attempt = self._attempt(received, (query.subject,), None)
        verdict = judge(attempt)
        person = self.people.identified(attempt.id_pe)
        if verdict.issues or person is None:
            return refusal(verdict.status, verdict.issues)
        person.counts.searches += 1
        found = find(query, self.store.accepted)
        base_url = f"https://{received.headers.get('host', 'localhost')}"
        bundle = search_bundle(query, found, self.store.device, base_url, received.query)
        return json_answer(200, bundle, FHIR_JSON)

    def _attempt(
        self,
        received: Received,
        subjects: tuple[tuple[str, str], ...],
        submission: Submission | None,
    ) -> Attempt:
        header = self.settings.id_token_header.lower()
        claims = self.tokens.claims(received.headers.get(header)) or {}
        person = self.people.identified(claims.get("idPe"))
        return Attempt(
            settings=self.settings,
            id_pe=person.id_pe if person is not None else None,
            oid=claims.get("oid"),
            access_id_pe=self.tokens.live_access(received.bearer()),
            consent=person is not None and person.consent,
            subjects=subjects,
            submission=submission,
        )

    def _response(self, submission: Submission, commit: Commit, verdict: Verdict) -> JsonObject:
        entries = []
        for entry in submission.entries:
            if entry.kind == "Observation":
                status, identity = "201 Created", commit.accepted.observation_id
            else:
                status = "201 Created" if commit.device_created else "200 OK"
                identity = commit.accepted.device_id or ""
            response: JsonObject = {
                "status": status,
                "location": self._location(entry.kind, identity),
            }
            if entry.kind == "Observation" and verdict.issues:
                response["outcome"] = operation_outcome(verdict.issues)
            entries.append({"response": response})
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}

    def _location(self, kind: str, identity: str) -> str:
        if self.settings.location_style == "oid":
            return f"{kind}/urn:oid:{self.settings.mes_oid}|{identity}"
        return f"{kind}/{identity}"
