"""A pairing is kept alive, durable before it is used, and never crosses two people."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tenacity.wait import wait_none

from gateway.domain.subject import SubjectId
from gateway.errors import (
    AccountTaken,
    CodeRefused,
    JournalError,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.testing.clock import START, ManualClock
from gateway.uplink.http_client import HttpClient
from gateway.uplink.mes_pairing import OUT_OF_BAND, Pairing
from gateway.uplink.mes_tokens import MesTokens
from gateway.uplink.settings import MesSettings
from tests.uplink.pairings import MemoryStore, id_token, secret_file, settings
from tests.uplink.samples import ALICE, BOB
from tests.uplink.scripted_server import (
    Action,
    ScriptedServer,
    answer,
    reset,
    scripted_server,
)

GRANTED = {
    "access_token": "access-2",
    "token_type": "bearer",
    "refresh_token": "refresh-2",
    "expires_in": 300,
}
NEWLY_PAIRED = {"access_token": "newly-paired", "id_token": id_token(idPe="the right person")}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as scripted:
        scripted.plays("/token", answer(200, GRANTED))
        yield scripted


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Connected:
    """Tokens of a given configuration with their HTTP, closed together."""

    def __init__(self, config: MesSettings, store: MemoryStore, clock: ManualClock) -> None:
        self.http = HttpClient(config, wait_none())
        self.tokens = MesTokens(config, config.read_client_secret(), self.http, store, clock)

    async def __aenter__(self) -> MesTokens:
        return self.tokens

    async def __aexit__(self, *_: object) -> None:
        await self.tokens.close()
        await self.http.close()


@pytest.fixture
async def tokens(
    server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> AsyncIterator[MesTokens]:
    (store.given_for,) = settings(server.url).pairs_at
    async with Connected(settings(server.url), store, clock) as connected:
        yield connected


# --- pairing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registered", "asked", "sent"),
    [
        (None, "http://127.0.0.1:8470/back", "http://127.0.0.1:8470/back"),
        ("https://hub.example/back", "http://127.0.0.1:8470/back", "https://hub.example/back"),
        ("https://hub.example/back", None, OUT_OF_BAND),
    ],
)
async def test_a_browser_comes_back_where_the_health_space_expects_it(
    registered: str | None, asked: str | None, sent: str, store: MemoryStore, clock: ManualClock
) -> None:
    async with Connected(settings(redirect_uri=registered), store, clock) as tokens:
        request = tokens.authorization(asked)

    query = parse_qs(urlsplit(request.url).query)
    assert (query["redirect_uri"], request.redirect_uri) == ([sent], sent)


async def test_a_code_that_is_no_good_is_told_from_a_pairing_that_is_over(
    server: ScriptedServer, tokens: MesTokens
) -> None:
    server.plays("/token", answer(400, {"error": "invalid_grant"}))

    with pytest.raises(CodeRefused, match="ask it for another"):
        await tokens.exchange(ALICE, "code-1")


async def test_a_code_becomes_a_durable_pairing(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    server.plays("/token", answer(200, GRANTED | {"id_token": id_token()}))

    await tokens.exchange(ALICE, "code-1", "verifier-1", "http://hub.local/paired")

    (request,) = server.requests
    assert request.form == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "code_verifier": "verifier-1",
        "redirect_uri": "http://hub.local/paired",
    }
    assert store.kept == [
        Pairing(
            access_token="access-2",
            id_token=id_token(),
            refresh_token="refresh-2",
            expires_at=START + timedelta(seconds=300),
            given_for=f"{server.url}/token {server.url}/fhir",
        )
    ]


async def test_a_code_that_a_person_typed_comes_by_itself(
    server: ScriptedServer, tokens: MesTokens
) -> None:
    server.plays("/token", answer(200, GRANTED | {"id_token": id_token()}))

    await tokens.exchange(ALICE, "code-1")

    (request,) = server.requests
    assert request.form == {"grant_type": "authorization_code", "code": "code-1"}


async def test_nobody_is_paired_with_the_account_of_another_person_here(
    server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    """The browser of the household may still know who signed in last.

    What was given is not given back: that might end the pairing of the other.
    """
    store.pair(BOB)
    server.plays("/token", answer(200, GRANTED | {"id_token": id_token()}))
    server.plays("/revoke", answer(200))

    async with Connected(revoking(server), store, clock) as tokens:
        with pytest.raises(AccountTaken, match="another person"):
            await tokens.exchange(ALICE, "code-1", others=[BOB])

    assert [subject for subject, _ in store.secrets] == [BOB]
    assert server.to("/revoke") == []


@pytest.mark.parametrize("theirs", [None, {"idPe": "another"}, {"idPe": ""}])
async def test_who_has_an_account_of_their_own_is_paired(
    theirs: dict[str, str] | None,
    server: ScriptedServer,
    tokens: MesTokens,
    store: MemoryStore,
) -> None:
    if theirs is not None:
        store.pair(BOB, **theirs)
    server.plays("/token", answer(200, GRANTED | {"id_token": id_token()}))

    await tokens.exchange(ALICE, "code-1", others=[BOB])

    assert (ALICE, "mes") in store.secrets


async def test_a_pairing_without_an_id_token_is_none(tokens: MesTokens, store: MemoryStore) -> None:
    with pytest.raises(UplinkUnauthorised, match="scope"):
        await tokens.exchange(ALICE, "code-1", "verifier-1", "http://hub.local/paired")

    assert store.kept == []


@pytest.mark.parametrize(
    ("change", "header", "form"),
    [
        ({"client_secret": "p:w d"}, "Basic Z2F0ZXdheTpwJTNBdytk", {}),
        (
            {"client_auth": "post"},
            None,
            {"client_id": "gateway", "client_secret": "canary-secret"},
        ),
        ({"client_secret": None}, None, {"client_id": "gateway"}),
    ],
)
async def test_the_gateway_names_itself_as_configured(
    change: dict[str, Any],
    header: str | None,
    form: dict[str, str],
    server: ScriptedServer,
    store: MemoryStore,
    clock: ManualClock,
) -> None:
    used = store.pair()

    async with Connected(settings(server.url, **change), store, clock) as tokens:
        await tokens.refreshed(ALICE, used)

    (request,) = server.requests
    assert request.headers.get("authorization") == header
    asked = {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
    assert request.form == asked | form


async def test_the_secret_may_be_in_a_file(
    tmp_path: Path, server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    used = store.pair()
    path = secret_file(tmp_path, "from-file\n")
    config = settings(server.url, client_secret=None, client_secret_file=path, client_auth="post")

    async with Connected(config, store, clock) as tokens:
        await tokens.refreshed(ALICE, used)

    assert server.requests[0].form["client_secret"] == "from-file"


# --- keeping it alive -------------------------------------------------------------------------


async def test_tokens_that_live_are_used_as_they_are(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    living = store.pair(expires_at=START + timedelta(seconds=31))

    assert await tokens.pairing(ALICE) == living
    assert server.requests == []


async def test_tokens_about_to_expire_are_refreshed_and_both_new_ones_kept(
    tokens: MesTokens, store: MemoryStore
) -> None:
    store.pair(expires_at=START + timedelta(seconds=29))

    fresh = await tokens.pairing(ALICE)

    assert (fresh.access_token, fresh.refresh_token) == ("access-2", "refresh-2")
    assert fresh.id_token == id_token()
    assert store.kept == [fresh]


async def test_a_refresh_token_that_is_not_replaced_stays(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    used = store.pair()
    server.plays("/token", answer(200, {"access_token": "access-2", "token_type": "Bearer"}))

    fresh = await tokens.refreshed(ALICE, used)

    assert fresh.refresh_token == "refresh-1"
    assert fresh.expires_at is None


@pytest.mark.parametrize(
    ("told", "lasts"),
    [
        (3599.9, timedelta(seconds=3599)),
        ("3600", timedelta(hours=1)),
        (0, timedelta(0)),
        (-1, None),
        ("never", None),
        ("inf", None),
        (True, None),
        ([], None),
        pytest.param(10**400, None, id="astronomical"),
        (1e300, timedelta(days=365)),
    ],
)
async def test_tokens_whose_lifetime_cannot_be_read_are_kept_all_the_same(
    told: object,
    lasts: timedelta | None,
    server: ScriptedServer,
    tokens: MesTokens,
    store: MemoryStore,
) -> None:
    """The refresh token that they came for may be worth nothing any more."""
    server.plays("/token", answer(200, GRANTED | {"expires_in": told}))

    fresh = await tokens.refreshed(ALICE, store.pair())

    assert fresh.expires_at == (None if lasts is None else START + lasts)
    assert store.kept == [fresh]


async def test_many_who_need_new_tokens_cause_one_refresh(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    used = store.pair()

    got = await asyncio.gather(*(tokens.refreshed(ALICE, used) for _ in range(5)))
    late = await tokens.refreshed(ALICE, used)

    assert len(server.requests) == 1
    assert got == [late] * 5


async def test_a_refresh_is_finished_and_kept_even_if_whoever_asked_is_gone(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    used = store.pair()
    release = asyncio.Event()

    async def when_released(writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await answer(200, GRANTED)(writer)

    server.plays("/token", when_released)
    asking = asyncio.create_task(tokens.refreshed(ALICE, used))
    await server.arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    release.set()
    await tokens.close()

    assert [pairing.refresh_token for pairing in store.kept] == ["refresh-2"]


class LockedStore(MemoryStore):
    """Gives nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.reads, self.read = asyncio.Event(), asyncio.Event()

    async def pairing(self, subject: SubjectId, destination: str, /) -> bytes | None:
        self.reads.set()
        await self.read.wait()
        return await super().pairing(subject, destination)


