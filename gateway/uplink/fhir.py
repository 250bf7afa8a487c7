"""Any FHIR R4 server as a destination. Repeating a transaction is harmless there.

Every resource is created on the condition that none with its identifiers exists: a server that has
the reading says so. What it then shows is compared: another reading under the same device time is
no acceptance. A device whose clock counts minutes, or was set back, makes such; the second then
goes under its own identity. After an unknown outcome the reading is searched for by that identity,
in case that the server heeds no condition, and sent again if that tells nothing.

What was sent and turns out wrong is updated there: amended, or marked as entered in error.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from tenacity.wait import wait_base

from gateway.clock import Clock
from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.correction import Wrong
from gateway.domain.receipt import Receipt
from gateway.errors import OutcomeUnknown, UplinkError, UplinkRejected
from gateway.uplink.answers import json_object
from gateway.uplink.fhir_answers import (
    Resource,
    has_no_search,
    location_of,
    no_word,
    observation,
    observations_found,
    refusal,
    refusal_of_more,
    taken,
)
from gateway.uplink.fhir_corrections import RETRACTED, amended, is_named, restored, retracted
from gateway.uplink.fhir_identifiers import (
    Sender,
    by_identifier,
    identifiers,
    is_by_guide,
    is_of_another_gateway,
    is_same,
    may_be_ours,
    own_key,
)
from gateway.uplink.fhir_phd import is_at, merged, to_transaction
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.http_client import Answer, HttpClient
from gateway.uplink.mes_mapping import encode

_log = logging.getLogger(__name__)

_JSON = "application/fhir+json"
_OF_THE_PERSON = 2  # entries: the patient and this gateway
_OF_A_READING = 3  # the device, its clock, the reading


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

    async def send(self, released: Released, /) -> Receipt:
        """Post one transaction. Raises as `Uplink.send` says."""
        for by_device_time in (True, False):
            part = self._transaction(released, by_device_time=by_device_time)
            (reference,) = await self._post([part])
            if reference is not None:
                return Receipt(self.name, reference, self._clock.now().utc)
        raise UplinkRejected(
            "The server has something else under the identifiers of this reading: it stays on this "
            "hub."
        )

    @property
    def most_together(self) -> int:
        """How many readings a transaction holds, were each of another device with a clock."""
        return (self._settings.max_entries - _OF_THE_PERSON) // _OF_A_READING

    async def send_together(self, released: Sequence[Released], /) -> list[Receipt | None]:
        """Post one transaction for several readings of one person.

        A transaction is taken whole or not at all: if this one is rejected, each reading goes by
        itself, and so does one under whose identifiers the server has something else. Raises as
        `Gathering.send_together` says.
        """
        try:
            references = await self._post([self._transaction(each) for each in released])
        except UplinkRejected as error:
            _log.info(
                "%s: %d readings are not taken together, so each goes by itself; if that is "
                "always so, set max_entries lower: %s",
                *(self.name, len(released), error),
            )
            return [None] * len(released)
        now = self._clock.now().utc
        return [each if each is None else Receipt(self.name, each, now) for each in references]

    async def find(self, released: Released, /) -> Receipt | None:
        """Look for the identifier that is the reading's own. Raises as `Uplink.find` says.

        Where searching is not allowed, the reading is sent again. A search that is rejected for
        another reason tells nothing, and is repeated.
        """
        entry, sender = released.delivery.entry, self._sender(released)
        ours = to_transaction(entry, sender)["entry"][-1]["resource"]
        name = own_key(entry, sender)
        answer = await self._look(name)
        if has_no_search(answer):
            return None
        try:
            found = self._observations(name, answer)
        except UplinkRejected as error:
            raise OutcomeUnknown(
                f"The server rejects the search ({answer.status}): the gateway searches again "
                "before it sends."
            ) from error
        for theirs in found:
            if is_same(ours, theirs) and theirs.get("status") != RETRACTED:
                sent = (entry.timing, *released.delivery.earlier)
                return Receipt(
                    self.name,
                    f"Observation/{theirs['id']}",
                    self._clock.now().utc,
                    found=True,
                    found_at=next((each for each in sent if is_at(theirs, each)), None),
                )
        return None

    async def correct(self, correction: ReleasedCorrection, /) -> Receipt:
        """Update the Observation, if the server has it. Raises as `Correcting.correct` says."""
        entry = correction.released.delivery.entry
        theirs = await self._held(correction)
        if theirs is not None:
            if correction.wrong is Wrong.PERSON:
                own = own_key(entry, self._sender(correction.released))
                await self._update(retracted(theirs, own))
            elif theirs.get("status") != RETRACTED:  # by another gateway, perhaps
                await self._update(amended(theirs, entry))
            reference = f"Observation/{theirs['id']}"
            return Receipt(self.name, correction.reference or reference, self._clock.now().utc)
        if correction.wrong is Wrong.TIME and correction.reference is None:
            return await self.send(correction.released)  # what was sent may come there yet
        return Receipt(self.name, "", self._clock.now().utc)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _transaction(self, released: Released, *, by_device_time: bool = True) -> Resource:
        entry, kinds = released.delivery.entry, self._settings.kinds
        if released.delivery.destination != self.name or entry.reading.kind not in kinds:
            raise UplinkRejected(
                "This reading was not meant for this destination: check the kinds in its "
                "configuration."
            )
        return to_transaction(entry, self._sender(released), by_device_time=by_device_time)

    async def _post(self, parts: Sequence[Resource]) -> list[str | None]:
        """Post transactions as one; return what the server calls the reading of each.

        None for one under whose identifiers it has something else, or several things.
        """
        whole = merged(parts)
        answer = await self._ask("POST", self._settings.base_url, encode(whole))
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            return [None] * len(parts)
        if answer.status != HTTPStatus.OK:
            raise refusal(answer, self._clock.now().utc)
        outcomes = taken(whole, answer)
        readings = [part["entry"][-1] for part in parts]
        return [await self._name(each["resource"], outcomes[each["fullUrl"]]) for each in readings]

    async def _name(self, ours: Resource, outcome: Resource) -> str | None:
        """Return what the server calls our reading; None if what it has is something else."""
        location = location_of(outcome)
        if str(outcome["response"]["status"]).startswith("201"):
            return location
        try:
            theirs = observation(outcome.get("resource")) or await self._named(location)
        except UplinkRejected:  # it may not be read: the reading's own identifier tells enough
            return None if is_by_guide(ours) else location
        if theirs is None:
            raise no_word()
        if theirs.get("status") == RETRACTED and may_be_ours(ours, theirs):
            if is_of_another_gateway(ours, theirs):
                raise UplinkRejected(
                    "Another gateway has taken this reading back there, as not this person's: it "
                    "stays on this hub. Ask where the device is used too whose it is."
                )
            await self._update(restored(theirs, ours))  # it was theirs after all
        elif not is_same(ours, theirs):
            return None
        return location

    def _sender(self, released: Released) -> Sender:
        settings = self._settings
        patient = settings.patient(released.subject)
        return Sender(settings.patient_system, patient, settings.gateway)

    async def _held(self, correction: ReleasedCorrection) -> Resource | None:
        """Return the Observation as it is there, found by its name or by our identifiers."""
        entry, sender = correction.released.delivery.entry, self._sender(correction.released)
        known = identifiers(entry, sender)
        if correction.reference:
            theirs = await self._named(correction.reference)
            if theirs is not None and not is_named(theirs, known):
                raise UplinkRejected(
                    "What the server calls by that name is not this reading: look it up there."
                )
            return theirs
        found = [theirs for name in known for theirs in await self._search(name)]
        reading = entry.reading
        if not reading.values and reading.limit is None:  # a relay is told no numbers of it
            return next((theirs for theirs in found if is_named(theirs, known[-1:])), None)
        ours = to_transaction(entry, sender)["entry"][-1]["resource"]
        return next((theirs for theirs in found if is_same(ours, theirs)), None)

    async def _named(self, reference: str) -> Resource | None:
        """Read an Observation by its name, only from this very server; None if it is gone."""
        path = "/".join(reference.split("/")[-2:])
        answer = await self._ask("GET", f"{self._settings.base_url}/{path}", None)
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return None
        if answer.status != HTTPStatus.OK:
            raise self._refusal(answer)
        resource = observation(json_object(answer.body))
        if resource is None:
            raise no_word()
        return resource

    async def _search(self, name: tuple[str, str]) -> list[Resource]:
        """Return the Observations with this identifier, whatever else the server shows."""
        return self._observations(name, await self._look(name))

    async def _look(self, name: tuple[str, str]) -> Answer:
        url = f"{self._settings.base_url}/Observation?{by_identifier(name)}"
        return await self._ask("GET", url, None)

    def _observations(self, name: tuple[str, str], answer: Answer) -> list[Resource]:
        if answer.status != HTTPStatus.OK:
            raise self._refusal(answer)
        return [each for each in observations_found(answer) if is_named(each, [name])]

    async def _update(self, changed: Resource) -> None:
        """Put it in the place of the version that we have seen, and of no other."""
        version = changed.get("meta", {}).get("versionId")
        headers = {} if version is None else {"If-Match": f'W/"{version}"'}
        url = f"{self._settings.base_url}/Observation/{changed['id']}"
        answer = await self._ask("PUT", url, encode(changed), headers)
        if answer.status in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED):
            raise OutcomeUnknown("The server has a newer version by now: it is looked at again.")
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            raise self._refusal(answer)

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

    def _refusal(self, answer: Answer) -> UplinkError:
        return refusal_of_more(answer, self._clock.now().utc)
