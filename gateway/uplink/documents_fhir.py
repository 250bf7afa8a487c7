"""A FHIR server as the place for documents: one POST each, one search after a doubt.

Spec: IHE MHD 4.2, simplified publish (ITI-105) and find document references (ITI-67); PDSm 3.1,
flux 09 and 10 (publication) and 05-b and 06-b (search).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from tenacity.wait import wait_base

from gateway.clock import Clock
from gateway.errors import (
    ConfigError,
    OutcomeUnknown,
    UplinkError,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.uplink.answers import (
    OF_NO_REQUEST,
    denies_consent,
    explains,
    json_object,
    refused_certificate,
    retry_after,
)
from gateway.uplink.document_reference import URI, sha1
from gateway.uplink.documents import Filing
from gateway.uplink.documents_settings import DocumentsSettings
from gateway.uplink.http_client import Answer, HttpClient
from gateway.uplink.mes_mapping import encode

_JSON = "application/fhir+json"
_LOCATION = re.compile(r"(?:\S*/)?(DocumentReference/[A-Za-z0-9\-.]{1,64})(?:/_history/\S+)?")
_GONE = "entered-in-error"


class FhirDeposit:
    """Publishes documents to a FHIR server. Make it inside the running loop; `close` it."""

    def __init__(
        self, settings: DocumentsSettings, clock: Clock, *, wait: wait_base | None = None
    ) -> None:
        if settings.base_url is None:
            raise ConfigError(f"{settings.name}: a server for documents needs its base_url.")
        self._url = f"{settings.base_url}/DocumentReference"
        self._settings = settings
        self._clock = clock
        self._http = HttpClient(settings, wait)

    async def put(self, filing: Filing, /) -> str:
        """Publish one document. Raises as `Uplink.send` says."""
        answer = await self._ask("POST", body=encode(filing.resource))
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            raise self._refusal(answer)
        reference = _created(answer)
        if reference is None:
            raise OutcomeUnknown(
                "The server's answer does not say that it has the document: the gateway searches "
                "for it there before sending again."
            )
        return reference

    async def find(self, filing: Filing, /) -> str | None:
        """Search for the document by its identifier. Raises as `Uplink.find` says."""
        patient = filing.patient
        answer = await self._ask(
            "GET",
            query=(
                ("patient.identifier", f"{patient.system}|{patient.value}"),
                ("status", "current,superseded"),
                ("identifier", f"{URI}|{filing.identifier}"),
            ),
        )
        if answer.status != HTTPStatus.OK:
            raise self._search_refusal(answer)
        bundle = json_object(answer.body) or {}
        if (bundle.get("resourceType"), bundle.get("type")) != ("Bundle", "searchset"):
            raise OutcomeUnknown(
                "The search gives no answer that can be read: check base_url; the gateway "
                "searches again before it sends."
            )
        found = next((r for r in _resources(bundle) if _is_ours(r, filing)), None)
        if found is not None:
            return f"DocumentReference/{found.get('id')}"
        if any(link.get("relation") == "next" for link in _dicts(bundle.get("link"))):
            raise OutcomeUnknown(
                "The search gives only a part of its answer: the gateway searches again before it "
                "sends."
            )
        return None

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _ask(
        self, method: str, query: Sequence[tuple[str, str]] = (), body: bytes | None = None
    ) -> Answer:
        headers = {"Accept": _JSON}
        token = self._settings.read_token()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = _JSON
        return await self._http.ask(method, self._url, query=query, headers=headers, body=body)

    def _refusal(self, answer: Answer) -> UplinkError:
        """Say what a status other than success means for a document that was sent."""
        status = answer.status
        if wanted := refused_certificate(answer):
            return wanted
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return _forbidden(answer)
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            wait = retry_after(answer, self._clock.now().utc)
            if wait is not None or status == HTTPStatus.TOO_MANY_REQUESTS:
                return UplinkUnavailable(f"The server asks to wait ({status}).", wait)
        if 300 <= status < 400:
            return UplinkUnavailable(
                f"The server answers with a redirect ({status}), which is not followed: check "
                "base_url."
            )
        if status in OF_NO_REQUEST and not explains(answer.body):
            return UplinkUnavailable(
                f"There is no place for documents at this address ({status}): check base_url."
            )
        if status == HTTPStatus.REQUEST_TIMEOUT or status >= 500 or status < 300:
            return OutcomeUnknown(
                f"The server failed ({status}): the gateway searches for the document there "
                "before sending again."
            )
        return UplinkRejected(
            f"The server rejects the document ({status}): check patients, type_code, class_code "
            "and profile in the configuration; it stays on this hub."
        )

    def _search_refusal(self, answer: Answer) -> UplinkError:
        error = self._refusal(answer)
        asked_to_wait = isinstance(error, UplinkUnavailable) and error.retry_after is not None
        if asked_to_wait or isinstance(error, UplinkRefused | UplinkUnauthorised):
            return error
        return OutcomeUnknown(
            f"The search for a document that may be there fails ({answer.status}): the gateway "
            "searches again before it sends."
        )


def _created(answer: Answer) -> str | None:
    """Return what the server calls the document: by its Location, or by the resource it shows."""
    match = _LOCATION.fullmatch(answer.headers.get("location", ""))
    if match is not None:
        return match[1]
    resource = json_object(answer.body) or {}
    name = resource.get("id")
    if resource.get("resourceType") == "DocumentReference" and isinstance(name, str):
        return f"DocumentReference/{name}"
    return None


def _is_ours(found: dict[str, Any], filing: Filing) -> bool:
    """Tell whether what was found is this document: same identifier, person and bytes."""
    names = [_dict(found.get("masterIdentifier")), *_dicts(found.get("identifier"))]
    subject = _dict(_dict(found.get("subject")).get("identifier"))
    attachments = [_dict(content.get("attachment")) for content in _dicts(found.get("content"))]
    return (
        found.get("resourceType") == "DocumentReference"
        and found.get("status") != _GONE
        and any(name.get("value") == filing.identifier for name in names)
        and subject.get("value") in (None, filing.patient.value)
        and all(a.get("hash") in (None, sha1(filing.document)) for a in attachments)
    )


def _forbidden(answer: Answer) -> UplinkError:
    if answer.status == HTTPStatus.FORBIDDEN and denies_consent(answer.body):
        return UplinkRefused(
            "The server says that this person does not consent there: nothing more is deposited "
            "until they consent there and here again."
        )
    return UplinkUnauthorised(
        f"The server does not accept our access ({answer.status}): check token, certificate and "
        "rights."
    )


def _resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [_dict(item.get("resource")) for item in _dicts(bundle.get("entry"))]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
