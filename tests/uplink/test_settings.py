"""A destination's configuration is refused where it would leak, and says what to change."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.domain.reading import Kind
from gateway.errors import ConfigError
from gateway.uplink.settings import MesSettings
from tests.uplink.pairings import secret_file, settings


@pytest.mark.parametrize(
    "url",
    [
        "http://fhir.example/fhir",
        "http://192.168.1.2/fhir",
        "http://localhost.example/fhir",
        "ftp://fhir.example/",
        "https://user:word@fhir.example/",
        "https://:word@fhir.example/",
        "https://fhir.example/?a=b",
        "https://",
        "fhir.example",
    ],
)
@pytest.mark.parametrize("field", ["base_url", "token_url", "authorize_url"])
def test_readings_and_tokens_go_over_https_only(field: str, url: str) -> None:
    with pytest.raises(ValidationError):
        settings(**{field: url})


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:80"])
def test_plain_http_to_this_machine_needs_a_word(host: str) -> None:
    assert settings(base_url=f"http://{host}/fhir").base_url == f"http://{host}/fhir"
    with pytest.raises(ValidationError):
        settings(base_url=f"http://{host}/fhir", allow_loopback_http=False)


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret_file": Path("/run/secret")},
        {"certificate_file": Path("/etc/cert.pem")},
        {"key_file": Path("/etc/key.pem")},
        {"kinds": [Kind.INTERSTITIAL_GLUCOSE]},
        {"kinds": [Kind.OXYGEN_SATURATION], "profiles": "server"},
        {"solution_oid": "urn:oid:1.2"},
        {"id_token_header": "X-Id\r\nEvil"},
        {"content_type": "application/json\r\nEvil: 1"},
        {"client_id": ""},
        {"base_ulr": "https://fhir.example"},
    ],
)
def test_what_cannot_work_is_refused_at_start(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**change)


def test_an_error_of_configuration_does_not_repeat_the_secret() -> None:
    with pytest.raises(ValidationError) as raised:
        settings(client_secret="canary-secret", client_secret_file="/run/secret")

    assert "canary" not in str(raised.value)
    assert "canary" not in repr(settings(client_secret="canary-secret"))


def test_a_trailing_slash_makes_no_difference() -> None:
    assert settings(base_url="https://fhir.example/r4/").base_url == "https://fhir.example/r4"


def test_oxygen_saturation_is_sent_only_where_it_is_named() -> None:
    named = settings(kinds=[Kind.OXYGEN_SATURATION])

    assert Kind.OXYGEN_SATURATION not in settings().kinds
    assert named.kinds == {Kind.OXYGEN_SATURATION}


def unread(path: Path) -> MesSettings:
    return settings(client_secret=None, client_secret_file=path)


def test_a_secret_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        unread(tmp_path / "absent").read_client_secret()
    with pytest.raises(ConfigError, match="empty"):
        unread(secret_file(tmp_path, "\n")).read_client_secret()


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://Space.EXAMPLE:443/fhir/", "https://space.example/fhir"),
        ("https://space.example:8443/fhir", "https://space.example:8443/fhir"),
        ("https://space.example/Fhir", "https://space.example/Fhir"),
        ("https://[2001:DB8::1]/fhir", "https://[2001:db8::1]/fhir"),
    ],
)
def test_how_an_address_is_written_makes_no_other_of_it(written: str, address: str) -> None:
    assert settings(base_url=written).addresses == (address,)
