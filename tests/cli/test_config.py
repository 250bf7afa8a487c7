"""The configuration file: what is refused, and how it is said."""

from pathlib import Path

import pytest

from gateway.config import Config, find, load, parse
from gateway.errors import ConfigError

WHOLE = """\
[hub]
state = "/var/lib/healthspace-gateway"
zone = "Europe/Paris"

[ble]

[[hci]]
url = "usb:0"

[[ports]]
name = "counter-cuff"
path = "/dev/serial/by-id/usb-omron"
driver = "bp_monitor/omron_hbp"

[[destinations]]
name = "mes"
base_url = "https://health-space.example/fhir"
token_url = "https://health-space.example/token"
client_id = "gateway"
client_secret_file = "/etc/healthspace-gateway/secret"
id_token_header = "X-Id-Token"
solution_oid = "1.2.250.1.999.1"
"""


def test_an_empty_file_is_a_valid_configuration() -> None:
    assert parse("") == Config()


def test_a_whole_file_is_read() -> None:
    config = parse(WHOLE)

    assert config.ports[0].driver == "bp_monitor/omron_hbp"
    assert config.destinations[0].name == "mes"
    assert config.journal == Path("/var/lib/healthspace-gateway/journal.db")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            "[hub]\nzonee = 'Europe/Paris'\n",
            "gateway.toml:2: unknown key 'hub.zonee'; did you mean 'zone'?",
        ),
        ("[hubb]\n", "gateway.toml:1: unknown key 'hubb'; did you mean 'hub'?"),
        (
            "\n[hub]\nzone = 'Europe/Pari'\n",
            "gateway.toml:3: hub.zone: there is no time zone 'Europe/Pari';"
            " did you mean Europe/Paris?",
        ),
        ("[api]\nport = 70000\n", "gateway.toml:2: api.port"),
        (
            WHOLE.replace("driver =", "drivr ="),
            "gateway.toml:13: unknown key 'ports.0.drivr'; did you mean 'driver'?",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(wrong: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(wrong)

    assert said in str(refused.value)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse("[hub]\nzonee = 1\nstat = 2\n")

    assert len(str(refused.value).splitlines()) == 2


def test_a_secret_is_never_in_a_message() -> None:
    with pytest.raises(ConfigError) as refused:
        parse(WHOLE.replace("client_secret_file", "client_secret") + 'client_secret_file = "x"\n')

    assert "/etc/healthspace-gateway/secret" not in str(refused.value)


def test_broken_toml_names_the_place() -> None:
    with pytest.raises(ConfigError, match="line 2"):
        parse("[hub]\nzone = \n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.toml: cannot be read"):
        load(tmp_path / "gateway.toml")


def test_the_environment_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEALTHSPACE_GATEWAY_CONFIG", str(tmp_path / "other.toml"))

    assert find(None) == tmp_path / "other.toml"
    assert find(Path("given.toml")) == Path("given.toml")


MQTT = """
[[destinations]]
type = "mqtt"
name = "home"
gateway = "hub1"
host = "broker.example"
"""


MES = "[[destinations]]" + WHOLE.partition("[[destinations]]")[2]


def test_two_destinations_share_a_health_space_where_each_has_kinds_of_its_own() -> None:
    weights, heights = ('kinds = ["weight"]\n', 'kinds = ["height"]\n')

    config = parse(MES + weights + MES.replace('"mes"', '"again"') + heights)

    assert [each.name for each in config.destinations] == ["mes", "again"]


def test_a_destination_says_its_type_and_is_mes_without_one() -> None:
    config = parse(WHOLE + MQTT)

    assert [destination.type for destination in config.destinations] == ["mes", "mqtt"]


def table(kind: str, **keys: str) -> str:
    return "\n".join([f"[[{kind}]]", *(f'{key} = "{value}"' for key, value in keys.items()), ""])


CUFF = table("ports", name="cuff", path="/dev/ttyUSB0", driver="bp_monitor/omron_hbp")
READER = table("hid", name="reader", path="/dev/hidraw0", driver="glucose_meter/freestyle_libre")
DONGLE = table("hci", url="usb:0", bonds="/var/lib/bonds.json")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (CUFF + CUFF.replace("USB0", "USB1"), "ports: two devices have one name"),
        (CUFF + CUFF.replace("cuff", "other"), "ports: two devices are said to be behind one path"),
        (READER + READER.replace("hidraw0", "hidraw1"), "hid: two devices have one name"),
        (DONGLE + DONGLE.replace("bonds.", "more."), "hci: two controllers have one url"),
        (DONGLE + DONGLE.replace("usb:0", "usb:1"), "hci: two controllers keep their bonds in one"),
    ],
)
def test_two_devices_or_controllers_that_would_be_one_are_refused(wrong: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(wrong)

    assert said in str(refused.value)


def test_two_that_differ_are_taken() -> None:
    other = CUFF.replace("cuff", "other").replace("USB0", "USB1")
    config = parse(CUFF + other + READER.replace("reader", "cuff"))

    assert [each.device for each in config.cables] == ["serial:cuff", "serial:other", "hid:cuff"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (MQTT.replace("host", "hots"), "unknown key 'destinations.0.hots'; did you mean 'host'?"),
        (MQTT.replace("mqtt", "mqt"), "gateway.toml:2: destinations.0"),
        (MQTT + "tls = false\n", "only for a broker on this machine"),
        (MQTT.replace("hub1", "a/b"), "gateway.toml:5: destinations.0.gateway"),
        (MQTT + MQTT, "two destinations have one name"),
        (MQTT + MQTT.replace('"home"', '"chain"'), "same topics"),
        (MES + MES.replace('"mes"', '"again"').replace("example", "EXAMPLE"), "hold each twice"),
    ],
)
def test_a_mistake_in_a_destination_is_named(wrong: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(wrong)

    assert said in str(refused.value)
