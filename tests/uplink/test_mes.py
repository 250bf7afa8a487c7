"""Sending to and searching in a server that behaves well, badly, and not at all."""

import asyncio
import json
import logging
import socket
import ssl
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tenacity.wait import wait_none

from gateway.domain.reading import Kind
from gateway.errors import (
    ConfigError,
    OutcomeUnknown,
    PairingOver,
    UplinkError,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.testing.clock import START, ManualClock
from gateway.uplink.http_client import MAX_ANSWER_BYTES
from gateway.uplink.mes import MesUplink
from gateway.uplink.mes_mapping import PatientIdentifier, encode, to_bundle
from tests.uplink.pairings import IDPE, OID, MemoryStore, id_token, settings
from tests.uplink.samples import ALICE, BOB, MEASURED, entry, released
from tests.uplink.scripted_server import (
    Action,
    ScriptedServer,
    answer,
    raw,
    reset,
    scripted_server,
    searchset,
    silence,
    truncated,
)

ACCEPTED = {
    "resourceType": "Bundle",
    "type": "transaction-response",
    "entry": [
        {"response": {"status": "201 Created", "location": "Observation/77"}},
        {"response": {"status": "200 OK", "location": "Device/5"}},
    ],
}
TOKENS = {
    "access_token": "access-2",
    "token_type": "Bearer",
    "refresh_token": "refresh-2",
    "expires_in": 300,
}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as scripted:
        scripted.plays("/token", answer(200, TOKENS))
        yield scripted


@pytest.fixture
def store() -> MemoryStore:
    paired = MemoryStore()
    paired.pair()
    return paired


@asynccontextmanager
async def uplink_to(url: str, store: MemoryStore, **change: Any) -> AsyncIterator[MesUplink]:
    uplink = MesUplink(settings(url, **change), store, ManualClock(), wait=wait_none())
    try:
        yield uplink
    finally:
        await uplink.close()


@pytest.fixture
async def uplink(server: ScriptedServer, store: MemoryStore) -> AsyncIterator[MesUplink]:
    async with uplink_to(server.url, store) as connected:
        yield connected


def outcome(code: str, diagnostics: str) -> dict[str, Any]:
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


# --- sending ----------------------------------------------------------------------------------


async def test_a_taken_reading_gives_a_receipt(server: ScriptedServer, uplink: MesUplink) -> None:
    server.plays("/fhir", answer(200, ACCEPTED))

    receipt = await uplink.send(released())

    assert (receipt.destination, receipt.reference, receipt.at) == ("mes", "Observation/77", START)
    assert not receipt.found


async def test_the_request_carries_both_tokens_and_the_bundle(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir", answer(200, ACCEPTED))

    await uplink.send(released())

    (request,) = server.to("/fhir")
    assert request.method == "POST"
    assert request.headers["authorization"] == "Bearer access-1"
    assert request.headers["x-id-token"] == id_token()
    assert request.headers["content-type"] == "application/fhir+json"
    patient = PatientIdentifier(f"urn:oid:{OID}", IDPE)
    assert request.body == encode(to_bundle(entry(), patient, settings().dialect))


async def test_no_cookie_of_one_person_is_sent_for_another(
    server: ScriptedServer, uplink: MesUplink, store: MemoryStore
) -> None:
    store.pair(BOB)
    server.plays("/fhir", answer(200, ACCEPTED, Set_Cookie="session=alice"))

    await uplink.send(released())
    await uplink.send(released(entry(subject=BOB)))

    assert all("cookie" not in request.headers for request in server.requests)


ERRORS: list[tuple[Action, type[UplinkError]]] = [
    (answer(400, outcome("security", "id_token")), UplinkRejected),
    (answer(401), PairingOver),
    (answer(403, outcome("forbidden", "Consent not given, access refused.")), UplinkRefused),
    (
        answer(403, outcome("forbidden", f"idPe {IDPE} is not that of the token")),
        PairingOver,
    ),
    (answer(409, outcome("conflict", OID)), UplinkUnauthorised),
    (answer(422, outcome("invalid", "71.300 kg")), UplinkRejected),
    (answer(429, Retry_After="7"), UplinkUnavailable),
    (answer(503, Retry_After="7"), UplinkUnavailable),
    (answer(503), OutcomeUnknown),
    (answer(500), OutcomeUnknown),
    (answer(302, Location="/elsewhere"), UplinkUnavailable),
    (answer(200, b"<html>welcome</html>"), OutcomeUnknown),
    (answer(200), OutcomeUnknown),
    (answer(200, b" " * (MAX_ANSWER_BYTES + 1)), OutcomeUnknown),
    (truncated(b'{"resourceType": "Bundle"'), OutcomeUnknown),
    (raw(b"\x00\x01 no HTTP at all\r\n\r\n"), OutcomeUnknown),
    (raw(b""), OutcomeUnknown),
    (reset, OutcomeUnknown),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
async def test_every_trouble_is_the_error_that_says_who_must_act(
    number: int, server: ScriptedServer, uplink: MesUplink
) -> None:
    action, kind = ERRORS[number]
    server.plays("/fhir", action)

    with pytest.raises(kind) as raised:
        await uplink.send(released())

    assert type(raised.value) is kind
    assert str(raised.value).count(".") <= 2


async def test_silence_is_an_unknown_outcome(server: ScriptedServer, store: MemoryStore) -> None:
    server.plays("/fhir", silence)

    async with uplink_to(server.url, store, answer_timeout_s=0.05) as uplink:
        with pytest.raises(OutcomeUnknown, match="in time"):
            await uplink.send(released())


async def test_a_wait_the_server_asks_for_is_passed_on(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir", answer(503, Retry_After="7"))

    with pytest.raises(UplinkUnavailable) as raised:
        await uplink.send(released())

    assert raised.value.retry_after == timedelta(seconds=7)


async def test_a_redirect_is_not_followed(server: ScriptedServer, uplink: MesUplink) -> None:
    server.plays("/fhir", answer(307, Location="/elsewhere"))
    server.plays("/elsewhere", answer(200, ACCEPTED))

    with pytest.raises(UplinkUnavailable, match="redirect"):
        await uplink.send(released())

    assert server.to("/elsewhere") == []


@pytest.mark.parametrize("status", [400, 401])
async def test_tokens_not_accepted_are_refreshed_once_and_the_reading_sent(
    status: int, server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir", answer(status), answer(200, ACCEPTED))

    receipt = await uplink.send(released())

    assert receipt.reference == "Observation/77"
    used = [request.headers["authorization"] for request in server.to("/fhir")]
    assert used == ["Bearer access-1", "Bearer access-2"]


@pytest.mark.parametrize("status", [400, 401])
async def test_tokens_are_refreshed_no_more_than_once(
    status: int, server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir", answer(status))

    with pytest.raises(UplinkError):
        await uplink.send(released())

    assert len(server.to("/token")) == 1
    assert len(server.to("/fhir")) == 2


@pytest.mark.parametrize(
    ("until", "error"),
    [(START, UplinkUnauthorised), (START + timedelta(seconds=1), UplinkRejected)],
)
async def test_an_id_token_that_is_over_and_not_renewed_parks_no_reading(
    until: datetime,
    error: type[UplinkError],
    server: ScriptedServer,
    store: MemoryStore,
    uplink: MesUplink,
) -> None:
    """A refresh need not bring a new one (OpenID Connect Core section 12.2)."""
    store.pair(exp=until.timestamp())
    server.plays("/fhir", answer(400, outcome("security", "id_token")))
    server.plays("/token", answer(200, {"access_token": "access-2", "token_type": "bearer"}))

    with pytest.raises(error):
        await uplink.send(released())


async def test_what_is_taken_is_taken_though_the_id_token_is_over(
    server: ScriptedServer, store: MemoryStore, uplink: MesUplink
) -> None:
    """A clock is wrong somewhere: to say that it was not taken would send it twice."""
    store.pair(exp=START.timestamp())
    server.plays("/fhir", answer(401), answer(200, ACCEPTED))
    server.plays("/token", answer(200, {"access_token": "access-2", "token_type": "bearer"}))

    receipt = await uplink.send(released())

    assert receipt.reference == "Observation/77"


async def test_nothing_is_sent_for_a_person_who_is_not_paired(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    with pytest.raises(UplinkUnauthorised, match="not paired"):
        await uplink.send(released(entry(subject=BOB)))

    assert server.requests == []


@pytest.mark.parametrize(
    "stray", [released(destination="elsewhere"), released(entry(Kind.OXYGEN_SATURATION))]
)
async def test_nothing_is_sent_that_was_not_meant_for_here(
    stray: Any, server: ScriptedServer, uplink: MesUplink
) -> None:
    with pytest.raises(UplinkRejected, match="not meant"):
        await uplink.send(stray)

    assert server.requests == []


# --- no connection ----------------------------------------------------------------------------


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_a_refused_connection_says_that_nothing_left(store: MemoryStore) -> None:
    async with uplink_to(f"http://127.0.0.1:{closed_port()}", store) as uplink:
        with pytest.raises(UplinkUnavailable, match="cannot be reached"):
            await uplink.send(released())


async def test_a_server_that_speaks_no_tls_is_unavailable(store: MemoryStore) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, uplink_to(f"https://127.0.0.1:{port}", store) as uplink:
        with pytest.raises(UplinkUnavailable, match="encrypted"):
            await uplink.send(released())


async def test_a_connection_is_tried_again_for_a_moment(store: MemoryStore) -> None:
    attempts: list[int] = []

    class Counting(wait_none):
        def __call__(self, retry_state: Any) -> float:
            attempts.append(retry_state.attempt_number)
            return 0

    config = settings(f"http://127.0.0.1:{closed_port()}")
    uplink = MesUplink(config, store, ManualClock(), wait=Counting())
    with pytest.raises(UplinkUnavailable):
        await uplink.send(released())
    await uplink.close()

    assert attempts == [1, 2, 3]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path


async def test_only_a_certificate_that_ca_file_vouches_for_is_trusted(
    certificate: Path, store: MemoryStore
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    async with scripted_server(tls) as server:
        server.plays("/fhir", answer(200, ACCEPTED))
        async with uplink_to(server.url, store, ca_file=certificate / "cert.pem") as uplink:
            receipt = await uplink.send(released())
        async with uplink_to(server.url, store) as distrusting:
            with pytest.raises(UplinkUnavailable, match="not trusted"):
                await distrusting.send(released())

    assert receipt.reference == "Observation/77"
    assert len(server.requests) == 1


async def test_a_server_that_asks_for_a_certificate_is_shown_the_gateways(
    certificate: Path, store: MemoryStore
) -> None:
    ours = certificate / "cert.pem"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(ours, certificate / "key.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(ours)
    shown = {"certificate_file": ours, "key_file": certificate / "key.pem"}
    async with scripted_server(tls) as server:
        server.plays("/fhir", answer(200, ACCEPTED))
        async with uplink_to(server.url, store, ca_file=ours, **shown) as uplink:
            receipt = await uplink.send(released())
        async with uplink_to(server.url, store, ca_file=ours) as nameless:
            with pytest.raises((UplinkUnavailable, OutcomeUnknown)):
                await nameless.send(released())

    assert receipt.reference == "Observation/77"
    assert len(server.requests) == 1


async def test_a_ca_file_that_is_none_is_the_operators_to_change(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")

    with pytest.raises(ConfigError, match="ca_file"):
        MesUplink(settings(ca_file=tmp_path / "ca.pem"), MemoryStore(), ManualClock())


# --- searching --------------------------------------------------------------------------------


def stored() -> tuple[dict[str, Any], dict[str, Any]]:
    """What a server holds after it took `entry()`."""
    patient = PatientIdentifier(f"urn:oid:{OID}", IDPE)
    bundle = json.loads(encode(to_bundle(entry(), patient, settings().dialect)))
    observation, device = (item["resource"] for item in bundle["entry"])
    observation |= {"id": "77", "device": {"reference": "Device/5"}}
    return observation, device | {"id": "5"}


async def test_a_reading_that_is_there_is_found(server: ScriptedServer, uplink: MesUplink) -> None:
    server.plays("/fhir/Observation", answer(200, searchset(*stored())))

    receipt = await uplink.find(released())

    assert receipt is not None
    assert (receipt.reference, receipt.found) == ("Observation/77", True)


async def test_the_search_asks_for_this_person_code_and_second(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir/Observation", answer(200, searchset()))

    assert await uplink.find(released()) is None
    (request,) = server.to("/fhir/Observation")
    assert request.query == [
        ("subject.identifier", f"urn:oid:{OID}|{IDPE}"),
        ("code", "29463-7"),
        ("date", "ge2026-03-02T07:41:04+01:00"),
        ("date", "le2026-03-02T07:41:06+01:00"),
        ("_include", "Observation:device"),
        ("_count", "100"),
    ]
    assert "+" not in request.target


async def test_a_reading_sent_and_lost_in_doubt_is_not_sent_twice(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir", reset)
    server.plays("/fhir/Observation", answer(200, searchset(*stored())))

    with pytest.raises(OutcomeUnknown):
        await uplink.send(released())
    receipt = await uplink.find(released())

    assert receipt is not None
    assert len(server.to("/fhir")) == 1


async def test_a_reading_sent_with_a_former_time_is_found_there(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir/Observation", answer(200, searchset()), answer(200, searchset(*stored())))
    late = entry(measured_at=entry().timing.measured_at + timedelta(hours=1))
    in_doubt = replace(entry(), timing=late.timing)

    receipt = await uplink.find(released(in_doubt, unsettled=True, earlier=(entry().timing,)))

    assert receipt is not None
    assert (receipt.reference, receipt.found_at) == ("Observation/77", entry().timing)
    asked = [request.query[2] for request in server.to("/fhir/Observation")]
    assert asked == [
        ("date", "ge2026-03-02T08:41:04+01:00"),
        ("date", "ge2026-03-02T07:41:04+01:00"),
    ]


async def test_further_pages_are_followed(server: ScriptedServer, uplink: MesUplink) -> None:
    link = [{"relation": "next", "url": f"{server.url}/fhir/page2?_offset=1"}]
    other = stored()[0] | {"id": "76", "status": "entered-in-error"}
    server.plays("/fhir/Observation", answer(200, searchset(other, link=link)))
    server.plays("/fhir/page2", answer(200, searchset(*stored())))

    receipt = await uplink.find(released())

    assert receipt is not None
    assert receipt.reference == "Observation/77"


async def test_what_is_on_no_page_of_a_whole_answer_is_not_there(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    link = [{"relation": "next", "url": f"{server.url}/fhir/page2?_offset=1"}]
    others = [stored()[0] | {"id": number, "status": "cancelled"} for number in ("76", "77")]
    server.plays("/fhir/Observation", answer(200, searchset(others[0], total=2, link=link)))
    server.plays("/fhir/page2", answer(200, searchset(others[1], stored()[1], total=2)))

    assert await uplink.find(released()) is None


async def test_no_token_follows_a_page_to_another_server(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    async with scripted_server() as other:
        link = [{"relation": "next", "url": f"{other.url}/fhir/page2"}]
        server.plays("/fhir/Observation", answer(200, searchset(link=link)))

        with pytest.raises(OutcomeUnknown, match="another server"):
            await uplink.find(released())

    assert other.requests == []


async def test_no_token_follows_a_page_to_another_scheme(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    link = [{"relation": "next", "url": f"{server.url.replace('http', 'https')}/fhir/page2"}]
    server.plays("/fhir/Observation", answer(200, searchset(link=link)))

    with pytest.raises(OutcomeUnknown, match="another server"):
        await uplink.find(released())


@pytest.mark.parametrize(
    "page",
    [searchset(total=3), searchset(link=[{"relation": "next", "url": "/fhir/Observation"}])],
)
async def test_an_answer_that_never_ends_or_lacks_a_part_settles_nothing(
    page: dict[str, Any], server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir/Observation", answer(200, page))

    with pytest.raises(OutcomeUnknown, match="part"):
        await uplink.find(released())


@pytest.mark.parametrize(
    "action",
    [
        reset,
        answer(400),
        answer(404),
        answer(422, outcome("not-supported", "Observation")),
        answer(500),
        answer(200, b"<html>"),
        answer(200, {"resourceType": "Bundle", "type": "collection"}),
        truncated(b"{"),
    ],
)
async def test_a_search_that_fails_settles_nothing_and_holds_up_nobody_else(
    action: Action, server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir/Observation", action)

    with pytest.raises(OutcomeUnknown):
        await uplink.find(released())


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (answer(401), PairingOver),
        (answer(403, outcome("forbidden", "Consent not given")), UplinkRefused),
        (answer(503, Retry_After="7"), UplinkUnavailable),
    ],
)
async def test_a_search_can_say_what_concerns_more_than_itself(
    action: Action, kind: type[UplinkError], server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir/Observation", action)

    with pytest.raises(kind):
        await uplink.find(released())


async def test_a_search_refreshes_tokens_as_sending_does(
    server: ScriptedServer, uplink: MesUplink
) -> None:
    server.plays("/fhir/Observation", answer(401), answer(200, searchset()))

    assert await uplink.find(released()) is None
    assert len(server.to("/token")) == 1


# --- privacy ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(ERRORS)))
async def test_no_error_and_no_log_line_repeats_a_value_an_identifier_or_a_token(
    number: int,
    server: ScriptedServer,
    uplink: MesUplink,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    action, _ = ERRORS[number]
    server.plays("/fhir", action)
    server.plays("/fhir/Observation", action)
    canaries = ["71.3", IDPE, id_token(), "access-", "refresh-", "canary", ALICE, "07:41"]

    texts = []
    for ask in (uplink.send, uplink.find):
        with pytest.raises(UplinkError) as raised:
            await ask(released())
        texts += traceback.format_exception(raised.value, chain=True)
        logging.getLogger("gateway").error("trouble", exc_info=raised.value)

    said = caplog.text + "".join(texts)
    assert [canary for canary in canaries if canary in said] == []


async def test_a_timeout_while_searching_does_not_repeat_its_query(
    store: MemoryStore,
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            url = f"https://127.0.0.1:{port}"
            async with uplink_to(url, store, connect_timeout_s=0.05) as uplink:
                with pytest.raises(UplinkUnavailable) as raised:
                    await uplink.find(released())

    assert IDPE not in "".join(traceback.format_exception(raised.value))
    assert MEASURED.isoformat()[:10] not in "".join(traceback.format_exception(raised.value))
