"""What the answers of Mon espace santé mean: the error table of its API, as one pure function.

An answer's text may echo a person's values or identifier. It is read here and goes no further: of
an OperationOutcome only known issue codes and plain element paths are repeated.

Spec: API of measures 1.5.2, answers of the flow "alimentation"; FHIR R4 transaction response.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any

from gateway.errors import (
    OutcomeUnknown,
    PairingOver,
    UplinkError,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.uplink.answers import (
    OBSERVATION_LOCATION,
    OF_NO_REQUEST,
    denies_consent,
    explains,
    json_object,
    refused_certificate,
    retry_after,
    words_of,
)
from gateway.uplink.http_client import Answer

_ISSUES_SHOWN = 3
_PATH = re.compile(r"(Bundle|Observation|Device)(\.[a-z][A-Za-z]{1,40}(\[\d{1,2}\])?){0,10}")
# fmt: off
_ISSUE_CODES = frozenset({
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown",
    "expired", "forbidden", "suppressed", "processing", "not-supported", "duplicate",
    "multiple-matches", "not-found", "deleted", "too-long", "code-invalid", "extension",
    "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store",
    "exception", "timeout", "incomplete", "throttled", "informational",
})
# fmt: on
"""The value set "issue-type" of FHIR R4."""


def reference_in(answer: Answer) -> str:
    """Return what the server calls the Observation it took.

    Strict: anything but a complete transaction-response that created it is an unknown outcome.
    """
    bundle = json_object(answer.body) or {}
    kind = (bundle.get("resourceType"), bundle.get("type"))
    locations = list(_locations(bundle)) if kind == ("Bundle", "transaction-response") else []
    if len(locations) != 1:
        raise OutcomeUnknown(
            "The server's answer does not say that it has the reading: the gateway searches for "
            "it there before sending again."
        )
    return locations[0]


def _locations(bundle: dict[str, Any]) -> Iterator[str]:
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        response = entry.get("response") if isinstance(entry, dict) else None
        if not isinstance(response, dict):
            continue
        status, location = response.get("status"), response.get("location")
        if not isinstance(status, str) or not re.match(r"20[01]\b", status):
            continue
        if isinstance(location, str) and OBSERVATION_LOCATION.fullmatch(location):
            yield location


def refusal(answer: Answer, now: datetime) -> UplinkError:
    """Say which error an answer other than 200 is. `now` is needed for a Retry-After date."""
    status = answer.status
    if wanted := refused_certificate(answer):
        return wanted
    if status == HTTPStatus.FORBIDDEN:
        return _forbidden(answer.body)
    if status in _FIXED:
        kind, message = _FIXED[status]
        return kind(message)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return _asks_to_wait(answer, now)
    if 300 <= status < 400:
        return UplinkUnavailable(
            f"The server answers with a redirect ({status}), which is not followed: check base_url."
        )
    if status in OF_NO_REQUEST:
        return UplinkUnavailable(
            f"There is no health space at this address ({status}): check base_url and content_type."
        )
    if 400 <= status < 500:
        return UplinkRejected(
            f"The health space rejects the reading ({status}{_issues(answer.body)}): report it "
            "with the destination's settings; it stays on this hub."
        )
    return OutcomeUnknown(
        f"The server failed ({status}): the gateway searches for the reading there before "
        "sending again."
    )


def search_refusal(answer: Answer, now: datetime) -> UplinkError:
    """Say which error an answer other than 200 to a search is.

    A search that fails for reasons of its own leaves the outcome unknown; it must not hold up the
    sending of other readings, as UplinkUnavailable would.
    """
    error = refusal(answer, now)
    asked_to_wait = isinstance(error, UplinkUnavailable) and error.retry_after is not None
    if asked_to_wait or isinstance(error, UplinkRefused | UplinkUnauthorised):
        return error
    return OutcomeUnknown(
        f"The search for a reading that may be there fails ({answer.status}): check base_url and "
        "that the contract covers searching; the gateway searches again before it sends."
    )


_FIXED: dict[int, tuple[type[UplinkError], str]] = {
    401: (
        PairingOver,
        "The health space does not accept our access: pair this person again.",
    ),
    408: (
        OutcomeUnknown,
        "The server gave up waiting (408): the gateway searches for the reading there before "
        "sending again.",
    ),
    409: (
        UplinkUnauthorised,
        "The health space knows this person's pairing under another OID (409): check "
        "solution_oid and patient_system_claim.",
    ),
}


def _forbidden(body: bytes) -> UplinkError:
    """Tell a person's refusal from a mismatch of identifiers and from some proxy's refusal."""
    text = words_of(body)
    if denies_consent(body) or (explains(body) and "idpe" not in text):
        return UplinkRefused(
            "The health space says that this person does not consent there: nothing more is sent "
            "until they consent there and here again."
        )
    if "idpe" in text:
        return PairingOver(
            "The health space says that the pairing is another person's (403): pair this person "
            "again."
        )
    return UplinkUnauthorised(
        "Something before the health space forbids access (403): check base_url, the certificate "
        "and the contract."
    )


def _asks_to_wait(answer: Answer, now: datetime) -> UplinkError:
    wait = retry_after(answer, now)
    if wait is None and answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        # Without Retry-After it may be a proxy that lost the server after it took the reading.
        return OutcomeUnknown(
            "The server is out of service (503): the gateway searches for the reading there "
            "before sending again."
        )
    return UplinkUnavailable(
        f"The server asks to wait ({answer.status}): the gateway goes on by itself.", wait
    )


def _issues(body: bytes) -> str:
    """Summarise an OperationOutcome: issue codes and element paths, never its words."""
    outcome = json_object(body) or {}
    issues = outcome.get("issue")
    shown = []
    for issue in (issues if isinstance(issues, list) else [])[:_ISSUES_SHOWN]:
        if not isinstance(issue, dict):
            continue
        code = issue.get("code")
        if not isinstance(code, str) or code not in _ISSUE_CODES:
            continue
        paths = issue.get("expression")
        path = paths[0] if isinstance(paths, list) and paths else None
        plain = isinstance(path, str) and _PATH.fullmatch(path)
        shown.append(f"{code} at {path}" if plain else code)
    return f": {', '.join(shown)}" if shown else ""
