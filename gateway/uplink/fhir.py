"""Any FHIR R4 server as a destination. Repeating a transaction is harmless there.

Every resource is created on the condition that none with its identifier exists, so an unknown
outcome needs no search: the reading is sent again, and a server that has it says so. What it then
shows is compared: another reading under the same device time is no acceptance. A device whose clock
counts minutes, or was set back, makes such; the second then goes under its own identity.

What was sent and turns out wrong is updated there: amended, or marked as entered in error.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from tenacity.wait import wait_base

from gateway.clock import Clock
from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.correction import Wrong
from gateway.domain.reading import Kind
from gateway.domain.receipt import Receipt
from gateway.errors import (
    OutcomeUnknown,
    UplinkError,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.uplink.fhir_corrections import (
    RETRACTED,
    Resource,
    amended,
    is_named,
    restored,
    retracted,
)
from gateway.uplink.fhir_phd import Sender, is_same, may_be_ours, own_key, to_transaction
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.http_client import Answer, HttpClient
from gateway.uplink.mes_answers import json_object, retry_after
from gateway.uplink.mes_mapping import encode

_EFFECTIVE = "effectiveDateTime"
_JSON = "application/fhir+json"


class FhirUplink:
    """Brings readings to a FHIR server. Make it inside the running loop; `close` it."""

    def __init__(
        self, settings: FhirSettings, clock: Clock, *, wait: wait_base | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._http = HttpClient(settings, wait)

    @property
    def name(self) -> str:
        """The destination's name in the configuration."""
        return self._settings.name

    @property
    def takes(self) -> frozenset[Kind]:
        """The kinds the configuration switched on."""
        return self._settings.kinds

    async def send(self, released: Released, /) -> Receipt:
        """Post one transaction. Raises as `Uplink.send` says."""
        entry = released.delivery.entry
        if released.delivery.destination != self.name or entry.reading.kind not in self.takes:
            raise UplinkRejected(
                "This reading was not meant for this destination: check the kinds in its "
                "configuration."
            )
        sender = self._sender(released)
        reference = await self._create(to_transaction(entry, sender))
        if reference is None:
            reference = await self._create(to_transaction(entry, sender, by_device_time=False))
        if reference is None:
            raise UplinkRejected(
                "The server has another value under the identity of this reading: it stays on this "
                "hub."
            )
        return Receipt(self.name, reference, self._clock.now().utc)

    async def find(self, released: Released, /) -> Receipt | None:
        """Look for the identifier that is the reading's own. Raises as `Uplink.find` says.

        Sending again would find it, too, but not by the guide's identifier if the device has told
        more of itself meanwhile, its serial number for one.
        """
        entry, sender = released.delivery.entry, self._sender(released)
        ours = to_transaction(entry, sender)["entry"][-1]["resource"]
        for theirs in await self._search(*own_key(entry, sender)):
            if is_same(ours, theirs) and theirs.get("status") != RETRACTED:
                sent = (entry.timing, *released.delivery.earlier)
                at = [t for t in sent if t.measured_at.isoformat() == theirs.get(_EFFECTIVE)]
                return Receipt(
                    self.name,
                    f"Observation/{theirs['id']}",
                    self._clock.now().utc,
                    found=True,
                    found_at=at[0] if at else None,
                )
        return None

    async def correct(self, correction: ReleasedCorrection, /) -> Receipt:
        """Update the Observation, if the server has it. Raises as `Correcting.correct` says."""
        entry = correction.released.delivery.entry
        theirs = await self._held(correction)
        if theirs is not None:
            is_retraction = correction.wrong is Wrong.PERSON
            await self._update(retracted(theirs) if is_retraction else amended(theirs, entry))
        elif correction.wrong is Wrong.TIME and correction.reference is None:
            return await self.send(correction.released)  # what was sent may come there yet
        return Receipt(self.name, correction.reference or "", self._clock.now().utc)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _create(self, transaction: dict[str, Any]) -> str | None:
        """Post a transaction; return what the server calls the Observation.

        None if it has another reading under that identifier.
        """
        answer = await self._ask("POST", self._settings.base_url, encode(transaction))
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer, self._clock)
        return await self._taken(transaction, answer)

    def _sender(self, released: Released) -> Sender:
        settings = self._settings
        patient = settings.patient(released.subject)
        return Sender(settings.patient_system, patient, settings.gateway)

    async def _held(self, correction: ReleasedCorrection) -> Resource | None:
        """Return the Observation as it is there, found by its name or by our identifiers."""
        entry, sender = correction.released.delivery.entry, self._sender(correction.released)
        ours = to_transaction(entry, sender)["entry"][-1]["resource"]
        names = [(each["system"], each["value"]) for each in ours["identifier"]] + [
            own_key(entry, sender)
        ]
        if correction.reference:
            theirs = await self._named(correction.reference)
            if theirs is not None and not is_named(theirs, names):
                raise UplinkRejected(
                    "What the server calls by that name is not this reading: look it up there."
                )
            return theirs
        for name in names:
            for theirs in await self._search(*name):
                if is_same(ours, theirs):
                    return theirs
        return None

    async def _named(self, reference: str) -> Resource | None:
        path = "/".join(reference.split("/")[-2:])
        answer = await self._ask("GET", f"{self._settings.base_url}/{path}", None)
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return None
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer, self._clock)
        resource = json_object(answer.body)
        if resource is None:
            raise _no_word()
        return resource

    async def _search(self, system: str, value: str) -> list[Resource]:
        query = urlencode({"identifier": f"{system}|{value}"})
        answer = await self._ask("GET", f"{self._settings.base_url}/Observation?{query}", None)
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer, self._clock)
        found = (json_object(answer.body) or {}).get("entry", ())
        return [each["resource"] for each in found if "resource" in each]

    async def _update(self, changed: Resource) -> None:
        """Put it in the place of the version that we have seen, and of no other."""
        version = changed.get("meta", {}).get("versionId")
        headers = {} if version is None else {"If-Match": f'W/"{version}"'}
        url = f"{self._settings.base_url}/Observation/{changed['id']}"
        answer = await self._ask("PUT", url, encode(changed), headers)
        if answer.status in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED):
            raise OutcomeUnknown("The server has a newer version by now: it is looked at again.")
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            raise _refusal(answer, self._clock)

    async def _taken(self, transaction: dict[str, Any], answer: Answer) -> str | None:
        bundle = json_object(answer.body) or {}
        outcomes = bundle.get("entry")
        if not isinstance(outcomes, list) or len(outcomes) != len(transaction["entry"]):
            raise _no_word()
        try:
            statuses = [str(outcome["response"]["status"])[:3] for outcome in outcomes]
            location = str(outcomes[-1]["response"]["location"]).partition("/_history")[0]
        except (KeyError, TypeError):
            raise _no_word() from None
        if not all(status in ("200", "201") for status in statuses):
            raise UplinkRejected(
                f"The server does not take every part of the reading ({', '.join(statuses)}): it "
                "stays on this hub."
            )
        if statuses[-1] == "200":
            ours = transaction["entry"][-1]["resource"]
            theirs = outcomes[-1].get("resource") or await self._read(location)
            retracted_before = theirs.get("status") == RETRACTED and may_be_ours(ours, theirs)
            if retracted_before:  # it was theirs after all
                await self._update(restored(theirs, ours))
            elif not is_same(ours, theirs):
                return None
        return location

    async def _read(self, location: str) -> dict[str, Any]:
        """Read what exists there already; only from this very server."""
        path = "/".join(location.split("/")[-2:])
        answer = await self._ask("GET", f"{self._settings.base_url}/{path}", None)
        resource = json_object(answer.body)
        if answer.status != HTTPStatus.OK or resource is None:
            raise _no_word()
        return resource

    async def _ask(
        self, method: str, url: str, body: bytes | None, more: Mapping[str, str] | None = None
    ) -> Answer:
        headers = {"Accept": _JSON, **(more or {})}
        token = self._settings.read_token()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = _JSON
        return await self._http.ask(method, url, headers=headers, body=body)


def _no_word() -> OutcomeUnknown:
    return OutcomeUnknown(
        "The server's answer does not say that it has the reading: the gateway sends it again."
    )


def _refusal(answer: Answer, clock: Clock) -> UplinkError:
    """Say what a status other than 200 means. A transaction is taken whole or not at all."""
    status = answer.status
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return UplinkUnauthorised(
            f"The server does not accept our access ({status}): check token and rights."
        )
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return UplinkUnavailable(
            f"The server asks to wait ({status}).", retry_after(answer, clock.now().utc)
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.MULTIPLE_CHOICES:
        return OutcomeUnknown(f"The server failed ({status}): the gateway sends the reading again.")
    return UplinkRejected(
        f"The server rejects the reading ({status}): report it with the destination's settings; it "
        "stays on this hub."
    )
