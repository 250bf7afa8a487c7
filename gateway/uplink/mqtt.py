"""An MQTT broker as a destination: one message per reading, and a birth and a death around them.

    <prefix>/<gateway>/status        retained: birth when connected, death (also by will) when not
    <prefix>/<gateway>/readings      every reading, QoS 1, never retained
    <prefix>/<gateway>/revocations   retained: grants whose readings must not be used any more

What a receipt from here is worth: the broker's word that it has the message. A broker that
acknowledges from memory and dies has lost it. MQTT knows no way to ask afterwards, so the outbox
settles on that word; a destination that must not lose anything is behind a relay or is none of
MQTT. What MQTT does allow is done: no subscriber, no acknowledgement, a negative one or a broken
connection all mean that the reading is sent again, with the same `id`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from gateway import __version__
from gateway.clock import Clock
from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.correction import Wrong
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError, UplinkError, UplinkRejected, UplinkUnavailable
from gateway.uplink.api import Timer
from gateway.uplink.backoff import LASTS_S, Backoff
from gateway.uplink.broker_trust import check_files
from gateway.uplink.mqtt_client import LARGEST_BYTES, OVERHEAD_BYTES, MqttConnection
from gateway.uplink.mqtt_discovery import Topics, announcements, removals
from gateway.uplink.mqtt_message import ReadingMessage, pseudonym, reading_message, to_json
from gateway.uplink.mqtt_reasons import lost
from gateway.uplink.mqtt_session import Outgoing, Session
from gateway.uplink.mqtt_settings import MqttSettings


@dataclass(frozen=True, slots=True)
class Revoked:
    """Grants for one destination that were withdrawn, and people who have no other there."""

    grants: tuple[str, ...] = ()
    people: tuple[SubjectId, ...] = ()


@dataclass(slots=True)
class _Life:
    """One connection: from its birth message to its death."""

    connection: MqttConnection
    session: str
    seq: int = 0
    announced: set[str] = field(default_factory=set)
    """Topics of the sensors it has announced."""


class MqttUplink:
    """Publishes readings. Make it inside the running loop; `close` it.

    Making it raises ConfigError for a file that cannot be read. `revoked` tells what was withdrawn
    for this destination, whenever it is asked, or raises JournalError.
    """

    def __init__(
        self,
        settings: MqttSettings,
        clock: Clock,
        revoked: Callable[[], Revoked] = Revoked,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._revoked = revoked
        check_files(settings)
        self._key = settings.read_proof_key()
        self._root = f"{settings.prefix}/{settings.gateway}"
        self._opening = asyncio.Lock()
        self._life: _Life | None = None
        self.absence: str | None = None

    @property
    def name(self) -> str:
        """The destination's name in the configuration."""
        return self._settings.name

    async def send(self, released: Released, /) -> Receipt:
        """Publish; returns once the broker acknowledged. Raises as `Uplink.send` says."""
        kind = released.delivery.entry.reading.kind
        if released.delivery.destination != self.name or kind not in self._settings.kinds:
            raise UplinkRejected(
                "This reading was not meant for this destination: check the kinds in its "
                "configuration."
            )
        return await self._publish(released)

    async def correct(self, correction: ReleasedCorrection, /) -> Receipt:
        """Publish the reading again, marked as amended or entered in error. Raises as `send`."""
        return await self._publish(correction.released, correction.wrong)

    async def _publish(self, released: Released, wrong: Wrong | None = None) -> Receipt:
        life = await self._alive()
        now = self._clock.now().utc
        message = reading_message(released, life.session, now, self._key, wrong)
        await self._announce(life, message)
        life.seq += 1
        message = message.model_copy(update={"seq": life.seq})
        await life.connection.publish(
            Outgoing(
                self._topics.readings,
                to_json(message),
                expires_s=self._settings.message_expiry_s,
            )
        )
        return Receipt(self.name, f"{life.session}/{message.seq}", self._clock.now().utc)

    async def find(self, released: Released, /) -> Receipt | None:
        """Return None: a broker cannot be asked, and a repetition bears the same id."""
        return None

    async def stay_connected(self, timer: Timer) -> None:
        """Be seen by the broker from now on until cancelled: connect again whenever it is lost.

        At once where it lasted; else two gateways of one name would never let each other be.
        """
        backoff = Backoff(lambda: secrets.randbelow(1000) / 1000)
        while True:
            lasted_s = 0.0
            try:
                life = await self._alive()
                self.absence, began_s = None, self._clock.now().monotonic
                await life.connection.gone.wait()
                lasted_s = self._clock.now().monotonic - began_s
                why = life.connection.ended or lost()
            except UplinkError as error:
                why = error
            if lasted_s >= LASTS_S:
                backoff.answered()
                continue
            self.absence = str(why)
            await timer(asyncio.Event(), backoff.failed(self._clock.now().monotonic))

    async def withdrawn(self, _subject: SubjectId, /) -> None:
        """Tell the broker's clients, if it can be reached now, that this person withdrew.

        If not, they are told when it is next reached. Raises UplinkError.
        """
        life = await self._alive()
        try:
            await self._publish_revocations(life)
        except BaseException:
            life.connection.abort()  # the next one tells it before it tells any reading
            raise

    async def close(self) -> None:
        """Say that this gateway is gone, then disconnect."""
        life, self._life = self._life, None
        if life is None:
            return
        try:
            if not life.connection.gone.is_set():
                await life.connection.publish(self._status(life.session, online=False))
        except UplinkError:  # the will says it instead
            pass
        finally:
            await life.connection.close()

    @property
    def _topics(self) -> Topics:
        return Topics(
            discovery=self._settings.discovery_prefix or "",
            readings=f"{self._root}/readings",
            status=f"{self._root}/status",
        )

    async def _alive(self) -> _Life:
        async with self._opening:
            if self._life is None or self._life.connection.gone.is_set():
                self._life = await self._be_born()
            return self._life

    async def _be_born(self) -> _Life:
        session = secrets.token_hex(8)
        connection = await MqttConnection.open(
            self._settings,
            Session(
                client_id=f"hsg-{self._settings.gateway}-{self.name}",
                will=self._status(session, online=False),
            ),
        )
        life = _Life(connection, session)
        try:
            await connection.publish(self._status(session, online=True))
            await self._publish_revocations(life)
        except UplinkRejected as error:  # not what it is for: no reading is to blame
            connection.abort()
            raise UplinkUnavailable(
                "The broker does not take this gateway's birth or its list of revocations: let it "
                "take longer messages."
            ) from error
        except BaseException:
            connection.abort()
            raise
        return life

    async def _announce(self, life: _Life, message: ReadingMessage) -> None:
        """Announce the sensors of this message, once in a connection's life."""
        if self._settings.discovery_prefix is None:
            return
        for topic, payload in announcements(message, self._topics):
            if topic not in life.announced:
                await life.connection.publish(Outgoing(topic, payload, retain=True))
                life.announced.add(topic)

    async def _publish_revocations(self, life: _Life) -> None:
        try:
            revoked = self._revoked()
        except JournalError as error:
            raise UplinkUnavailable(
                f"What was withdrawn cannot be read: {error}; no reading is sent meanwhile."
            ) from error
        payload = orjson.dumps({"version": 1, "grants": sorted(revoked.grants)})
        topic = f"{self._root}/revocations"
        try:
            if len(payload) > LARGEST_BYTES - OVERHEAD_BYTES:
                raise UplinkUnavailable(
                    "More consents were withdrawn here than relays can be told of: report it."
                )
            await life.connection.publish(Outgoing(topic, payload, retain=True))
        except (UplinkRejected, UplinkUnavailable):
            # Rather none than the one of before: a relay without a list waits.
            await life.connection.publish(Outgoing(topic, b"", retain=True))
            raise
        if self._settings.discovery_prefix is None:
            return
        for person in revoked.people:
            for topic in removals(pseudonym(person, self.name), self._topics):
                life.announced.discard(topic)
                await life.connection.publish(Outgoing(topic, b"", retain=True))

    def _status(self, session: str, *, online: bool) -> Outgoing:
        payload = {
            "version": 1,
            "online": online,
            "session": session,
            "software": __version__,
        }
        return Outgoing(self._topics.status, orjson.dumps(payload), retain=True)
