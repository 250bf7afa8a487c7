"""A pairing begins so that only we can end it, and says who the person is."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.errors import ConfigError, UplinkUnauthorised
from gateway.uplink.mes_mapping import PatientIdentifier
from gateway.uplink.mes_pairing import Pairing, authorization_request, patient_of
from tests.uplink.pairings import IDPE, OID, id_token, settings


def test_a_person_is_sent_to_pair_with_a_challenge_that_only_we_can_answer() -> None:
    request = authorization_request(settings(scope="openid mes"), "http://hub.local/paired")

    query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
    digest = hashlib.sha256(request.verifier.encode()).digest()
    assert query == {
        "response_type": "code",
        "client_id": "gateway",
        "redirect_uri": "http://hub.local/paired",
        "state": request.state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "scope": "openid mes",
    }
    assert 43 <= len(request.verifier) <= 128
    assert request.verifier not in repr(request)


def test_no_two_pairings_begin_alike() -> None:
    first, second = (authorization_request(settings(), "http://hub.local/") for _ in range(2))

    assert first.state != second.state
    assert first.verifier != second.verifier


def test_without_an_authorize_url_nobody_can_pair() -> None:
    with pytest.raises(ConfigError, match="authorize_url"):
        authorization_request(settings(authorize_url=None), "http://hub.local/")


def test_the_id_token_says_who_the_person_is() -> None:
    assert patient_of(id_token(), settings()) == PatientIdentifier(f"urn:oid:{OID}", IDPE)


@pytest.mark.parametrize("oid", ["1.2.3", "urn:oid:1.2.3"])
def test_a_claim_may_name_the_system(oid: str) -> None:
    config = settings(patient_system_claim="assigner")

    assert patient_of(id_token(assigner=oid), config).system == "urn:oid:1.2.3"


@pytest.mark.parametrize(
    ("token", "change"),
    [
        ("", {}),
        ("a.b", {}),
        ("a.!!!.c", {}),
        ("a.W10.c", {}),
        (id_token(idPe=""), {}),
        (id_token(), {"patient_claim": "sub"}),
        (id_token(), {"patient_system_claim": "assigner"}),
    ],
)
def test_an_id_token_that_does_not_say_so_needs_someone_to_act(
    token: str, change: dict[str, Any]
) -> None:
    with pytest.raises(UplinkUnauthorised):
        patient_of(token, settings(**change))


def test_a_pairing_never_shows_its_tokens() -> None:
    pairing = Pairing(access_token="canary-a", id_token="canary-i", refresh_token="canary-r")

    assert "canary" not in repr(pairing) + str(pairing)
