"""What `status` and `doctor` say of what is in trouble, to people in French and to scripts."""

import asyncio
import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import checks
from gateway.cli.speech import Speech
from gateway.client import Refused
from gateway.config import Config
from gateway.drivers.api import Reach
from gateway.drivers.registry import installed
from gateway.transport.hid import known_ids
from gateway.transport.usb_device import UsbDevice
from gateway.uplink.broker import BrokerSettings
from gateway.uplink.mqtt_client import MqttConnection
from gateway.uplink.mqtt_session import Outgoing, Session
from tests.uplink.brokers import Broker, a_broker, needs_mosquitto

CLINIC = {
    "name": "clinic",
    "base_url": "https://fhir.example",
    "gateway": "relay",
    "patient_system": "urn:example",
}
STATUS = {
    "version": "1.2.3",
    "running": True,
    "clock_trusted": True,
    "transports": [
        {"name": "ble", "state": "unavailable", "problem": "It is odd.", "reason": "powered_off"},
        {"name": "serial:cuff", "state": "unavailable", "problem": "Gone.", "reason": None},
    ],
    "destinations": [
        {
            "name": "mes",
            "state": "paused",
            "problem": "An unheard-of fault.",
            "reason": None,
            "held": None,
        }
    ],
    "fleet": {
        "name": "fleet",
        "state": "paused",
        "problem": "The broker of [fleet] cannot be told how this gateway is: Not authorized.",
    },
    "sessions": ["serial:scale"],
    "problems": {"ble:C0:FF:EE:00:00:01": "The link was lost."},
    "outcomes": {"ble:C0:FF:EE:00:00:01": "link"},
}


HOURS_AGO = datetime.now(UTC) - timedelta(hours=5, minutes=1)
DAYS_AGO = datetime.now(UTC) - timedelta(days=6, minutes=1)
MISSED = [
    {"device": "ble:C0:FF:EE:00:00:02", "since": HOURS_AGO.isoformat(), "usual_days": None},
    {"device": "ble:C0:FF:EE:00:00:03", "since": DAYS_AGO.isoformat(), "usual_days": 2},
]


class Daemon:
    def get(self, *path: str) -> Any:
        waits = {"destination": "mes", "state": "due", "may_have_arrived": False}
        tried = waits | {"reason": "The server cannot be reached.", "count": 2}
        outbox = [tried, waits | {"reason": None, "count": 1}]
        known = [
            {"id": "serial:scale", "adopted": False},
            {"id": "ble:C0:FF:EE:00:00:01", "adopted": True},
            {"id": "ble:C0:FF:EE:00:00:03", "adopted": False},
        ]
        answers = {"status": STATUS, "missed": MISSED, "outbox": outbox, "devices": known}
        return answers[path[0]]


def asked(
    *arguments: str,
    language: str = "fr",
    config: Config | None = None,
    titles: dict[str, str] | None = None,
    path: Path = Path("gateway.toml"),
    client: Daemon | None = None,
) -> str:
    app = typer.Typer()
    checks.add(app)
    obj = SimpleNamespace(
        client=client or Daemon(), t=Speech(language, titles=titles), config=config, path=path
    )
    return CliRunner().invoke(app, arguments, obj=obj).output.replace("\N{NO-BREAK SPACE}", " ")


def test_a_sentence_that_is_english_only_gives_way_to_advice_of_its_own_kind() -> None:
    told = asked("status").splitlines()

    assert told[0] == "En marche, version 1.2.3."
    assert told[1].startswith("ble : L'adaptateur Bluetooth est éteint")
    assert told[2].startswith("serial:cuff : Vérifiez que le câble")
    assert told[3].startswith("mes : Les mesures sont gardées ici")
    assert told[4].startswith("fleet : L'état de ce boîtier ne peut pas être dit au courtier MQTT")
    assert told[5].startswith("ble:C0:FF:EE:00:00:01 : La liaison s'est coupée.")
    assert told[6:] == [
        "En train de lire : serial:scale.",
        "Mesures : 3. Attend de partir vers mes",
    ]


