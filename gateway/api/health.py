"""Routes about the daemon itself. They name no person."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from gateway.api.context import HubHere
from gateway.api.hub import Status

router = APIRouter(tags=["health"])


@router.get("/status")
async def status(hub: HubHere) -> Status:
    """Say how the daemon, its transports and its destinations are."""
    return hub.status()


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(hub: HubHere) -> str:
    """Return the counters in the Prometheus text format."""
    return hub.metrics()
