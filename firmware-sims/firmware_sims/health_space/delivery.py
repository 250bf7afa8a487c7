"""Between aiohttp and our own messages: taking a request in, and answering it, well or badly."""

import asyncio
import socket
import struct

from aiohttp import web

from firmware_sims.health_space.faults import Fault, Kind
from firmware_sims.health_space.messages import Answer, Received

_GARBAGE = b'\x00\xff{"resourceType": not json'


async def read_body(request: web.BaseRequest, body: bytearray, limit_bytes: int) -> bool:
    """Read the body into `body`; return False when it ends early or grows past the limit.

    A peer that hangs up cancels the caller; what had arrived by then is in `body`.
    """
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit_bytes:
                return False
    except (ConnectionError, web.RequestPayloadError):
        return False
    return True


def received(request: web.BaseRequest, body: bytes, *, complete: bool) -> Received:
    """Return the request as our own message."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Received(request.method, request.path_qs, headers, body, complete)


async def deliver(
    request: web.BaseRequest, answer: Answer, fault: Fault | None, date: str
) -> web.StreamResponse:
    """Answer, in the way the fault says; the request's effect is already decided."""
    headers = {"Date": date, "Content-Type": answer.media_type, **answer.headers}
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    match fault.kind if fault is not None else None:
        case Kind.SLOW if fault is not None:
            await asyncio.sleep(fault.delay_s)
        case Kind.HANG:
            # Ends when the peer hangs up or the sandbox closes: both cancel this handler.
            await asyncio.Event().wait()
        case Kind.RESET_BEFORE_COMMIT | Kind.RESET_AFTER_COMMIT:
            _reset(request)
        case Kind.EMPTY_REPLY:
            if request.transport is not None:
                request.transport.close()
        case Kind.GARBAGE_BODY:
            response = web.Response(status=200, body=_GARBAGE, headers=headers)
        case Kind.TRUNCATED_BODY:
            return await _truncate(request, answer, headers)
    return response


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    # Lingering for zero seconds turns the close into a TCP reset.
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _truncate(
    request: web.BaseRequest, answer: Answer, headers: dict[str, str]
) -> web.StreamResponse:
    partial = web.StreamResponse(status=answer.status, headers=headers)
    partial.content_length = len(answer.body)
    await partial.prepare(request)
    await partial.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return partial
