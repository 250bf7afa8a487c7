"""The rule table: what the other end refuses, with which status, in which order.

Order and statuses are those of mes.md 2.4: id_token (400), access token (401), Bundle absent (400),
idPe mismatch (403), consent (403), OID (409), content (422). The first broken rule of the others
decides alone; every broken 422 rule is reported, as the API returns "OperationOutcome(s)".

Only "Consent not given, access refused." and the issue codes `not-supported` (unsupported resource
or method) and `invalid` (ifNoneExist) are documented word for word; the other texts and codes are
ours, so nobody may depend on them. A row whose source is not 2.4 is stricter than the documented
list: the API's tables state the rule, its error page does not name it.

Severity `information` never refuses: those issues ride on a success (mes.md 2.4, last line).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from firmware_sims.health_space.measures import (
    MOMENTS,
    NUMBERS_OF_DAYS,
    Coding,
    Measure,
    Presence,
    find_measure,
)
from firmware_sims.health_space.outcome import Issue
from firmware_sims.health_space.settings import Settings, Terminology
from firmware_sims.health_space.submission import (
    Observation,
    Quantity,
    Submission,
    objects,
    profiles,
    text,
)

CONSENT_REFUSED = "Consent not given, access refused."

# The documented check, its nested (Java) character classes written out.
_IF_NONE_EXIST = re.compile(
    r"identifier=urn:oid:([0-9]+[.0-9+]+)\|([a-zA-Z0-9]+[-a-zA-Z0-9+]+)", re.ASCII
)
_UCUM = "http://unitsofmeasure.org"
_NO_EUI64 = "00-00-00-00-00-00-00-00"
_MOMENT = "mesures-moment-of-measurement"
_DAYS = "mesures-number-of-days"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Everything a rule may look at.

    `id_pe` and `oid` are the id_token's claims, None when it is absent, forged, expired or not for
    us. `access_id_pe` is whose access token came along, None when unknown or expired. `subjects`
    are the (system, value) identifiers the request speaks of. A search has no `submission`.
    """

    settings: Settings
    id_pe: str | None
    oid: str | None
    access_id_pe: str | None
    consent: bool
    subjects: tuple[tuple[str, str], ...]
    submission: Submission | None

    @property
    def bundle(self) -> Submission:
        """The submission; the 422 rules are only asked when there is one."""
        return self.submission or Submission(is_bundle=False, bundle_type="", entries=())

    @property
    def observation(self) -> Observation:
        """The first Observation."""
        return self.bundle.observation

    @property
    def measure(self) -> Measure | None:
        """What the Observation measures."""
        return find_measure(self.observation.codings, self.settings.terminology)


