"""The relay: takes consented readings from a broker and brings them to a FHIR server.

    $share/<group>/<prefix>/+/readings     each reading to one relay of the group
    <prefix>/+/revocations                 retained, to every relay
    <prefix>/<gateway>/waiting/<group>     readings that were put off, shared likewise
    <prefix>/<gateway>/undeliverable       what the destination will never take, for a person to see

It keeps nothing itself: a reading is the broker's until the destination has it, and only then
acknowledged, in the order they came as MQTT demands. A relay that is killed gets its unfinished
readings again under the same name, and the destination, where everything is created on condition,
holds each once. Without a gateway's list of revocations its readings wait, and the relay says so.

Acknowledged in order, one reading that waits would hold up all that came after it. So what waits
for a reason of its own for a minute is published again, at the end of a second line that comes over
a connection of its own, and from there again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import ExitStack

from gateway.clock import Clock
from gateway.consent.correction import ReleasedCorrection
from gateway.domain.correction import Wrong
from gateway.errors import UplinkError, UplinkRejected, UplinkUnauthorised, UplinkUnavailable
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
from gateway.uplink.relay_tour import Held, Line, Tour, name_of
from gateway.uplink.relayed import released, revoked_in

_PATIENCE_S = 60.0
"""How long a list of revocations may take to come before it is said that it is missing."""

_SECOND = "-waiting"
"""What the name of the connection ends with over which comes what was put off."""

_log = logging.getLogger(__name__)


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
        """Relay until a connection is lost; return how long all of them lasted, and why not.

        A broker gives no message of QoS 1 to who holds as many as they can, and readings are held
        for as long as their destination is away. What was withdrawn meanwhile has to be heard all
        the same, so it comes over a connection of its own.
        """
        prefix, group = self._settings.prefix, self._settings.group
        kept_s, tour = self._settings.session_kept_s, Tour()
        with ExitStack() as opened:
            lists = await self._open(opened, "-revocations", f"{prefix}/+/revocations", 0)
            lines = [
                await self._open(
                    opened, _SECOND, f"$share/{group}/{prefix}/+/waiting/{group}", kept_s
                ),
                await self._open(opened, "", f"$share/{group}/{prefix}/+/readings", kept_s),
            ]
            began_s = self._clock.now().monotonic
            self._tell(tour.how)
            try:
                async with asyncio.TaskGroup() as tasks:
                    for line in (lists, *lines):
                        tasks.create_task(_until_lost(line.connection))
                    tasks.create_task(self._learn(lists, tour))
                    for line in lines:
                        tasks.create_task(self._take(line, tour, timer, tasks))
            except* _Lost:
                pass
            lasted_s = self._clock.now().monotonic - began_s
            said = (line.connection.ended for line in (lists, *lines))
            return lasted_s, next((why for why in said if why is not None), lost())

    async def _open(self, opened: ExitStack, suffix: str, topics: str, kept_s: int) -> Line:
        arrived: asyncio.Queue[Incoming] = asyncio.Queue()
        name = f"hsg-relay-{self._settings.group}-{self._settings.name}{suffix}"
        session = Session(client_id=name, kept_s=kept_s, receive=arrived.put_nowait)
        connection = await MqttConnection.open(self._settings, session)
        opened.callback(connection.abort)
        await connection.subscribe(topics)
        return Line(connection, arrived, is_second=suffix == _SECOND)

    def _gateway(self, topic: str) -> str:
        """Return where the topics of the gateway begin that this is one of."""
        levels = self._settings.prefix.count("/") + 2
        return "/".join(topic.split("/")[:levels])

    async def _take(self, line: Line, tour: Tour, timer: Timer, tasks: asyncio.TaskGroup) -> None:
        while True:
            held = Held(await line.arrived.get(), self._clock.now().monotonic)
            line.held.append(held)
            tasks.create_task(self._bring(line, tour, held, timer))

    async def _learn(self, line: Line, tour: Tour) -> None:
        while True:
            message = await line.arrived.get()
            gateway = self._gateway(message.topic)
            revoked = revoked_in(message.payload)
            if revoked is None:
                tour.revoked.pop(gateway, None)
                tour.known[gateway].clear()
                _log.error("the list of revocations of %s cannot be read", name_of(gateway))
            else:
                tour.revoked[gateway] = revoked
                tour.known[gateway].set()
                if gateway in tour.missing:
                    tour.missing.discard(gateway)
                    self._tell(tour.how)
            line.connection.acknowledge(message)

    async def _bring(self, line: Line, tour: Tour, held: Held, timer: Timer) -> None:
        """Bring one reading there, or put it off; then let the broker forget it."""
        gateway = self._gateway(held.message.topic)
        backoff, in_vain, waited_s = Backoff(self._jitter), 0, 0.0
        while True:
            may_be_put_off = True
            try:
                if await self._once(line, tour, held.message, gateway, timer) or in_vain == len(
                    STEPS_S
                ):
                    break
                in_vain, may_be_put_off = in_vain + 1, False  # it would be counted anew
            except _Unlisted:
                waited_s = _PATIENCE_S
            except UplinkRejected as error:
                if await self._set_aside(line, held.message, gateway, error):
                    break
            except (UplinkUnavailable, UplinkUnauthorised) as error:
                _log.warning("a reading waits: %s", error)
                may_be_put_off = False  # it is so with all others
            except Exception as error:  # noqa: BLE001 - our bug must not stop the other readings
                _log.warning("a reading waits: %s", why_unknown(error))
            if (
                may_be_put_off
                and waited_s >= _PATIENCE_S
                and await self._put_off(line, held, gateway)
            ):
                break
            pause_s = backoff.failed(self._clock.now().monotonic)
            waited_s += pause_s
            await timer(asyncio.Event(), pause_s)
        held.finished = True
        while line.held and line.held[0].finished:
            line.connection.acknowledge(line.held.popleft().message)

    async def _once(
        self, line: Line, tour: Tour, message: Incoming, gateway: str, timer: Timer
    ) -> bool:
        """Check the consent as it is now, then send.

        Return False for a correction that finds nothing to correct: another relay may have the
        reading still. Raises _Unlisted while it is not known what its gateway revoked.
        """
        reading, name = from_json(message.payload), self._uplink.name
        going = released(reading, self._key, frozenset(), name, self._clock.now().utc)
        if going is not None:  # what goes nowhere anyway waits for no list
            revoked = await self._revoked(line, tour, gateway, timer)
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
        return bool(receipt.reference)

    async def _revoked(self, line: Line, tour: Tour, gateway: str, timer: Timer) -> frozenset[str]:
        """Return what the gateway has revoked. Raises _Unlisted if it takes long to be known."""
        if gateway not in tour.revoked and (line.is_second or gateway not in tour.missing):
            await timer(tour.known[gateway], _PATIENCE_S)
        if gateway not in tour.revoked:
            if gateway not in tour.missing:
                tour.missing.add(gateway)
                _log.warning("what %s revoked is not known: its readings wait", name_of(gateway))
                self._tell(tour.how)
            raise _Unlisted
        return tour.revoked[gateway]

    async def _set_aside(
        self, line: Line, message: Incoming, gateway: str, error: UplinkRejected
    ) -> bool:
        """Publish what will never be taken where a person looks; False if nobody does."""
        _log.error("a reading cannot be delivered: %s", error)
        try:
            await line.connection.publish(Outgoing(f"{gateway}/undeliverable", message.payload))
        except UplinkError:
            return False
        return True

    async def _put_off(self, line: Line, held: Held, gateway: str) -> bool:
        """Put a reading at the end of those that wait; False if the broker does not take it.

        It expires when it would have.
        """
        expires_s = held.message.expires_s
        if expires_s is not None:
            expires_s -= int(self._clock.now().monotonic - held.since_s)
            if expires_s < 1:
                _log.warning("a reading of %s expired while it waited", name_of(gateway))
                return True
        topic = f"{gateway}/waiting/{self._settings.group}"
        try:
            await line.connection.publish(
                Outgoing(topic, held.message.payload, expires_s=expires_s)
            )
        except UplinkError as error:
            _log.warning("a reading that waits holds up others: %s", error)
            return False
        return True


class _Unlisted(Exception):
    """What the reading's gateway revoked is not known for now."""


class _Lost(Exception):
    """A connection is over; whatever was under way ends."""


async def _until_lost(connection: MqttConnection) -> None:
    await connection.gone.wait()
    raise _Lost
