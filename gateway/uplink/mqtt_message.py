"""A reading as an MQTT message: its JSON, and the proof of consent that travels with it.

The form is public: `docs/schemas/reading.v1.json` is made from `ReadingMessage`, and a test holds
the two together. Numbers keep the digits of the device.

The person is named by a pseudonym that differs from destination to destination: by the name alone
two of them cannot join what they hold. By a reading that both were sent they can.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime, WithJsonSchema

from gateway.consent.gate import Released
from gateway.consent.grant import ConsentText, Purpose
from gateway.domain.correction import Wrong
from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Limit, Measure
from gateway.domain.subject import SubjectId
from gateway.errors import UplinkRejected
from gateway.uplink.mes_device import eui64
from gateway.uplink.mes_mapping import encode, number

_RECENT = timedelta(minutes=10)
"""What was measured longer ago than this when it is sent tells of the past, not of now."""

_FORM = ConfigDict(frozen=True, extra="forbid")
Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]

_OF_A_RETRACTION = ("id", "session", "seq", "subject", "kind", "measured_at", "consent")


class Value(BaseModel):
    """One number; `unit` is a UCUM code, `original` what the device showed in another unit."""

    model_config = _FORM

    value: Number
    unit: Unit
    original: str | None = None


class MeasuredBy(BaseModel):
    """What measured. `eui64` identifies it and no other, where it has such a number."""

    model_config = _FORM

    family: str
    manufacturer: str | None = None
    model: str | None = None
    eui64: str | None = None
    stamp: NaiveDatetime | None = None
    """What the device's own clock said of the measurement, uncorrected."""
    utc_offset_s: int | None = None


class Consent(BaseModel):
    """The grant that let the reading go.

    `proof` is HMAC-SHA256, as hex, over the whole message without `session`, `seq` and `proof`,
    under a key shared with the receiver; see `docs/mqtt.md`.
    """

    model_config = _FORM

    grant: str
    purpose: Purpose
    kinds: list[Kind]
    given_at: AwareDatetime
    covers_from: AwareDatetime
    covers_until: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    text: ConsentText
    proof: str | None = None


class ReadingMessage(BaseModel):
    """One reading. The same `id` is the same reading, however often it comes."""

    model_config = _FORM | ConfigDict(title="A reading published by healthspace-gateway")

    version: Literal[1] = 1
    id: str
    session: str
    """Which connection of the gateway brought it, as its birth message says."""
    seq: int = Field(ge=1)
    """Counts the messages of the session: where one is missing, it comes again later."""
    subject: str
    """A pseudonym of the person, good for this destination only."""
    status: Literal["amended", "entered-in-error"] | None = None
    """Said when the same `id` was published before and was wrong: `amended` has another time, and
    what is `entered-in-error` was never this person's."""
    kind: Kind
    measured_at: AwareDatetime
    uncertainty_s: int | None = None
    """How far off `measured_at` may be, either way, at most."""
    historical: bool
    """Out of a memory, or late: it does not tell how things are now."""
    values: dict[Measure, Value]
    """Empty in what is `entered-in-error`: they are another person's, who need not consent."""
    limit: Limit | None = None
    """The device had no number: the value lies outside its range on this side."""
    flags: list[str] = []
    period_s: int | None = None
    """For a summary: the time it covers, ending at `measured_at`."""
    device: MeasuredBy
    consent: Consent


def pseudonym(subject: SubjectId, destination: str) -> str:
    """Return what stands for the person at this destination, and nowhere else."""
    text = f"{destination}\0{subject}"
    return hashlib.blake2s(text.encode(), digest_size=12, person=b"subject").hexdigest()


def reading_message(
    released: Released,
    session: str,
    now: datetime,
    key: bytes | None,
    wrong: Wrong | None = None,
) -> ReadingMessage:
    """Put a released reading into a message, the first of its session until it is numbered.

    `wrong` is what was wrong with it as published before, if it is a correction. With a key, its
    consent is proven.
    """
    entry, grant = released.delivery.entry, released.grant
    reading, device, doubt = entry.reading, entry.device, entry.timing.uncertainty
    told = reading.device_time
    offset = None if told is None else told.utc_offset
    message = ReadingMessage(
        id=entry.id,
        session=session,
        seq=1,
        subject=pseudonym(released.subject, released.delivery.destination),
        kind=reading.kind,
        measured_at=entry.timing.measured_at,
        uncertainty_s=None if doubt is None else math.ceil(doubt.total_seconds()),
        historical=not reading.live or now - entry.timing.measured_at > _RECENT,
        values={
            measure: Value(value=each.value, unit=each.unit, original=each.original)
            for measure, each in sorted(reading.values.items())
        },
        limit=reading.limit,
        flags=sorted(reading.flags),
        period_s=_seconds(reading.period),
        device=MeasuredBy(
            family=device.driver.partition("/")[0],
            manufacturer=device.manufacturer,
            model=device.model,
            eui64=_eui64(released),
            stamp=None if told is None else told.stamp,
            utc_offset_s=_seconds(offset),
        ),
        consent=Consent(
            grant=grant.id,
            purpose=grant.purpose,
            kinds=sorted(grant.kinds),
            given_at=grant.given_at,
            covers_from=grant.covers_from,
            covers_until=grant.covers_until,
            expires=grant.expires,
            text=grant.text,
        ),
    )
    if wrong is not None:
        message = _corrected(message, wrong)
    if key is None:
        return message
    proven = message.consent.model_copy(update={"proof": proof(message, key)})
    return message.model_copy(update={"consent": proven})


def _corrected(message: ReadingMessage, wrong: Wrong) -> ReadingMessage:
    """Mark a message as a correction; what was never this person's tells nothing but its id.

    It may not have arrived before, and whose it is need not consent to this destination.
    """
    if wrong is not Wrong.PERSON:
        return message.model_copy(update={"status": "amended", "historical": True})
    return ReadingMessage(
        status="entered-in-error",
        historical=True,
        values={},
        device=MeasuredBy(family=message.device.family),
        **{name: getattr(message, name) for name in _OF_A_RETRACTION},
    )


def proof(message: ReadingMessage, key: bytes) -> str:
    """Compute the proof of consent of a message, whatever proof it carries."""
    plain = _plain(message)
    for name in ("session", "seq"):
        del plain[name]
    plain["consent"].pop("proof", None)
    return hmac.new(key, encode(plain), hashlib.sha256).hexdigest()


def to_json(message: ReadingMessage) -> bytes:
    """Write a message as JSON in UTF-8, every digit kept, absent things absent."""
    return encode(_plain(message))


def from_json(payload: bytes) -> ReadingMessage:
    """Read a message, every digit kept. Raises UplinkRejected if it is none of this form."""
    try:
        return ReadingMessage.model_validate(json.loads(payload, parse_float=number))
    except (ValueError, RecursionError):  # what it quotes is a person's: no cause, no detail
        raise UplinkRejected("The message is no reading in the published form.") from None


def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of the message."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ReadingMessage.model_json_schema(),
    }


def _plain(message: ReadingMessage) -> dict[str, Any]:
    plain = message.model_dump(exclude_none=True)
    plain["values"] = {str(measure): value for measure, value in plain["values"].items()}
    return plain


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else round(span.total_seconds())


def _eui64(released: Released) -> str | None:
    try:
        return eui64(released.delivery.entry.device)
    except UplinkRejected:  # this destination does without
        return None