@dataclass(frozen=True, slots=True)
class Rule:
    """`broken` tells whether the attempt violates the rule; `source` is a section of mes.md."""

    status: int
    code: str
    diagnostics: str
    source: str
    broken: Callable[[Attempt], bool]
    severity: str = "error"

    def issue(self) -> Issue:
        """Return the issue to report."""
        return Issue(self.code, self.diagnostics, self.severity)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`status` 200 means accepted, with `issues` to ride along."""

    status: int
    issues: tuple[Issue, ...] = field(default=())


def judge(attempt: Attempt) -> Verdict:
    """Apply the table."""
    rules = RULES if attempt.submission is not None else ACCESS_RULES
    broken = [rule for rule in rules if rule.broken(attempt)]
    refusing = [rule for rule in broken if rule.severity == "error"]
    if not refusing:
        return Verdict(200, tuple(rule.issue() for rule in broken))
    status = refusing[0].status
    if status != 422:
        return Verdict(status, (refusing[0].issue(),))
    return Verdict(status, tuple(rule.issue() for rule in refusing))


def is_ours(source: object, oid: str) -> bool:
    """Tell whether a meta.source starts with the OID, arc by arc (1.2.3 does not begin 1.2.34)."""
    ours = f"urn:oid:{oid}"
    return source == ours or text(source).startswith((f"{ours}.", f"{ours}#", f"{ours}|"))


def _bundle_missing(status: int) -> Callable[[Attempt], bool]:
    def broken(attempt: Attempt) -> bool:
        asked = attempt.settings.missing_bundle_status == status
        return asked and attempt.submission is not None and not attempt.submission.is_bundle

    return broken


def _idpe_mismatch(attempt: Attempt) -> bool:
    named = {value for _, value in attempt.subjects if value} | {attempt.access_id_pe}
    return bool(named - {attempt.id_pe})


def _oid_mismatch(attempt: Attempt) -> bool:
    return any(system not in ("", f"urn:oid:{attempt.oid}") for system, _ in attempt.subjects)


def _unsupported(attempt: Attempt) -> bool:
    return any(
        entry.kind not in ("Observation", "Device")
        or entry.method != "POST"
        or entry.url != entry.kind
        for entry in attempt.bundle.entries
    )


def _if_none_exist_bad(attempt: Attempt) -> bool:
    return any(not _IF_NONE_EXIST.fullmatch(e.if_none_exist) for e in attempt.bundle.devices)


def _device_link_broken(attempt: Attempt) -> bool:
    device, reference = attempt.bundle.device, attempt.observation.device_reference
    if device is None:
        return bool(reference)
    identity = text(device.resource.get("id"))
    return not identity or reference != f"Device/{identity}"


def _source_foreign(attempt: Attempt) -> bool:
    source = attempt.observation.source
    return source is not None and not is_ours(source, attempt.settings.oid)


def _values(attempt: Attempt) -> list[Quantity | None]:
    measure = attempt.measure
    if measure is not None and measure.components:
        return [attempt.observation.components.get(code) for code in measure.components]
    return [attempt.observation.quantity]


def _value_absent(attempt: Attempt) -> bool:
    return None in _values(attempt)


def _unit_wrong(attempt: Attempt) -> bool:
    measure = attempt.measure
    if measure is None:
        return False
    return any(
        value is not None and (value.system != _UCUM or measure.unit not in (None, value.code))
        for value in _values(attempt)
    )


def _measure_unknown(attempt: Attempt) -> bool:
    measure = attempt.measure
    if measure is None:
        return True
    return not (measure.in_api_1_5_2 or attempt.settings.beyond_api_1_5_2)


def _extension_rule(name: str, presence: Presence) -> Callable[[Attempt], bool]:
    def broken(attempt: Attempt) -> bool:
        measure = attempt.measure
        if measure is None:
            return False
        asked = measure.moment if name == _MOMENT else measure.days
        there = attempt.observation.extension_codings(name) is not None
        return asked is presence and there is (presence is Presence.FORBIDDEN)

    return broken


def _outside(
    name: str, allowed: Mapping[Terminology, frozenset[Coding]], *, most: int | None = None
) -> Callable[[Attempt], bool]:
    def broken(attempt: Attempt) -> bool:
        found = attempt.observation.extension_codings(name)
        known = allowed[attempt.settings.terminology]
        glucose = attempt.measure is not None and Presence.MANDATORY in (
            attempt.measure.moment,
            attempt.measure.days,
        )
        if not glucose or found is None:
            return False
        return known.isdisjoint(found) or (most is not None and len(found) > most)

    return broken


def _device_identifiers(attempt: Attempt) -> list[tuple[str, str]]:
    device = attempt.bundle.device
    found = objects(device.resource.get("identifier")) if device else []
    return [(text(item.get("system")), text(item.get("value"))) for item in found]


def _condition_differs(attempt: Attempt) -> bool:
    device = attempt.bundle.device
    if device is None:
        return False
    system, _, value = device.if_none_exist.removeprefix("identifier=").partition("|")
    return (system, value) not in _device_identifiers(attempt)


def _subject_missing(attempt: Attempt) -> bool:
    return not all(attempt.observation.subject)


ACCESS_RULES: tuple[Rule, ...] = (
    Rule(400, "login", "The id_token is missing or invalid.", "2.4", lambda a: a.id_pe is None),
    Rule(401, "login", "The access_token is missing, invalid or expired.", "2.4",
         lambda a: a.access_id_pe is None),
    Rule(400, "required", "No bundle provided.", "2.4", _bundle_missing(400)),
    Rule(403, "forbidden", "The idPe does not match the id_token.", "2.2, 2.4", _idpe_mismatch),
    Rule(403, "forbidden", CONSENT_REFUSED, "2.4", lambda a: not a.consent),
    Rule(409, "conflict", "The OID of the id_token is not that of subject.identifier.system.",
         "2.2, 2.4", _oid_mismatch),
)  # fmt: skip

CONTENT_RULES: tuple[Rule, ...] = (
    Rule(422, "required", "No bundle provided.", "2.4", _bundle_missing(422)),
    Rule(422, "invalid", "Bundle.type must be transaction.", "2.1",
         lambda a: a.bundle.bundle_type != "transaction"),
    Rule(422, "not-supported", "Only POST of Observation and Device is supported.", "2.1, 2.4",
         _unsupported),
    Rule(422, "invalid", "Device: ifNoneExist is missing or malformed.", "2.1, 2.4",
         _if_none_exist_bad),
    Rule(422, "invalid", "The bundle must contain exactly one Observation.", "2.1, 2.4",
         lambda a: len(a.bundle.observations) != 1),
    Rule(422, "invalid", "The bundle must contain at most one Device.", "2.1",
         lambda a: len(a.bundle.devices) > 1),
    Rule(422, "required", "The bundle must contain one conditional creation of a device.", "2.1",
         lambda a: a.settings.device_required and not a.bundle.devices),
    Rule(422, "invalid", "Observation.device.reference is missing or not linked to Device.id.",
         "2.1, 2.4", _device_link_broken),
    Rule(422, "required", "Observation.meta.profile is missing.", "1.3, 2.4",
         lambda a: not a.observation.profiles),
    Rule(422, "required", "Device.meta.profile is missing.", "2.4",
         lambda a: any(not profiles(entry.resource) for entry in a.bundle.devices)),
    Rule(422, "invalid", "Observation.meta.source does not start with the solution's OID.",
         "1.3, 2.4", _source_foreign),
    Rule(422, "required", "The value quantity is absent or incomplete.", "1.4, 2.4", _value_absent),
    Rule(422, "invalid", "The quantity's unit is not that of the measure.", "1.4", _unit_wrong),
    Rule(422, "not-supported", "The body mass index is computed and cannot be created.",
         "1.4, 2.4", lambda a: a.measure is not None and a.measure.computed_by_server),
    Rule(422, "not-supported", "Observation.code names no measure of this API.", "1.2, 1.4",
         _measure_unknown),
    Rule(422, "required", "Observation.subject.identifier is missing.", "2.2, 2.4",
         _subject_missing),
    Rule(422, "required", "effectiveDateTime must be a full date and time with its offset.",
         "1.3", lambda a: a.observation.effective is None),
    Rule(422, "required", "Observation.status is missing.", "1.3",
         lambda a: not text(a.observation.resource.get("status"))),
    Rule(422, "business-rule", "The moment of measurement is mandatory for this type.", "1.5, 2.4",
         _extension_rule(_MOMENT, Presence.MANDATORY)),
    Rule(422, "business-rule", "The moment of measurement is forbidden for this type.", "1.5, 2.4",
         _extension_rule(_MOMENT, Presence.FORBIDDEN)),
    Rule(422, "business-rule", "numberOfDays is mandatory for this type.", "1.5, 2.4",
         _extension_rule(_DAYS, Presence.MANDATORY)),
    Rule(422, "business-rule", "numberOfDays is forbidden for this type.", "1.5, 2.4",
         _extension_rule(_DAYS, Presence.FORBIDDEN)),
    Rule(422, "code-invalid", "The moment of measurement is not one of J157.", "1.5, 1.6",
         _outside(_MOMENT, MOMENTS, most=1)),
    Rule(422, "code-invalid", "numberOfDays is not one of J164.", "1.5, 1.6",
         _outside(_DAYS, NUMBERS_OF_DAYS)),
    Rule(200, "informational", "No device: a device reading should name its device.", "2.1",
         lambda a: a.bundle.device is None, severity="information"),
    Rule(200, "informational", "ifNoneExist names none of the device's identifiers.", "2.1",
         _condition_differs, severity="information"),
    Rule(200, "informational", "An all-zero EUI-64 merges the devices of every user.", "4.1",
         lambda a: any(value == _NO_EUI64 for _, value in _device_identifiers(a)),
         severity="information"),
)  # fmt: skip

RULES: tuple[Rule, ...] = ACCESS_RULES + CONTENT_RULES
