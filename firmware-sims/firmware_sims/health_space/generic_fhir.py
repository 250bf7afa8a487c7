"""A generic FHIR R4 server, as little of one as the PHD guide 2.0 needs, at `/r4`.

```
POST /r4                    a transaction of conditional creates, taken whole or not at all
GET  /r4/TYPE/ID            one resource
GET  /r4/TYPE?identifier=S|V
PUT  /r4/Observation/ID     another version of it; with If-Match, only of the version that is named
```

Anybody may send: there are no people to pair with, and whoever is a patient here is so by the
identifier that the gateway names. `mentions` counts what arrived about one, refused and faulted
requests included, so that it stands still while not a byte about them arrives.
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from firmware_sims.health_space import exact_json
from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.messages import FHIR_JSON, Answer, Received, json_answer
from firmware_sims.health_space.outcome import Issue, refusal
from firmware_sims.health_space.phd_rules import broken, broken_update, condition, is_clock

ROOT = "/r4"
_Key = tuple[str, str, str]
"""Type, identifier system, identifier value."""


class GenericFhir:
    """Resources in memory, each transaction remembered before it is visible."""

    def __init__(self, remember: Callable[[JsonObject], None]) -> None:
        self._remember = remember
        self._resources: dict[str, JsonObject] = {}
        self._by_identifier: defaultdict[_Key, set[str]] = defaultdict(set)
        self.mentions: dict[str, int] = {}
        """Bytes of the requests that named a patient, by the identifier's value."""

    def handle(self, received: Received) -> Answer:
        """Answer a request to a path below ROOT."""
        if received.method == "POST" and received.path == ROOT:
            return self._transaction(received)
        if received.method == "GET":
            return self._read(received)
        if received.method == "PUT":
            return self._update(received)
        issue = Issue("not-supported", "Only transactions, reads, searches and updates.")
        return refusal(405, [issue])

    def account(self, received: Received) -> None:
        """Count a request about somebody, whatever becomes of it."""
        for value in _patients(received.body):
            self.mentions.setdefault(value, 0)
        for value in self.mentions:
            if value.encode() in received.body:
                self.mentions[value] += received.size_bytes

    def observations(self) -> list[JsonObject]:
        """Return every Observation of a person, with `patient`, the identifier of whose it is."""
        held = []
        for resource in self._resources.values():
            if resource["resourceType"] == "Observation" and not is_clock(resource):
                whose = self._resources[resource["subject"]["reference"]]
                held.append({"patient": whose["identifier"][0]["value"], "observation": resource})
        return held

    def apply(self, event: JsonObject) -> None:
        """Take back one remembered transaction or update."""
        for resource in event["created"]:
            name = f"{resource['resourceType']}/{resource['id']}"
            for key in _keys(self._resources.get(name, {})):
                self._by_identifier[key].discard(name)
            self._resources[name] = resource
            for key in _keys(resource):
                self._by_identifier[key].add(name)

    def _transaction(self, received: Received) -> Answer:
        if received.media_type not in ("application/json", FHIR_JSON):
            return refusal(415, [Issue("not-supported", "The body must be JSON.")])
        try:
            bundle = exact_json.parse(received.body)
        except ValueError:
            return refusal(400, [Issue("structure", "The body is not JSON.")])
        if not isinstance(bundle, dict) or bundle.get("type") != "transaction":
            return refusal(400, [Issue("structure", "The body is not a transaction.")])
        entries = bundle.get("entry") or []
        faults = broken(entries)
        if faults:
            return refusal(422, [Issue("invalid", fault) for fault in faults])
        return self._commit(entries)

    def _commit(self, entries: list[JsonObject]) -> Answer:
        names: dict[str, str] = {}
        created: list[JsonObject] = []
        statuses = []
        for entry in entries:
            resource = dict(entry["resource"])
            matching = self._matching(resource["resourceType"], condition(entry["request"]))
            if len(matching) > 1:
                return refusal(412, [Issue("multiple-matches", "The condition is ambiguous.")])
            known = next(iter(matching), None)
            statuses.append("201 Created" if known is None else "200 OK")
            if known is None:
                resource |= {"id": str(uuid.uuid4()), "meta": {"versionId": "1"}}
                created.append(resource)
                known = f"{resource['resourceType']}/{resource['id']}"
            names[entry["fullUrl"]] = known
        try:
            created = [_linked(resource, names) for resource in created]
        except KeyError:
            return refusal(422, [Issue("not-found", "A reference leads nowhere in the bundle.")])
        event: JsonObject = {"event": "r4", "created": created}
        self._remember(event)
        self.apply(event)
        responses = [
            {"response": {"status": status, "location": self._versioned(names[entry["fullUrl"]])}}
            for status, entry in zip(statuses, entries, strict=True)
        ]
        answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": responses}
        return json_answer(200, answer, FHIR_JSON)

    def _matching(self, kind: str, identifiers: Iterable[tuple[str, str]]) -> set[str]:
        """Return what bears any of the identifiers."""
        keys = [(kind, *each) for each in identifiers]
        return {name for key in keys for name in self._by_identifier.get(key, ())}

    def _update(self, received: Received) -> Answer:
        """Put another version in the place of an Observation, as FHIR R4 "RESTful API" says.

        What is not there is not made: the gateway has no use for naming a new resource.
        """
        name = received.path.removeprefix(f"{ROOT}/")
        known = self._resources.get(name)
        if known is None or known["resourceType"] != "Observation":
            return refusal(404, [Issue("not-found", "There is no such Observation.")])
        seen = re.fullmatch(r'W/"(.*)"', received.headers.get("if-match", ""))
        if seen is not None and seen[1] != known["meta"]["versionId"]:
            return refusal(412, [Issue("conflict", "The version is not the newest.")])
        try:
            resource = exact_json.parse(received.body)
        except ValueError:
            return refusal(400, [Issue("structure", "The body is not JSON.")])
        if not isinstance(resource, dict) or resource.get("id") != known["id"]:
            return refusal(400, [Issue("invalid", "The id is not that of the address.")])
        faults = broken_update(resource)
        if faults:
            return refusal(422, [Issue("invalid", fault) for fault in faults])
        resource["meta"] = {"versionId": str(int(known["meta"]["versionId"]) + 1)}
        event: JsonObject = {"event": "r4", "created": [resource]}
        self._remember(event)
        self.apply(event)
        return json_answer(200, resource, FHIR_JSON)

    def _versioned(self, name: str) -> str:
        return f"{name}/_history/{self._resources[name]['meta']['versionId']}"

    def _read(self, received: Received) -> Answer:
        name = received.path.removeprefix(f"{ROOT}/")
        found = self._resources.get(name)
        if found is not None:
            return json_answer(200, found, FHIR_JSON)
        asked = received.query.get("identifier")
        if asked is None:
            return refusal(404, [Issue("not-found", "There is no such resource.")])
        system, _, value = asked[0].partition("|")
        known = sorted(self._matching(name, [(system, value)]))
        entries = [{"resource": self._resources[each]} for each in known]
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        return json_answer(200, bundle | {"total": len(entries)}, FHIR_JSON)


def _patients(body: bytes) -> list[str]:
    """Return the identifiers of the patients that a bundle names, if it is one."""
    try:
        resources = [entry["resource"] for entry in exact_json.parse(body)["entry"]]
        return [
            str(resource["identifier"][0]["value"])
            for resource in resources
            if resource["resourceType"] == "Patient"
        ]
    except (ValueError, KeyError, TypeError, IndexError):
        return []


def _keys(resource: Mapping[str, Any]) -> list[_Key]:
    """Return what the resource can be found by."""
    return [
        (resource["resourceType"], each["system"], each["value"])
        for each in resource.get("identifier", ())
    ]


def _linked(value: Any, names: Mapping[str, str]) -> Any:
    """Return the value with every `urn:uuid:` reference led to its resource; raises KeyError."""
    if isinstance(value, dict):
        return {
            key: names[each]
            if key == "reference" and isinstance(each, str) and each.startswith("urn:uuid:")
            else _linked(each, names)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_linked(each, names) for each in value]
    return value
