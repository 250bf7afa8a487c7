"""OAuth2 with Mon espace santé: what pairing gives, and keeping it alive.

A person pairs in a browser: the gateway makes an `AuthorizationRequest` (with PKCE), the person
signs in and consents there, and the code that comes back is exchanged for an access token, a
refresh token, and an id_token whose claims say under which identifier the space knows them.

A refresh may replace the refresh token, and the old one is then worthless. So the new tokens are
durable before anyone uses them, a refresh once sent is finished even if whoever asked for it is
cancelled (one that was not is given up: the person may have withdrawn), and two deliveries never
refresh the same pairing twice.

Spec: RFC 6749 sections 4.1.3 and 6; RFC 7009; RFC 7636; OpenID Connect Core section 3.1.3.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol
from weakref import WeakValueDictionary

from pydantic import ValidationError

from gateway.clock import Clock
from gateway.domain.subject import SubjectId
from gateway.errors import (
    AccountTaken,
    CodeRefused,
    GatewayError,
    PairingOver,
    UplinkUnauthorised,
)
from gateway.uplink.http_client import HttpClient
from gateway.uplink.mes_mapping import PatientIdentifier
from gateway.uplink.mes_pairing import (
    AuthorizationRequest,
    Pairing,
    authorization_request,
    patient_of,
)
from gateway.uplink.mes_token_endpoint import Granted, TokenEndpoint
from gateway.uplink.settings import MesSettings

_EARLY = timedelta(seconds=30)
"""Refresh this long before expiry: a request on its way must not meet an expired token."""

_log = logging.getLogger(__name__)

_ANOTHER_CODE = "The health space does not know this code, or not any more: ask it for another one."
_PAIR_HERE = "This person was paired with the health space at another address: pair them again."
_PAIR_AGAIN = "The pairing with the health space is over: pair this person again."


class TokenStore(Protocol):
    """Keeps the secret of each person's pairing with each destination. The journal is one."""

    async def pairing(self, subject: SubjectId, destination: str, /) -> bytes | None:
        """Return what was last set; None if this person is not paired there."""
        ...

    async def set_pairing(self, subject: SubjectId, destination: str, secret: bytes, /) -> None:
        """Replace it; returns once the new one survives a power cut."""
        ...

    async def delete_pairing(self, subject: SubjectId, destination: str, /) -> None:
        """Forget it; harmless if there is none."""
        ...