class Silent(Daemon):
    def get(self, *path: str) -> Any:
        silent = "connecting to the device took longer than 20 s"
        answer = super().get(*path)
        return (
            answer | {"problems": {"ble:C0:FF:EE:00:00:01": silent}}
            if path[0] == "status"
            else answer
        )


def test_why_a_link_failed_is_told_with_what_to_do() -> None:
    told = asked("status", client=Silent()).splitlines()

    assert told[5].startswith(
        "ble:C0:FF:EE:00:00:01 : Pas de réponse en 20 s (connexion à l'appareil). "
        "La liaison s'est coupée. Rapprochez l'appareil du boîtier"
    )


def test_in_english_it_is_said_as_it_was() -> None:
    told = asked("status", language="en")

    assert "mes: An unheard-of fault.\n" in told
    assert "ble:C0:FF:EE:00:00:01: The link was lost. The link broke. Bring the device" in told
    assert "3 readings: Waits to leave for mes\n" in told


def test_the_doctor_names_a_file_that_the_configuration_names_and_nobody_made(
    tmp_path: Path,
) -> None:
    there = tmp_path / "ca.pem"
    there.touch()
    broker = {"host": "broker.example", "gateway": "hub1", "ca_file": there}
    config = Config.model_validate(
        {
            "hub": {"state": tmp_path},
            "destinations": [
                {"type": "mqtt", "name": "home", "password_file": tmp_path / "absent", **broker},
                {"type": "documents", "folder": tmp_path / "nowhere"},
            ],
            "fleet": {"certificate_file": there, "key_file": tmp_path, **broker},
        }
    )

    told = [
        each
        for each in asked("doctor", config=config).splitlines()
        if "file :" in each or "documents :" in each
    ]

    assert told == [
        f"À FAIRE  key_file : {tmp_path} : lecture impossible (c'est un dossier).",
        f"À FAIRE  password_file : {tmp_path}/absent : lecture impossible"
        " (fichier ou dossier introuvable).",
        f"À FAIRE  dossier des documents : {tmp_path}/nowhere n'est pas un dossier :"
        " créez-le pour l'utilisateur du service.",
    ]


def test_the_doctor_names_a_secret_that_everybody_on_the_machine_may_read(tmp_path: Path) -> None:
    ours, open_to_all, ca, file = (tmp_path / each for each in ("ours", "open", "ca", "toml"))
    for path, mode in ((ours, 0o640), (open_to_all, 0o644), (ca, 0o644), (file, 0o604)):
        path.touch()
        path.chmod(mode)
    there = {"host": "broker.example", "gateway": "hub1", "ca_file": ca}
    home = {"type": "mqtt", "name": "home", "password_file": open_to_all, **there}
    fleet = {"password_file": ours, "username": "hub1", **there}
    config = {"hub": {"state": tmp_path}, "destinations": [home], "fleet": fleet}
    with_word = config | {"fleet": {"password": "word", "username": "hub1", **there}}

    told = [
        [line for line in asked("doctor", config=each, path=file).splitlines() if "lire" in line]
        for each in map(Config.model_validate, (config, with_word))
    ]

    mend = "et changez le secret si quelqu'un a pu le lire."
    of_file = f"À FAIRE  password_file : d'autres peuvent lire {open_to_all} :"
    of_all = f"À FAIRE  configuration : d'autres peuvent lire {file} :"
    assert told == [
        [f"{of_file} lancez « chmod o= {open_to_all} », {mend}"],
        [
            f"{of_all} lancez « chmod o= {file} », {mend}",
            f"{of_file} lancez « chmod o= {open_to_all} », {mend}",
        ],
    ]


