"""A grant as a FHIR R4 Consent (http://hl7.org/fhir/R4/consent.html), for machines.

The person is named by their opaque id alone, the giver by the name they gave. It is exported on
request and sent nowhere by itself.
"""

from __future__ import annotations

from typing import Any

from gateway.consent.grant import Capacity, Grant, Withdrawal
from gateway.language.words import words

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_OURS = "urn:healthspace-gateway"

_ROLES = {
    Capacity.SELF: ("ONESELF", "self"),
    Capacity.PARENT: ("PRN", "parent"),
    Capacity.LEGAL_REPRESENTATIVE: ("GUARD", "guardian"),
}
"""v3-RoleCode: what the giver is to the person."""


def consent(grant: Grant, withdrawal: Withdrawal | None, destination: str) -> dict[str, Any]:
    """Return the resource; inactive once it was withdrawn.

    `destination` is what people call it. Kinds are named in the language of the grant.
    """
    say = words(grant.text.language)
    role, display = _ROLES[grant.capacity]
    giver = {"display": grant.given_by or display}  # who is a guest at a kiosk gave no name
    text = f"{_OURS}:text:{grant.purpose}:{grant.text.version}:{grant.text.language}"
    return {
        "resourceType": "Consent",
        "identifier": [{"system": f"{_OURS}:grant", "value": grant.id}],
        "status": "active" if withdrawal is None else "inactive",
        "scope": _coded(f"{_TERMINOLOGY}/consentscope", "patient-privacy"),
        "category": [_coded("http://loinc.org", "59284-0", "Consent Document")],
        "patient": {"identifier": {"system": f"{_OURS}:subject", "value": grant.subject}},
        "dateTime": grant.given_at.isoformat(),
        "performer": [giver],
        "policy": [{"uri": text}],
        "sourceAttachment": {
            "contentType": "text/plain; charset=utf-8",
            "language": grant.text.language,
            "title": f"{text}#sha256={grant.text.sha256}",
        },
        "provision": {
            "type": "permit",
            "period": _period(grant.given_at.isoformat(), _end(grant, withdrawal)),
            "actor": [
                {
                    "role": _coded(f"{_TERMINOLOGY}/v3-ParticipationType", "IRCP"),
                    "reference": {
                        "identifier": {
                            "system": f"{_OURS}:destination",
                            "value": grant.destination,
                        },
                        "display": _placed(destination, grant.address),
                    },
                },
                {
                    "role": _coded(f"{_TERMINOLOGY}/v3-RoleCode", role, display),
                    "reference": giver,
                },
            ],
            "purpose": [{"system": f"{_TERMINOLOGY}/v3-ActReason", "code": "PATRQT"}],
            "code": [
                _coded(f"{_OURS}:kind", kind, say(f"kind.{kind}")) for kind in sorted(grant.kinds)
            ],
            "dataPeriod": _period(
                grant.covers_from.isoformat(),
                None if grant.covers_until is None else grant.covers_until.isoformat(),
            ),
        },
    }


def _placed(destination: str, address: str | None) -> str:
    return destination if address is None else f"{destination} ({address})"


def _end(grant: Grant, withdrawal: Withdrawal | None) -> str | None:
    """Return when it ended; no period ends before it starts, though the hub's clock was set."""
    ends = [] if grant.expires is None else [grant.expires]
    if withdrawal is not None:
        ends.append(withdrawal.at)
    return max(grant.given_at, min(ends)).isoformat() if ends else None


def _period(start: str, end: str | None) -> dict[str, str]:
    return {"start": start} if end is None else {"start": start, "end": end}


def _coded(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    coding = {"system": system, "code": code}
    return {"coding": [coding if display is None else {**coding, "display": display}]}
