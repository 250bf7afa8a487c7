"""What is read alike in the answers of every FHIR server. Pure.

An answer's text may echo a person's values or identifier: it is read here and never repeated.

Spec: FHIR R4, "RESTful API"; RFC 9110, 10.2.3 (Retry-After).
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from gateway.errors import UplinkUnauthorised
from gateway.uplink.http_client import Answer
from gateway.uplink.mes_mapping import number

_LONGEST_WAIT = timedelta(days=1)
"""A Retry-After beyond a day is a mistake: look again after a day."""


OBSERVATION_LOCATION = re.compile(r"(?:\S*/)?Observation/\S{1,400}")
"""What a server calls an Observation; anything else is the name of another thing."""
OF_NO_REQUEST = frozenset({402, 404, 405, 406, 407, 410, 415, 421, 423, 425, 426, 451})
"""Refusals of an address, a way of speaking or a whole service, whatever it is asked: nothing is
wrong with what was sent, and the next reading would meet the same."""


def json_object(body: bytes) -> dict[str, Any] | None:
    """Read a JSON object, its numbers as Decimal; None for anything else.

    One with half a surrogate pair in it is none: what is kept of an answer has to be text.
    """
    try:
        value = json.loads(body, parse_float=number, parse_constant=_no_constant)
        json.dumps(value, default=str, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def explains(body: bytes) -> bool:
    """Tell whether a FHIR server says what it makes of a request; a proxy's page does not."""
    return (json_object(body) or {}).get("resourceType") == "OperationOutcome"


def denies_consent(body: bytes) -> bool:
    """Tell whether the words of a refusal are about consent."""
    consent = "consent" if explains(body) else "consent not given"  # pages speak of cookies
    return consent in words_of(body)


def refused_certificate(answer: Answer) -> UplinkUnauthorised | None:
    """Return the error where a server before the FHIR server wants another certificate of ours.

    nginx says so with 400 and a page of its own, whatever it was asked: "No required SSL
    certificate was sent", or "The SSL certificate error" of one that is over.
    """
    said = "ssl certificate" in words_of(answer.body) and not explains(answer.body)
    if answer.status != HTTPStatus.BAD_REQUEST or not said:
        return None
    return UplinkUnauthorised(
        "The server does not accept the certificate of this gateway, or wants one (400): check "
        "certificate_file and key_file, and whether the certificate is over."
    )


def words_of(body: bytes) -> str:
    """Return the words of an answer in small letters, as far as they are looked through."""
    return body[:16_384].decode(errors="replace").lower()


def retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """Return how long the server asks to wait, at most a day; None if it does not say."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        return None
    return min(max(until - now, timedelta()), _LONGEST_WAIT)