def test_the_doctor_looks_at_the_devices_on_usb_and_those_that_have_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "hidraw1"
    node.touch()
    asked_for: list[Collection[tuple[int, int]]] = []

    def there(known: Collection[tuple[int, int]]) -> list[UsbDevice]:
        asked_for.append(known)
        return [UsbDevice(str(node), (0x1A61, 0x3650), None, "1-1.3", "Reader", Reach.HID)]

    monkeypatch.setattr("gateway.transport.usb.hid_devices", there)
    reader = {"name": "reader", "driver": "cgm/freestyle_libre"}
    config = Config.model_validate(
        {"hub": {"state": tmp_path}, "usb": {}, "hid": [{"path": f"{tmp_path}/none", **reader}]}
    )

    told = asked("doctor", config=config)

    assert f"ok       USB 1a61:3650 : {node} peut être ouvert.\n" in told
    assert f"À FAIRE  appareil reader : {tmp_path}/none n'est pas là" in told
    assert asked_for == [known_ids(installed())]


def test_a_hub_that_does_not_know_the_time_is_told_with_what_to_do(tmp_path: Path) -> None:
    class Untimed(Daemon):
        def get(self, *path: str) -> Any:
            answer = super().get(*path)
            return {**answer, "clock_trusted": False} if path[0] == "status" else answer

    config = Config.model_validate({"hub": {"state": tmp_path}})

    told = [asked(each, config=config, client=Untimed()) for each in ("status", "doctor")]

    sentence = "heure : le boîtier ne connaît pas encore l'heure, et rien ne part d'ici là : reliez"
    assert f"\n{sentence}" in told[0]
    assert f"\nÀ FAIRE  {sentence}" in told[1]
    assert "ne connaît pas encore l'heure" not in asked("status")


def test_somebody_whose_readings_wait_alone_is_told_without_a_name(tmp_path: Path) -> None:
    class Shut(Daemon):
        def get(self, *path: str) -> Any:
            answer = super().get(*path)
            why = (
                "The token endpoint does not accept this gateway: check client_id, client_secret,"
                " client_auth and scope."
            )
            mes = {"name": "mes", "state": "open", "problem": None, "held": why}
            return {**answer, "destinations": [mes]} if path[0] == "status" else answer

    config = Config.model_validate({"hub": {"state": tmp_path}})

    told = [asked(each, config=config, client=Shut()) for each in ("status", "doctor")]

    assert "\nmes : ouverte.\nmes : Les mesures d'une personne " in told[0]
    assert "\nÀ FAIRE  mes : Les mesures d'une personne " in told[1]
    assert all("client_id, client_secret" in each for each in told)


def test_the_doctor_tells_what_has_stopped_coming(tmp_path: Path) -> None:
    config = Config.model_validate({"hub": {"state": tmp_path}})

    english, french = (
        asked("doctor", config=config, language=language) for language in ("en", "fr")
    )

    assert "ble:C0:FF:EE:00:00:02: nothing new for 5 hours: is the sensor in reach" in english
    assert "ble:C0:FF:EE:00:00:03: nothing new for 6 days (usually 2 at most): see to" in english
    assert "ble:C0:FF:EE:00:00:02 : rien de nouveau depuis 5 heures : le capteur est" in french
    assert "ble:C0:FF:EE:00:00:03 : rien de nouveau depuis 6 jours (d'habitude 2 au plus)" in french


def test_the_doctor_names_a_device_of_the_kiosk_that_nobody_adopted_on_this_hub(
    tmp_path: Path,
) -> None:
    named = [
        *("serial:scale", "c0:ff:ee:00:00:01", "C0:FF:EE:00:00:02"),
        "C0:FF:EE:00:00:03",  # disowned since
    ]
    told = {"hub": {"state": tmp_path}, "kiosk": {"devices": named}}

    doctor = asked("doctor", config=Config.model_validate(told))

    lines = [line for line in doctor.splitlines() if "n'est pas encore ajouté" in line]
    assert len(lines) == 2
    assert "C0:FF:EE:00:00:02" in lines[0]
    assert "C0:FF:EE:00:00:03" in lines[1]


def test_a_destination_is_called_as_on_the_screens() -> None:
    titles = {"mes": "Mon espace santé"}

    assert "Attend de partir vers Mon espace santé" in asked("status", titles=titles)
    assert "\nMon espace santé : " in asked("status", titles=titles)
    assert "Mon espace" not in asked("status", "--json", titles=titles)


