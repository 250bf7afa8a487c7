"""What an operator of many gateways says of where their health is told."""

from __future__ import annotations

from pydantic import Field

from gateway.uplink.broker import BrokerSettings, TopicLevel
from gateway.uplink.mqtt_settings import Prefix


class FleetSettings(BrokerSettings):
    """The `[fleet]` table: a broker of the operator, not necessarily that of any reading."""

    gateway: TopicLevel
    """What stands for this gateway: no name of a person, no address."""
    prefix: Prefix = "healthspace-fleet/v1"
    """Where its topics begin."""
    every_s: int = Field(default=60, ge=5, le=86400)
    """How often it is told."""
