"""The stage of the demonstration with more people, a FHIR server, a broker and a subscriber."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.demo.cast import Cast, Owner, PortPlayer
from gateway.demo.stage import Stage
from gateway.uplink.mqtt_message import pseudonym
from tests.chaos.accounts import Held, Key, key_of_observation
from tests.chaos.plan import AWA, CLINIC, HOME, LUCIE, MARCEL, MES, ODILE, PAUL
from tests.uplink.brokers import Broker

_PATIENCE = {"connect_timeout_s": 2, "answer_timeout_s": 2}
"""Short, so that a server that hangs costs seconds."""
_CAST = Cast(
    scenario=str(Path(__file__).with_name("household.toml")),
    people=(ODILE, MARCEL, LUCIE, PAUL, AWA),
    consenting=frozenset(),
    ports=(
        # Their lines have minutes only: the same values again in the minute of a restart cannot be
        # told from a line said twice, so these two speak once a minute.
        PortPlayer(
            *("counter-cuff", "omron-hbp", "bp_monitor/omron_hbp", LUCIE),
            serial="CH-0001",
            interval_s=61,
        ),
        PortPlayer(
            *("counter-scale", "tanita", "scale/tanita", ODILE),
            interval_s=61,
            options=("--weight-only",),
        ),
    ),
    owners=(
        Owner("Cuff O", "bp_monitor/bluetooth_sig", ODILE),
        Owner("Sensor P", "cgm/bluetooth_sig", PAUL),
        Owner("Scale", "scale/bluetooth_sig", LUCIE, slot="1"),
        Owner("Scale", "scale/bluetooth_sig", MARCEL, slot="2"),
        Owner("Cuff A", "bp_monitor/bluetooth_sig", AWA),
    ),
    destination=_PATIENCE,
)
_BROKER = (
    *("listener {port} 127.0.0.1", "allow_anonymous true"),
    *("max_inflight_messages 0", "max_queued_messages 0"),
    *("persistence true", "autosave_on_changes true", "autosave_interval 1"),
)


class Subscriber:
    """Hears every reading of the broker, and comes back by itself after any outage."""

    def __init__(self, port: int) -> None:
        self.heard: Counter[str] = Counter()
        """How often each reading's `id` came."""
        self.after_revocation = 0
        """Readings that came for the first time under a grant already told to be revoked."""
        self._revoked: set[str] = set()
        self._lock = threading.Lock()
        client = Client(CallbackAPIVersion.VERSION2, "chaos", protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(min_delay=1, max_delay=1)
        client.on_connect = lambda *_: client.subscribe("healthspace/v1/#", qos=1)
        client.on_message = self._take
        kept = Properties(PacketTypes.CONNECT)
        kept.SessionExpiryInterval = 86400
        client.connect_async("127.0.0.1", port, clean_start=False, properties=kept)
        self._client = client

    def start(self) -> None:
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        what = message.topic.rpartition("/")[2]
        with self._lock:
            if what == "revocations":
                self._revoked = set(json.loads(message.payload)["grants"])
            elif what == "readings":
                reading = json.loads(message.payload)
                self.heard[reading["id"]] += 1
                if self.heard[reading["id"]] == 1 and reading["consent"]["grant"] in self._revoked:
                    self.after_revocation += 1

    def held(self) -> Held:
        with self._lock:
            keys: Counter[Key] = Counter({(each,): 1 for each in self.heard})
            return Held(keys, 0, self.after_revocation)


class World:
    """Everything there is, and what each destination says that it holds."""

    def __init__(self, stage: Stage, broker: Broker, subscriber: Subscriber) -> None:
        self.stage = stage
        self.broker = broker
        self.subscriber = subscriber
        self.withdrawn_bytes: Counter[str] = Counter()
        """Bytes about people after their withdrawal, by destination."""

    @property
    def names(self) -> dict[str, str]:
        return {subject: name for name, subject in self.stage.people.items()}

    def bytes_about(self, who: str, where: str) -> int:
        """Count what has reached a server about a person; 0 for the broker, which does not tell."""
        if where == MES:
            return self.stage.bytes_about(who)
        if where == CLINIC:
            mentions: Mapping[str, int] = self.stage.ask("/sandbox/generic")["mentions"]
            return mentions.get(pseudonym(_subject(self.stage.people[who]), CLINIC), 0)
        return 0

    def held(self, where: str) -> Held:
        if where == HOME:
            return self.subscriber.held()
        return self._at_the_clinic() if where == CLINIC else self._in_the_health_space()

    def _in_the_health_space(self) -> Held:
        accepted = self.stage.ask("/sandbox/accepted")["accepted"]
        keys = Counter(key_of_observation(each["person"], each["observation"]) for each in accepted)
        return Held(keys, sum(each["duplicate"] for each in accepted), self.withdrawn_bytes[MES])

    def _at_the_clinic(self) -> Held:
        there = self.stage.ask("/sandbox/generic")["observations"]
        patients = {
            pseudonym(_subject(subject), CLINIC): name for subject, name in self.names.items()
        }
        keys = Counter(
            key_of_observation(patients[each["patient"]], each["observation"]) for each in there
        )
        identifiers = Counter(str(each["observation"]["identifier"]) for each in there)
        repeated = identifiers.total() - len(identifiers)
        return Held(keys, repeated, self.withdrawn_bytes[CLINIC])


def _subject(subject: str) -> Any:
    return subject


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """Set everything up, without anybody's consent yet; the broker keeps what it holds on disk."""
    broker = Broker(folder, (*_BROKER, f"persistence_location {folder}/"))

    def more(space: Mapping[str, Any]) -> str:
        clinic = {
            "type": "fhir",
            "name": CLINIC,
            "base_url": f"{space['base_url']}/r4",
            "ca_file": space["ca"],
            "gateway": "hub1",
            "patient_system": "urn:chaos:patients",
        }
        home = {"type": "mqtt", "name": HOME, "gateway": "hub1", **broker.settings()}
        tables = [
            [f"{key} = {json.dumps(value)}" for key, value in (each | _PATIENCE).items()]
            for each in (clinic, home)
        ]
        return "\n".join(line for table in tables for line in ["[[destinations]]", *table, ""])

    broker.start()
    subscriber = Subscriber(broker.port)
    subscriber.start()
    try:
        with Stage(folder, _CAST, more) as stage:
            yield World(stage, broker, subscriber)
    finally:
        subscriber.stop()
        broker.kill()