def test_scripts_get_what_the_daemon_says() -> None:
    assert json.loads(asked("status", "--json")) == STATUS


@needs_mosquitto
def test_of_a_relay_the_doctor_asks_the_broker_whose_revocations_it_will_wait_for(
    tmp_path: Path,
) -> None:
    proof = tmp_path / "proof"
    proof.write_bytes(bytes(32))
    proof.chmod(0o600)

    def told(broker: Broker, *command: str) -> list[str]:
        relay = broker.settings(proof_key_file=proof, destination=CLINIC)
        return asked(*command, config=Config.model_validate({"relay": relay})).splitlines()

    with a_broker(tmp_path) as broker:
        nobody = told(broker, "doctor")
        asyncio.run(retain(broker, "healthspace/v1/hub2/status", b"{}"))
        missing = told(broker, "doctor")
        asyncio.run(retain(broker, "healthspace/v1/hub2/revocations", b'{"version":1,"grants":[]}'))
        well = told(broker, "doctor")
    away = told(broker, "doctor")

    assert nobody[1:] == [
        "ok       relay : boîtiers connus du courtier, chacun avec ses retraits : 0."
    ]
    assert len(missing) == 2
    assert missing[1].startswith("À FAIRE  relay : le courtier ne garde pas de liste lisible")
    assert "hub2" in missing[1]
    assert well[1:] == [
        "ok       relay : boîtiers connus du courtier, chacun avec ses retraits : 1."
    ]
    assert away[1].startswith("À FAIRE  relay : Le courtier MQTT est injoignable")


async def retain(broker: Broker, topic: str, payload: bytes) -> None:
    connection = await MqttConnection.open(BrokerSettings(**broker.settings()), Session("hub2"))
    await connection.publish(Outgoing(topic, payload, retain=True))
    await connection.close()


def test_the_doctor_names_a_destination_that_is_configured_no_more_and_waited_for(
    tmp_path: Path,
) -> None:
    renamed = {"type": "mqtt", "name": "home", "host": "broker.example", "gateway": "hub1"}
    config = {"hub": {"state": tmp_path}, "destinations": [renamed]}
    kept = {**config, "destinations": [{**renamed, "name": "mes"}]}

    told = [asked("doctor", config=Config.model_validate(each)) for each in (config, kept)]

    sentence = "mes : Mesures en attente pour mes, que la configuration ne nomme plus : 3."
    assert [sentence in each for each in told] == [True, False]


def test_the_doctor_says_what_to_do_also_where_there_is_no_journal_yet(tmp_path: Path) -> None:
    class Before(Daemon):
        def get(self, *path: str) -> Any:
            if path == ("outbox",):
                raise Refused("There is no journal yet.")
            return {"running": False}

    config = Config.model_validate({"hub": {"state": tmp_path}})

    told = asked("doctor", config=config, client=Before())

    assert "À FAIRE  service : Le service est arrêté" in told
    assert "journal :" not in told


@pytest.mark.parametrize("what", ["file", "credential", "passphrase"])
def test_the_doctor_says_why_the_journal_cannot_be_read(what: str, tmp_path: Path) -> None:
    """Unless its key is not for a command to have."""
    folder = tmp_path / "keys"

    class Locked(Daemon):
        def get(self, *path: str) -> Any:
            if path == ("outbox",):
                raise Refused(
                    f"there is no key for the journal in {folder}: put back hub.key, which was"
                    " made with it"
                )
            return {"running": False}

    config = Config.model_validate({"hub": {"state": tmp_path}})
    config.journal.touch()
    if what != "credential":
        folder.mkdir()
    if what == "passphrase":
        (folder / "passphrase.salt").touch()

    told = asked("doctor", config=config, client=Locked())

    sentence = "À FAIRE  journal : il n'y a pas de clé pour le journal dans"
    assert (sentence in told) == (what == "file")