async def test_a_refresh_that_another_waits_for_is_sent_though_one_has_gone(
    server: ScriptedServer, clock: ManualClock
) -> None:
    slow = LockedStore()
    used = slow.pair()
    async with Connected(settings(server.url), slow, clock) as tokens:
        gone, stays = (asyncio.create_task(tokens.refreshed(ALICE, used)) for _ in range(2))
        await slow.reads.wait()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        slow.read.set()

        assert (await stays).refresh_token == "refresh-2"


async def test_a_refresh_that_was_not_sent_is_given_up_with_whoever_asked(
    server: ScriptedServer, clock: ManualClock
) -> None:
    """Their person may have withdrawn: not a byte of theirs leaves then. The next one is sent."""
    slow = LockedStore()
    used = slow.pair()
    async with Connected(settings(server.url), slow, clock) as tokens:
        asking = asyncio.create_task(tokens.refreshed(ALICE, used))
        await slow.reads.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        slow.read.set()
        await tokens.close()
        meanwhile = (list(server.requests), list(slow.kept))
        again = await tokens.refreshed(ALICE, used)

    assert meanwhile == ([], [])
    assert again.refresh_token == "refresh-2"


async def test_new_tokens_are_not_used_if_they_could_not_be_kept(
    server: ScriptedServer, clock: ManualClock
) -> None:
    class FullStore(MemoryStore):
        async def set_pairing(self, subject: SubjectId, destination: str, secret: bytes, /) -> None:
            raise OSError("disk full")

    full = FullStore()
    used = full.pair()

    async with Connected(settings(server.url), full, clock) as tokens:
        with pytest.raises(OSError, match="disk full"):
            await tokens.refreshed(ALICE, used)


