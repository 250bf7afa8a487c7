"""What the operator of a pharmacy chain says of its relays."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from gateway.uplink.broker import BrokerSettings, TopicLevel
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.mqtt_settings import Prefix


class RelaySettings(BrokerSettings):
    """The `[relay]` table. Any number of relays with the same group share the readings."""

    name: TopicLevel = "relay"
    """What the broker keeps this relay's unfinished readings under: each needs its own, the same
    after every restart."""
    group: TopicLevel = "relay"
    """Relays of one group share the readings among them."""
    prefix: Prefix = "healthspace/v1"
    """Where the topics of the gateways begin."""
    proof_key_file: Path = Field(examples=["/etc/healthspace-gateway/proof.key"])
    """The key that gateways prove consent with."""
    session_kept_s: int = 90 * 86400
    """How long the broker keeps what a stopped relay had not finished."""
    destination: FhirSettings