class MesTokens:
    """The pairings of one destination, kept alive. Close it before its client and its store."""

    def __init__(
        self,
        settings: MesSettings,
        secret: str | None,
        http: HttpClient,
        store: TokenStore,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._endpoint = TokenEndpoint(settings, secret, http, clock)
        self._store = store
        self._clock = clock
        self._refreshing: dict[SubjectId, asyncio.Task[Pairing]] = {}
        self._awaited: Counter[SubjectId] = Counter()
        """How many wait for a refresh: one that nobody waits for is not begun any more."""
        self._changing: WeakValueDictionary[SubjectId, asyncio.Lock] = WeakValueDictionary()
        """Held while a pairing is replaced: what comes of an older one must not replace a newer."""
        self._known: dict[SubjectId, Pairing] = {}
        """As they are in the store: reading them there for every request waits for its writer."""

    @property
    def in_a_browser(self) -> bool:
        """Whether the configuration says where people sign in."""
        return self._settings.authorize_url is not None

    def authorization(self, redirect_uri: str | None) -> AuthorizationRequest:
        """Begin a pairing in a browser. Raises ConfigError."""
        registered = self._settings.redirect_uri
        if redirect_uri is not None and registered is not None:
            redirect_uri = registered
        return authorization_request(self._settings, redirect_uri)

    async def exchange(
        self,
        subject: SubjectId,
        code: str,
        verifier: str | None = None,
        redirect_uri: str | None = None,
        others: Sequence[SubjectId] = (),
    ) -> None:
        """Finish a pairing: durable on return. What cannot be kept is given back.

        Raises UplinkUnavailable, UplinkUnauthorised; CodeRefused if the code is no good;
        AccountTaken if one of `others` is paired with the same account, for a browser may still
        know who signed in last; and JournalError, as where the person was erased meanwhile.

        A code that a person typed from the health space's page comes without the other two: no
        browser of theirs was sent there by this gateway.
        """
        form = {"grant_type": "authorization_code", "code": code}
        if verifier is not None:
            form["code_verifier"] = verifier
        if redirect_uri is not None:
            form["redirect_uri"] = redirect_uri
        granted = await self._endpoint.ask(form, spent=CodeRefused(_ANOTHER_CODE))
        try:
            if granted.id_token is None:
                raise UplinkUnauthorised(
                    "The health space gave no id_token: check that scope asks for one."
                )
            patient = patient_of(granted.id_token, self._settings)
            for other in others:
                await self._refuse_account_of(other, patient)
            async with self._alone(subject):
                await self._keep(subject, granted, granted.id_token, granted.refresh_token)
        except AccountTaken:
            raise  # nothing is revoked: that might end the other's pairing too
        except GatewayError:
            await self._endpoint.revoke(granted.access_token, granted.refresh_token)
            raise

    async def pairing(self, subject: SubjectId) -> Pairing:
        """Return this person's tokens, refreshed if they are about to expire.

        Raises PairingOver if there are none or they cannot be refreshed any more,
        UplinkUnauthorised if this gateway is not accepted, and UplinkUnavailable.
        """
        pairing = await self._load(subject)
        if pairing.given_for is None:
            pairing = await self._placed(subject)
        if pairing.expires_at is None or pairing.expires_at - _EARLY > self._clock.now().utc:
            return pairing
        return await self.refreshed(subject, pairing)

    async def refreshed(self, subject: SubjectId, used: Pairing) -> Pairing:
        """Return tokens newer than `used`, which the server did not accept. Raises as `pairing`."""
        task = self._refreshing.get(subject)
        if task is None:
            task = asyncio.create_task(self._refresh_alone(subject, used))
            self._refreshing[subject] = task
            task.add_done_callback(lambda done: self._finished(subject, done))
        self._awaited[subject] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._awaited[subject] -= 1
            if not self._awaited[subject]:
                del self._awaited[subject]

    def forget(self, subject: SubjectId) -> None:
        """Hold this person's tokens in memory no longer; the store keeps them."""
        self._known.pop(subject, None)

    async def end(self, subject: SubjectId) -> bool:
        """End this person's pairing; return whether the health space said that it is over.

        It is forgotten here in any case. Revoking the refresh token ends the access tokens that
        came of it too (RFC 7009 section 2.1).
        """
        async with self._alone(subject):
            revoked = False
            with suppress(UplinkUnauthorised):  # there is none
                pairing = await self._load(subject)
                revoked = await self._endpoint.revoke(pairing.access_token, pairing.refresh_token)
            await self._store.delete_pairing(subject, self._settings.name)
            self.forget(subject)
            return revoked

    async def close(self) -> None:
        """Finish the refreshes that have begun."""
        if self._refreshing:
            await asyncio.wait(self._refreshing.values())

    def _alone(self, subject: SubjectId) -> asyncio.Lock:
        """Return the lock of one person, which is gone when nobody holds it or waits for it."""
        return self._changing.setdefault(subject, asyncio.Lock())

    def _finished(self, subject: SubjectId, task: asyncio.Task[Pairing]) -> None:
        del self._refreshing[subject]
        if not task.cancelled():
            task.exception()  # whoever asked may be gone; then nobody else looks at it

    async def _refresh_alone(self, subject: SubjectId, used: Pairing) -> Pairing:
        async with self._alone(subject):
            return await self._refresh(subject, used)

    async def _refresh(self, subject: SubjectId, used: Pairing) -> Pairing:
        stored = await self._load(subject)
        if stored != used:
            return stored  # somebody refreshed it, or the person paired again, in the meantime
        if stored.refresh_token is None:
            raise PairingOver(_PAIR_AGAIN)
        granted = await self._endpoint.ask(
            {"grant_type": "refresh_token", "refresh_token": stored.refresh_token},
            spent=PairingOver(_PAIR_AGAIN),
            wanted=lambda: self._awaited[subject] > 0,
        )
        id_token = granted.id_token or stored.id_token
        if patient_of(id_token, self._settings) != patient_of(stored.id_token, self._settings):
            # Not kept: it would file this person's readings with the other one's.
            raise PairingOver(
                "The health space now names another person for this pairing: pair this person "
                "again."
            )
        return await self._keep(
            subject, granted, id_token, granted.refresh_token or stored.refresh_token
        )

    async def _keep(
        self, subject: SubjectId, granted: Granted, id_token: str, refresh_token: str | None
    ) -> Pairing:
        expires_at = None
        if granted.expires_in is not None:
            # A lifetime beyond a year is a slip: look again after a year.
            lifetime = timedelta(seconds=min(granted.expires_in, 31_536_000))
            expires_at = self._clock.now().utc + lifetime
        pairing = Pairing(
            access_token=granted.access_token,
            id_token=id_token,
            refresh_token=refresh_token,
            expires_at=expires_at,
            given_for=self._settings.pairs_at[0],
        )
        return await self._set(subject, pairing)

    async def _set(self, subject: SubjectId, pairing: Pairing) -> Pairing:
        secret = pairing.model_dump_json().encode()
        await self._store.set_pairing(subject, self._settings.name, secret)
        self._known[subject] = pairing
        return pairing

    async def _placed(self, subject: SubjectId) -> Pairing:
        """Take down that a pairing of before is good where the destination is now."""
        async with self._alone(subject):
            pairing = await self._load(subject)
            if pairing.given_for is not None:
                return pairing
            placed = pairing.model_copy(update={"given_for": self._settings.pairs_at[0]})
            return await self._set(subject, placed)

    async def _refuse_account_of(self, other: SubjectId, patient: PatientIdentifier) -> None:
        try:
            paired = await self._stored(other)
            theirs = patient_of(paired.id_token, self._settings)
        except UplinkUnauthorised:
            return
        if theirs == patient:
            raise AccountTaken(
                "The account that was signed in with is paired with another person here: sign out "
                "there, and in as the person whose readings these are."
            )

    async def _stored(self, subject: SubjectId) -> Pairing:
        secret = await self._store.pairing(subject, self._settings.name)
        if secret is None:
            raise PairingOver("This person is not paired with the health space: pair them first.")
        try:
            return Pairing.model_validate_json(secret)
        except ValidationError:
            raise PairingOver(_PAIR_AGAIN) from None

    async def _load(self, subject: SubjectId) -> Pairing:
        if subject in self._known:
            return self._known[subject]
        pairing = await self._stored(subject)
        if pairing.given_for not in (None, *self._settings.pairs_at):
            raise PairingOver(_PAIR_HERE)  # else another server would get these tokens
        self._known[subject] = pairing
        return pairing