async def test_a_refresh_that_names_another_person_is_not_kept(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    used = store.pair()
    server.plays("/token", answer(200, GRANTED | {"id_token": id_token(idPe="somebody-else")}))

    with pytest.raises(UplinkUnauthorised, match="another person"):
        await tokens.refreshed(ALICE, used)

    assert store.kept == []


REFUSALS: list[tuple[Action, type[Exception], str]] = [
    (answer(400, {"error": "invalid_grant"}), UplinkUnauthorised, "pair this person again"),
    (answer(401, {"error": "invalid_client"}), UplinkUnauthorised, "client_secret"),
    (answer(400, b"what?"), UplinkUnauthorised, "client_id"),
    (answer(400, b"400 The SSL certificate error"), UplinkUnauthorised, "certificate_file"),
    (answer(500), UplinkUnavailable, "500"),
    (answer(302, Location="/elsewhere"), UplinkUnavailable, "token_url"),
    (answer(404), UplinkUnavailable, "token_url"),
    (answer(200, b"<html>"), UplinkUnavailable, "token_url"),
    (answer(200, GRANTED | {"token_type": "mac"}), UplinkUnavailable, "token_url"),
    (answer(200, GRANTED | {"access_token": "two\r\nlines"}), UplinkUnavailable, "token_url"),
    (answer(200, GRANTED | {"access_token": ""}), UplinkUnavailable, "token_url"),
    (reset, UplinkUnavailable, "token endpoint"),
]


@pytest.mark.parametrize("number", range(len(REFUSALS)))
async def test_every_trouble_with_the_token_endpoint_says_who_must_act(
    number: int, server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    action, kind, words = REFUSALS[number]
    used = store.pair()
    server.plays("/token", action)

    with pytest.raises(kind, match=words) as raised:
        await tokens.refreshed(ALICE, used)

    assert "refresh-1" not in str(raised.value)
    assert store.kept == []


async def test_the_token_endpoint_may_ask_to_wait(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    used = store.pair()
    server.plays("/token", answer(429, Retry_After="9"))

    with pytest.raises(UplinkUnavailable) as raised:
        await tokens.refreshed(ALICE, used)

    assert raised.value.retry_after == timedelta(seconds=9)


@pytest.mark.parametrize("secret", [None, b"", b"{}", b'{"access_token": "\\n", "id_token": "b"}'])
async def test_without_a_usable_pairing_someone_must_pair(
    secret: bytes | None, tokens: MesTokens, store: MemoryStore
) -> None:
    if secret is not None:
        store.secrets[ALICE, "mes"] = secret

    with pytest.raises(UplinkUnauthorised, match="pair"):
        await tokens.pairing(ALICE)


async def test_expired_tokens_that_cannot_be_refreshed_need_a_new_pairing(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore
) -> None:
    store.pair(expires_at=START, refresh=None)

    with pytest.raises(UplinkUnauthorised, match="pair this person again"):
        await tokens.pairing(ALICE)

    assert server.requests == []


async def test_one_persons_trouble_is_not_anothers(tokens: MesTokens, store: MemoryStore) -> None:
    living = store.pair(BOB)

    with pytest.raises(UplinkUnauthorised):
        await tokens.pairing(ALICE)

    assert await tokens.pairing(BOB) == living


# --- the end ----------------------------------------------------------------------------------


def revoking(server: ScriptedServer, **change: Any) -> MesSettings:
    return settings(server.url, revoke_url=f"{server.url}/revoke", **change)


async def test_a_pairing_that_ends_is_revoked_and_forgotten(
    server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    store.pair()
    store.pair(BOB)
    server.plays("/revoke", answer(200))

    async with Connected(revoking(server), store, clock) as tokens:
        assert await tokens.end(ALICE)
        with pytest.raises(UplinkUnauthorised, match="not paired"):
            await tokens.pairing(ALICE)
        assert (await tokens.pairing(BOB)).access_token == "access-1"

    (request,) = server.to("/revoke")
    assert request.form == {"token": "refresh-1", "token_type_hint": "refresh_token"}
    basic = base64.b64encode(b"gateway:canary-secret").decode()
    assert request.headers["authorization"] == f"Basic {basic}"


async def test_without_a_refresh_token_the_access_token_is_revoked(
    server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    store.pair(refresh=None)
    server.plays("/revoke", answer(200))

    async with Connected(revoking(server), store, clock) as tokens:
        assert await tokens.end(ALICE)

    assert server.to("/revoke")[0].form["token"] == "access-1"


@pytest.mark.parametrize("trouble", [answer(503), answer(400), reset])
async def test_a_pairing_is_forgotten_also_where_it_cannot_be_revoked(
    trouble: Action, server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    store.pair()
    server.plays("/revoke", trouble)

    async with Connected(revoking(server), store, clock) as tokens:
        assert not await tokens.end(ALICE)

    assert store.secrets == {}


async def test_a_health_space_without_revocation_is_not_told(
    server: ScriptedServer, store: MemoryStore, tokens: MesTokens
) -> None:
    store.pair()

    assert not await tokens.end(ALICE)

    assert store.secrets == {}
    assert server.requests == []


async def test_what_was_given_and_cannot_be_kept_is_given_back(
    server: ScriptedServer, clock: ManualClock
) -> None:
    class WithoutThem(MemoryStore):
        async def set_pairing(self, subject: SubjectId, destination: str, secret: bytes, /) -> None:
            raise JournalError("the journal does not know that person")

    server.plays("/token", answer(200, GRANTED | {"id_token": id_token()}))
    server.plays("/revoke", answer(503))

    async with Connected(revoking(server), WithoutThem(), clock) as tokens:
        with pytest.raises(JournalError):
            await tokens.exchange(ALICE, "code")
        with pytest.raises(UplinkUnauthorised, match="not paired"):
            await tokens.pairing(ALICE)

    assert server.to("/revoke")[0].form["token"] == "refresh-2"


async def test_what_was_given_without_a_name_is_given_back(
    server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    server.plays("/token", answer(200, GRANTED))
    server.plays("/revoke", answer(200))

    async with Connected(revoking(server), store, clock) as tokens:
        with pytest.raises(UplinkUnauthorised, match="scope"):
            await tokens.exchange(ALICE, "code")

    assert server.to("/revoke")[0].form["token"] == "refresh-2"


async def test_a_refresh_under_way_leaves_no_tokens_behind(
    server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    used = store.pair()
    server.plays("/revoke", answer(200))

    async with Connected(revoking(server), store, clock) as tokens:
        refreshing = asyncio.create_task(tokens.refreshed(ALICE, used))
        await server.arrived.wait()
        assert await tokens.end(ALICE)
        await refreshing

    assert store.secrets == {}
    assert server.to("/revoke")[0].form["token"] == "refresh-2"


async def test_who_pairs_anew_while_the_old_pairing_is_refreshed_has_the_new_one(
    server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    """Perhaps because it was another person's, who must not get this one's readings again."""
    used = store.pair(idPe="the wrong person")
    late, refreshed = asyncio.Event(), answer(200, GRANTED)

    async def in_the_end(writer: asyncio.StreamWriter) -> None:
        await late.wait()
        await refreshed(writer)

    server.plays("/token", in_the_end, answer(200, GRANTED | NEWLY_PAIRED))
    async with Connected(settings(server.url), store, clock) as tokens:
        refreshing = asyncio.create_task(tokens.refreshed(ALICE, used))
        await server.arrived.wait()
        pairing = asyncio.create_task(tokens.exchange(ALICE, "code"))
        await asyncio.wait({pairing}, timeout=0.1)
        late.set()
        await asyncio.gather(refreshing, pairing)

        assert (await tokens.pairing(ALICE)).access_token == "newly-paired"
    assert store.kept[-1].access_token == "newly-paired"


async def test_a_new_pairing_that_is_being_kept_is_not_refreshed_away(
    server: ScriptedServer, clock: ManualClock
) -> None:
    store = SlowStore()
    used = store.pair(idPe="the wrong person")
    server.plays("/token", answer(200, GRANTED | NEWLY_PAIRED), answer(200, GRANTED))
    async with Connected(settings(server.url), store, clock) as tokens:
        pairing = asyncio.create_task(tokens.exchange(ALICE, "code"))
        await store.keeping.wait()
        refreshing = asyncio.create_task(tokens.refreshed(ALICE, used))
        await asyncio.wait({refreshing}, timeout=0.1)
        store.durable.set()
        await pairing

        assert (await refreshing).access_token == "newly-paired"
    assert store.kept[-1].access_token == "newly-paired"


class SlowStore(MemoryStore):
    """One whose disk takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.keeping, self.durable = asyncio.Event(), asyncio.Event()

    async def set_pairing(self, subject: SubjectId, destination: str, secret: bytes, /) -> None:
        self.keeping.set()
        await self.durable.wait()
        await super().set_pairing(subject, destination, secret)


# --- another address --------------------------------------------------------------------------


@pytest.mark.parametrize("moved", ["base_url", "token_url", "both"])
async def test_tokens_go_to_no_other_server_than_they_are_from_and_for(
    moved: str, server: ScriptedServer, tokens: MesTokens, store: MemoryStore, clock: ManualClock
) -> None:
    store.pair(expires_at=START)
    urls = {"base_url": f"{server.url}/other/fhir", "token_url": f"{server.url}/other/token"}
    elsewhere = urls if moved == "both" else {moved: urls[moved]}

    async with Connected(settings(server.url, **elsewhere), store, clock) as there:
        with pytest.raises(UplinkUnauthorised, match="pair them again"):
            await there.pairing(ALICE)
        revoked = await there.end(ALICE)

    assert (server.requests, revoked, store.secrets) == ([], False, {})


async def test_tokens_stay_good_where_the_same_service_moved_to(
    server: ScriptedServer, tokens: MesTokens, store: MemoryStore, clock: ManualClock
) -> None:
    living = store.pair()
    moved = {"base_url": f"{server.url}/v2/fhir", "formerly": [f"{server.url}/fhir"]}

    async with Connected(settings(server.url, **moved), store, clock) as there:
        assert await there.pairing(ALICE) == living


async def test_a_pairing_of_before_is_good_where_it_is_first_used(
    server: ScriptedServer, store: MemoryStore, clock: ManualClock
) -> None:
    store.pair()
    async with Connected(settings(server.url), store, clock) as there:
        await there.pairing(ALICE)

    elsewhere = settings(server.url, base_url=f"{server.url}/other/fhir")
    async with Connected(elsewhere, store, clock) as there:
        with pytest.raises(UplinkUnauthorised, match="pair them again"):
            await there.pairing(ALICE)
