"""What bytes of a receiver mean when nobody knows what was asked: packets, pages, records."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.drivers.cgm.dexcom_receiver import database
from gateway.drivers.cgm.dexcom_receiver.database import EgvPage, Manufacturing, Record
from gateway.drivers.cgm.dexcom_receiver.packet import Packet, Result, packet, packets
from gateway.drivers.message import null
from gateway.wire.stream import Framer

_RANGE_BYTES = 8
_ERRORS = {int(result): result.name.lower().replace("_", "-") for result in Result}


@dataclass(frozen=True, slots=True)
class Request:
    """What a host asks."""

    command: int
    payload_hex: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the receiver answers, where its meaning depends on what was asked."""

    command: int
    payload_hex: str
    resync_discard: int
    page: EgvPage | Manufacturing | None = None


@dataclass(frozen=True, slots=True)
class RangeReply:
    """Which pages a partition has."""

    command: int
    first_page: int | None = null()
    last_page: int | None = null()
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver cannot answer."""

    command: int
    error: str
    event: str = field(default="device_error", init=False)


Answer = Request | Reply | RangeReply | Refused | EgvPage | Manufacturing | Record


def answer(data: bytes, *, asked: bool) -> Answer:
    """Decode a packet, a page or an EGV record; `asked` tells a request from a reply.

    Raises DecodeError, of a packet or of a page.
    """
    if len(data) == database.PAGE_BYTES:
        return database.page(data)
    if len(data) in database.EGV_SIZES and int.from_bytes(data[1:3], "little") != len(data):
        return database.egv(data)
    noise = _noise_before_a_packet(data)
    whole = packet(data[noise:])
    if asked:
        return Request(whole.command, whole.payload.hex())
    return _reply(whole, noise)


def _reply(whole: Packet, noise: int) -> Answer:
    if whole.command != Result.ACK:
        return Refused(whole.command, _ERRORS.get(whole.command, "unknown"))
    if len(whole.payload) == _RANGE_BYTES:
        pages = database.page_range(whole.payload)
        return RangeReply(whole.command, pages.first_page, pages.last_page, pages.empty)
    about = database.page(whole.payload) if len(whole.payload) == database.PAGE_BYTES else None
    return Reply(whole.command, whole.payload.hex(), noise, about)


def _noise_before_a_packet(data: bytes) -> int:
    """Count the bytes before the one packet at the end; 0 if there is none, or more than one."""
    frames = [piece for piece in Framer(packets).feed(data) if isinstance(piece, bytes)]
    if len(frames) == 1 and data.endswith(frames[0]):
        return len(data) - len(frames[0])
    return 0
