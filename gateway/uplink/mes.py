"""Mon espace santé as a destination: send one bundle per reading, search after a doubt.

Spec: API of measures 1.5.2. The mapping is in `mes_mapping`, the meaning of answers in
`mes_answers`, the search in `mes_search`, the pairing in `mes_pairing` and `mes_tokens`, which asks
the `mes_token_endpoint`, HTTP in `http_client`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from tenacity.wait import wait_base

from gateway.clock import Clock
from gateway.consent.gate import Released
from gateway.domain.entry import Entry
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import OutcomeUnknown, PairingOver, UplinkRejected
from gateway.uplink.http_client import Answer, HttpClient
from gateway.uplink.mes_answers import reference_in, refusal, search_refusal
from gateway.uplink.mes_mapping import encode, to_bundle
from gateway.uplink.mes_pairing import Pairing, is_over, patient_of
from gateway.uplink.mes_search import judge, question
from gateway.uplink.mes_tokens import MesTokens, TokenStore
from gateway.uplink.settings import MesSettings

_MOST_PAGES = 10
"""Pages of one person's readings of one kind within two seconds: one is usual."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    query: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)


class MesUplink:
    """Brings readings to Mon espace santé. Make it inside the running loop; `close` it.

    `tokens` is where people pair: `tokens.exchange(...)` ends what `authorization_request` began.
    `wait` replaces the seconds between attempts to connect, for tests.
    """

    def __init__(
        self,
        settings: MesSettings,
        store: TokenStore,
        clock: Clock,
        *,
        wait: wait_base | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        secret = settings.read_client_secret()
        self._http = HttpClient(settings, wait)
        self.tokens = MesTokens(settings, secret, self._http, store, clock)

    @property
    def name(self) -> str:
        """The destination's name in the configuration."""
        return self._settings.name

    async def send(self, released: Released, /) -> Receipt:
        """Post one bundle. Raises as `Uplink.send` says."""
        entry = self._entry(released)
        pairing = await self.tokens.pairing(released.subject)
        patient = patient_of(pairing.id_token, self._settings)
        body = encode(to_bundle(entry, patient, self._settings.dialect))
        request = _Request("POST", self._settings.base_url, body=body)
        answer = await self._ask(released.subject, pairing, request)
        if answer.status != HTTPStatus.OK:
            raise refusal(answer, self._clock.now().utc)
        return Receipt(self.name, reference_in(answer), self._clock.now().utc)

    async def find(self, released: Released, /) -> Receipt | None:
        """Search around every time it may have been sent with. Raises as `Uplink.find` says."""
        entry = self._entry(released)
        for timing in (entry.timing, *released.delivery.earlier):
            reference = await self._search(released.subject, entry.timed(timing))
            if reference is not None:
                now = self._clock.now().utc
                return Receipt(self.name, reference, now, found=True, found_at=timing)
        return None

    async def close(self) -> None:
        """Finish refreshing tokens, then let go of connections."""
        await self.tokens.close()
        await self._http.close()

    def _entry(self, released: Released) -> Entry:
        entry, kinds = released.delivery.entry, self._settings.kinds
        if released.delivery.destination != self.name or entry.reading.kind not in kinds:
            raise UplinkRejected(
                "This reading was not meant for this destination: check the kinds in its "
                "configuration."
            )
        return entry

    async def _search(self, subject: SubjectId, entry: Entry) -> str | None:
        pairing = await self.tokens.pairing(subject)
        patient = patient_of(pairing.id_token, self._settings)
        request = _Request(
            "GET", f"{self._settings.base_url}/Observation", tuple(question(entry, patient))
        )
        seen = 0
        for _ in range(_MOST_PAGES):
            answer = await self._ask(subject, pairing, request)
            if answer.status != HTTPStatus.OK:
                raise search_refusal(answer, self._clock.now().utc)
            page = judge(answer.body, entry, patient)
            if page.reference is not None:
                return page.reference
            seen += page.observations
            if page.next_url is None:
                if page.total is None or page.total <= seen:
                    return None
                break
            request = _Request("GET", self._same_server(page.next_url))
        raise OutcomeUnknown(
            "The search gives only a part of its answer: the gateway searches again before it "
            "sends."
        )

    def _same_server(self, link: str) -> str:
        """Resolve a link to the next page. The tokens go to no other server than ours."""
        base = self._settings.base_url
        url = urljoin(f"{base}/", link)
        if urlsplit(url)[:2] != urlsplit(base)[:2]:
            raise OutcomeUnknown(
                "The search goes on at another server, where the gateway does not follow: check "
                "base_url."
            )
        return url

    async def _ask(self, subject: SubjectId, pairing: Pairing, request: _Request) -> Answer:
        """Ask with this person's tokens, refreshed once if they are not accepted."""
        answer = await self._once(pairing, request)
        if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED):
            pairing = await self.tokens.refreshed(subject, pairing)
            answer = await self._once(pairing, request)
            now = self._clock.now().utc
            if answer.status == HTTPStatus.BAD_REQUEST and is_over(pairing.id_token, now):
                raise PairingOver(
                    "The health space gave no new id_token for one that is over: pair this person "
                    "again."
                )
        return answer

    async def _once(self, pairing: Pairing, request: _Request) -> Answer:
        content_type = self._settings.content_type
        headers = {
            "Authorization": f"Bearer {pairing.access_token}",
            self._settings.id_token_header: pairing.id_token,
            "Accept": content_type,
        }
        if request.body is not None:
            headers["Content-Type"] = content_type
        return await self._http.ask(
            request.method, request.url, query=request.query, headers=headers, body=request.body
        )
