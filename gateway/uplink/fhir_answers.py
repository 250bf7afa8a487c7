"""What the answers of a FHIR server mean: to a transaction, to a search, and anything else. Pure.

An answer's text may echo a person's values or identifier: it is read here and never repeated.

Spec: FHIR R4, "RESTful API": transaction response, search, HTTP status codes.
"""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from typing import Any

from gateway.errors import (
    OutcomeUnknown,
    UplinkError,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.uplink.answers import (
    OBSERVATION_LOCATION,
    OF_NO_REQUEST,
    explains,
    json_object,
    refused_certificate,
    retry_after,
)
from gateway.uplink.http_client import Answer

Resource = dict[str, Any]

_NOT_FOR_US = (
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.NOT_IMPLEMENTED,
)
_FOR_NOW = re.compile(r"408|409|429|5\d\d")
_NO_SEARCH = (
    HTTPStatus.BAD_REQUEST,  # it does not know the parameter
    HTTPStatus.UNAUTHORIZED,
    *_NOT_FOR_US,
)


def taken(transaction: Resource, answer: Answer) -> dict[str, Resource]:
    """Return what became of each entry of a transaction, by its `fullUrl`.

    Each is created, or exists already. Raises OutcomeUnknown if the answer does not say so of
    every one, or that some failed for now, and UplinkRejected if it says something else.
    """
    outcomes = (json_object(answer.body) or {}).get("entry")
    if not isinstance(outcomes, list) or len(outcomes) != len(transaction["entry"]):
        raise no_word()
    try:
        statuses = [str(outcome["response"]["status"])[:3] for outcome in outcomes]
    except (KeyError, TypeError):
        raise no_word() from None
    others = {status for status in statuses if status not in ("200", "201")}
    if others and all(map(_FOR_NOW.match, others)):
        raise OutcomeUnknown(
            f"The server failed ({', '.join(sorted(others))}): the gateway sends the reading again."
        )
    if others:
        raise UplinkRejected(
            f"The server does not take every part of the reading ({', '.join(sorted(others))}): it "
            "stays on this hub."
        )
    names = [entry["fullUrl"] for entry in transaction["entry"]]
    return dict(zip(names, outcomes, strict=True))


def location_of(outcome: Resource) -> str:
    """Return what the server calls the Observation, without its version. Raises OutcomeUnknown.

    It does so too if that is no Observation: the answer is then not in the order of what was sent.
    """
    location = outcome["response"].get("location")
    if not isinstance(location, str) or not OBSERVATION_LOCATION.fullmatch(location):
        raise no_word()
    return location.partition("/_history")[0]


def observation(shown: object) -> Resource | None:
    """Return what a server shows, if that is an Observation with a name."""
    if not isinstance(shown, dict) or shown.get("resourceType") != "Observation":
        return None
    return shown if isinstance(shown.get("id"), str) else None


def observations_found(answer: Answer) -> list[Resource]:
    """Return the Observations that a search found. Raises OutcomeUnknown if it was no search."""
    bundle = json_object(answer.body) or {}
    entries = bundle.get("entry", [])
    if (bundle.get("resourceType"), bundle.get("type")) != (
        "Bundle",
        "searchset",
    ) or not isinstance(entries, list):
        raise OutcomeUnknown(
            "The search gives no answer that can be read: check base_url; the gateway searches "
            "again."
        )
    shown = [observation(each.get("resource")) for each in entries if isinstance(each, dict)]
    return [each for each in shown if each is not None]


def has_no_search(answer: Answer) -> bool:
    """Tell whether the server does not search, or not for us: nothing is to be learnt by it."""
    return answer.status in _NO_SEARCH


def no_word() -> OutcomeUnknown:
    """Say that the answer says nothing."""
    return OutcomeUnknown(
        "The server's answer does not say that it has the reading: the gateway sends it again."
    )


def refusal_of_more(answer: Answer, now: datetime) -> UplinkError:
    """Say what a status other than success means for a search, a read or an update.

    Where those are not allowed, or not possible, readings may be taken all the same.
    """
    if answer.status in _NOT_FOR_US:
        return UplinkRejected(
            f"The server does not let the gateway search or update ({answer.status}): check the "
            "rights of its token, or make the correction there by hand."
        )
    return refusal(answer, now)


def refusal(answer: Answer, now: datetime) -> UplinkError:
    """Say what a status means that is no success. `now` is needed for a Retry-After date.

    A transaction is taken whole or not at all; two that create the same thing at once get in each
    other's way (409), for this time only.
    """
    status = answer.status
    if wanted := refused_certificate(answer):
        return wanted
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return UplinkUnauthorised(
            f"The server does not accept our access ({status}): check token and rights."
        )
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return UplinkUnavailable(f"The server asks to wait ({status}).", retry_after(answer, now))
    if 300 <= status < 400:
        return UplinkUnavailable(
            f"The server answers with a redirect ({status}), which is not followed: check base_url."
        )
    if status in OF_NO_REQUEST and not explains(answer.body):
        return UplinkUnavailable(
            f"There is no FHIR server at this address ({status}): check base_url."
        )
    for_now = status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT)
    if for_now or status >= 500 or status < 300:
        return OutcomeUnknown(f"The server failed ({status}): the gateway sends the reading again.")
    return UplinkRejected(
        f"The server rejects the reading ({status}): report it with the destination's settings; it "
        "stays on this hub."
    )
