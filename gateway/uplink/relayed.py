"""A published reading as a delivery again, after its consent was checked. Pure.

The gate decides here as it does on a hub, on the grant that the message carries; that the grant is
genuine, the proof says, and that it still lives, the retained lists of revocations.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Set
from datetime import datetime, timedelta
from functools import partial

from gateway.clock import Instant
from gateway.consent.gate import Delivery, Released, Withheld, decide, decide_retraction
from gateway.consent.grant import Grant
from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import Correction, Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.quantity import Quantity
from gateway.domain.reading import DeviceTime, Reading
from gateway.domain.subject import Attribution, SubjectId
from gateway.errors import UplinkRejected
from gateway.uplink.mqtt_message import ReadingMessage, proof


def released(
    message: ReadingMessage, key: bytes, revoked: Set[str], destination: str, now: datetime
) -> Released | None:
    """Let the reading go on, or return None: its person withdrew, or never consented to it.

    Raises UplinkRejected if nothing proves that the grant is genuine, or no such reading can be.
    """
    if not _is_proven(message, key):
        raise UplinkRejected(
            "Nothing proves the consent of this reading: check that gateway and relay have the "
            "same proof_key_file."
        )
    if message.consent.grant in revoked:
        return None
    grant = _grant(message, destination)
    is_wrong = message.status == "entered-in-error"
    rule = decide_retraction if is_wrong else partial(decide, certain=True)
    try:
        entry = _entry(message)
    except (OverflowError, ValueError):
        raise UplinkRejected("The message tells of a time that cannot be.") from None
    decision = rule(Delivery(entry, destination, 1, unsettled=False), (grant,), now)
    return None if isinstance(decision, Withheld) else decision


def revoked_in(payload: bytes) -> frozenset[str] | None:
    """Read a gateway's list of revocations; None if it is none of the published form."""
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("version") != 1:
        return None
    grants = told.get("grants")
    if not isinstance(grants, list) or not all(isinstance(each, str) for each in grants):
        return None
    return frozenset(grants)


def _is_proven(message: ReadingMessage, key: bytes) -> bool:
    """Tell whether the proof is right; whoever may publish may have written anything as one."""
    claimed = message.consent.proof or ""
    try:
        return hmac.compare_digest(claimed.encode(), proof(message, key).encode())
    except (TypeError, ValueError):  # what cannot be written was never proven
        return False


def _grant(message: ReadingMessage, destination: str) -> Grant:
    consent = message.consent
    return Grant(
        id=consent.grant,
        subject=SubjectId(message.subject),
        destination=destination,
        kinds=frozenset(consent.kinds),
        purpose=consent.purpose,
        given_at=consent.given_at,
        covers_from=consent.covers_from,
        covers_until=consent.covers_until,
        expires=consent.expires,
        given_by=message.subject,
        text=consent.text,
    )


def _entry(message: ReadingMessage) -> Entry:
    said = message.device
    device = Device(
        id=DeviceId(f"relayed:{said.eui64}"),
        driver=f"{said.family}/relayed",
        manufacturer=said.manufacturer,
        model=said.model,
        system_id=said.eui64,
    )
    reading = Reading(
        device=device.id,
        kind=message.kind,
        values={
            measure: Quantity(value=each.value, unit=each.unit, original=each.original)
            for measure, each in message.values.items()
        },
        received=Instant(message.measured_at, 0.0, "relayed"),
        device_time=None
        if said.stamp is None
        else DeviceTime(
            stamp=said.stamp, raw=said.stamp.isoformat(), utc_offset=_span(said.utc_offset_s)
        ),
        record=message.id,
        live=not message.historical,
        flags=frozenset(message.flags),
        limit=message.limit,
        period=_span(message.period_s),
    )
    timing = Timing(
        message.measured_at,
        timedelta(),
        Correction.RECEPTION,
        _span(message.uncertainty_s),
        sendable=True,
    )
    subject = SubjectId(message.subject)
    return Entry(ReadingId(message.id), reading, timing, subject, Attribution.ASSIGNMENT, device)


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
