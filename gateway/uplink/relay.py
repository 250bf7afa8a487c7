"""The relay: takes consented readings from a broker and brings them to a FHIR server.

    $share/<group>/<prefix>/+/readings     each reading to one relay of the group
    <prefix>/+/revocations                 retained, to every relay
    <prefix>/<gateway>/undeliverable       what the destination will never take, for a person to see

It keeps nothing itself: a reading is the broker's until the destination has it, and only then
acknowledged, in the order they came as MQTT demands. A relay that is killed gets its unfinished
readings again under the same name, and the destination, where everything is created on condition,
holds each once. Without a gateway's list of revocations its readings wait, and the relay says so.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.consent.correction import ReleasedCorrection
from gateway.domain.correction import Wrong
from gateway.errors import UplinkError, UplinkRejected
from gateway.uplink.api import Correcting, Timer, Uplink
from gateway.uplink.backoff import LASTS_S, STEPS_S, Backoff
from gateway.uplink.broker_trust import check_files
from gateway.uplink.mqtt_client import MqttConnection
from gateway.uplink.mqtt_message import from_json
from gateway.uplink.mqtt_reasons import lost
from gateway.uplink.mqtt_session import Incoming, Outgoing, Session
from gateway.uplink.mqtt_settings import read_key
from gateway.uplink.outcomes import why_unknown
from gateway.uplink.relay_settings import RelaySettings
from gateway.uplink.relayed import released, revoked_in

_PATIENCE_S = 60.0
"""How long a list of revocations may take to come before it is said that it is missing."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """A reading that the broker still keeps."""

    message: Incoming
    finished: bool = False


@dataclass(slots=True)
class _Tour:
    """What comes while connected: readings in order, and what was withdrawn."""

    arrived: asyncio.Queue[Incoming] = field(default_factory=asyncio.Queue)
    lists: asyncio.Queue[Incoming] = field(default_factory=asyncio.Queue)
    held: deque[_Held] = field(default_factory=deque)
    revoked: dict[str, frozenset[str]] = field(default_factory=dict)
    """By the topic of their gateway."""
    known: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )
    """Set while what a gateway revoked is known."""
    missing: set[str] = field(default_factory=set)
    """Topics of gateways whose readings wait because it is not."""


class Relay:
    """One relay. `run` it in a task; any number may run side by side.

    `tell` is called with a sentence on how it is whenever that changes. Making it raises
    ConfigError for a file that cannot be read.
    """

    def __init__(
        self,
        settings: RelaySettings,
        uplink: Uplink,
        clock: Clock,
        *,
        jitter: Callable[[], float] = lambda: secrets.randbelow(1000) / 1000,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._uplink = uplink
        self._clock = clock
        self._jitter = jitter
        self._tell = tell
        check_files(settings)
        self._key = read_key(settings.proof_key_file)

    async def run(self, timer: Timer) -> None:
        """Relay until cancelled."""
        backoff = Backoff(self._jitter)
        while True:
            try:
                lasted_s, why = await self._tour(timer)
            except UplinkError as error:
                lasted_s, why = 0.0, error
            if lasted_s >= LASTS_S:
                backoff.answered()
                continue
            pause_s = backoff.failed(self._clock.now().monotonic)
            _log.warning("the broker is left alone for %.0f s: %s", pause_s, why)
            self._tell(str(why))
            await timer(asyncio.Event(), pause_s)

    async def _tour(self, timer: Timer) -> tuple[float, UplinkError]:
        """Relay until one of two connections is lost; return how long both lasted, and why not.

        A broker gives no message of QoS 1 to who holds as many as they can, and readings are held
        for as long as their destination is away. What was withdrawn meanwhile has to be heard all
        the same, so it comes over a connection of its own.
        """
        settings, tour = self._settings, _Tour()
        name = f"hsg-relay-{settings.group}-{settings.name}"
        lists = Session(client_id=f"{name}-revocations", receive=tour.lists.put_nowait)
        readings = Session(
            client_id=name, kept_s=settings.session_kept_s, receive=tour.arrived.put_nowait
        )
        with ExitStack() as opened:
            learning = await MqttConnection.open(settings, lists)
            opened.callback(learning.abort)
            await learning.subscribe(f"{settings.prefix}/+/revocations")
            connection = await MqttConnection.open(settings, readings)
            opened.callback(connection.abort)
            await connection.subscribe(f"$share/{settings.group}/{settings.prefix}/+/readings")
            began_s = self._clock.now().monotonic
            self._tell(_how(tour))
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_until_lost(learning))
                    group.create_task(_until_lost(connection))
                    group.create_task(self._learn(learning, tour))
                    group.create_task(self._take(connection, tour, timer, group))
            except* _Lost:
                pass
            lasted_s = self._clock.now().monotonic - began_s
            return lasted_s, learning.ended or connection.ended or lost()

    async def _take(
        self, connection: MqttConnection, tour: _Tour, timer: Timer, group: asyncio.TaskGroup
    ) -> None:
        while True:
            message = await tour.arrived.get()
            held = _Held(message)
            tour.held.append(held)
            gateway = message.topic.rpartition("/")[0]
            group.create_task(self._bring(connection, tour, held, gateway, timer))

    async def _learn(self, connection: MqttConnection, tour: _Tour) -> None:
        while True:
            message = await tour.lists.get()
            gateway = message.topic.rpartition("/")[0]
            revoked = revoked_in(message.payload)
            if revoked is None:
                tour.revoked.pop(gateway, None)
                tour.known[gateway].clear()
                _log.error("the list of revocations of %s cannot be read", _name(gateway))
            else:
                tour.revoked[gateway] = revoked
                tour.known[gateway].set()
                if gateway in tour.missing:
                    tour.missing.discard(gateway)
                    self._tell(_how(tour))
            connection.acknowledge(message)

    async def _bring(
        self, connection: MqttConnection, tour: _Tour, held: _Held, gateway: str, timer: Timer
    ) -> None:
        """Bring one reading there, however long it takes; then let the broker forget it."""
        backoff, in_vain = Backoff(self._jitter), 0
        while True:
            try:
                if await self._once(tour, held.message, gateway, timer) or in_vain == len(STEPS_S):
                    break
                in_vain += 1
            except UplinkRejected as error:
                if await self._set_aside(connection, held.message, gateway, error):
                    break
            except UplinkError as error:
                _log.warning("a reading waits: %s", error)
            except Exception as error:  # noqa: BLE001 - our bug must not stop the other readings
                _log.warning("a reading waits: %s", why_unknown(error))
            await timer(asyncio.Event(), backoff.failed(self._clock.now().monotonic))
        held.finished = True
        while tour.held and tour.held[0].finished:
            connection.acknowledge(tour.held.popleft().message)

    async def _once(self, tour: _Tour, message: Incoming, gateway: str, timer: Timer) -> bool:
        """Check the consent as it is now, then send.

        Return False for a retraction that finds nothing to retract: another relay may have the
        reading still.
        """
        reading, name = from_json(message.payload), self._uplink.name
        going = released(reading, self._key, frozenset(), name, self._clock.now().utc)
        if going is not None:  # what goes nowhere anyway waits for no list
            revoked = await self._revoked(tour, gateway, timer)
            going = released(reading, self._key, revoked, name, self._clock.now().utc)
        if going is None:
            _log.info("a reading is dropped: its person does not consent, or no longer")
            return True
        if reading.status is None:
            await self._uplink.send(going)
            return True
        if not isinstance(self._uplink, Correcting):
            raise UplinkRejected("This destination takes no corrections: make it there by hand.")
        wrong = Wrong.TIME if reading.status == "amended" else Wrong.PERSON
        receipt = await self._uplink.correct(ReleasedCorrection(0, wrong, None, going))
        return bool(receipt.reference) or wrong is Wrong.TIME

    async def _revoked(self, tour: _Tour, gateway: str, timer: Timer) -> frozenset[str]:
        """Return what the gateway has revoked, once that is known."""
        while gateway not in tour.revoked:
            await timer(tour.known[gateway], _PATIENCE_S)
            if gateway not in tour.revoked and gateway not in tour.missing:
                tour.missing.add(gateway)
                _log.warning("what %s revoked is not known: its readings wait", _name(gateway))
                self._tell(_how(tour))
        return tour.revoked[gateway]

    async def _set_aside(
        self, connection: MqttConnection, message: Incoming, gateway: str, error: UplinkRejected
    ) -> bool:
        """Publish what will never be taken where a person looks; False if nobody does."""
        _log.error("a reading cannot be delivered: %s", error)
        try:
            await connection.publish(Outgoing(f"{gateway}/undeliverable", message.payload))
        except UplinkError:
            return False
        return True


def _name(gateway: str) -> str:
    return gateway.rpartition("/")[2]


def _how(tour: _Tour) -> str:
    if not tour.missing:
        return "Relaying."
    names = ", ".join(sorted(map(_name, tour.missing)))
    return (
        f"The broker keeps no list of revocations of {names} that can be read: readings wait, and "
        "may hold up those of other gateways. 'doctor' says what to do."
    )


class _Lost(Exception):
    """A connection is over; whatever was under way ends."""


async def _until_lost(connection: MqttConnection) -> None:
    await connection.gone.wait()
    raise _Lost
