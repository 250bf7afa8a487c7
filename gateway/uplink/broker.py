"""What an operator says of an MQTT broker: where it is, and how both sides know each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from gateway.errors import ConfigError
from gateway.uplink.settings import is_loopback

Seconds = Annotated[float, Field(gt=0, le=600)]
TopicLevel = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["hub-1"])]
"""One level of a topic: nothing that a broker would read as a border or a wildcard."""


class BrokerSettings(BaseModel):
    """How to reach a broker. TLS always, except to this very machine where that is allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(min_length=1, examples=["broker.example.org"])
    """The broker's name or address."""
    port: int = Field(default=8883, ge=1, le=65535)
    """Its port; 8883 is MQTT over TLS."""
    tls: bool = True
    """`false` only for a broker on this machine."""
    ca_file: Path | None = None
    """PEM certificates to trust instead of the system's."""
    certificate_file: Path | None = None
    """PEM certificate of the gateway, where the broker demands one; with `key_file`."""
    key_file: Path | None = None
    """The private key to `certificate_file`."""
    username: str | None = None
    """As whom the gateway signs in, if the broker asks."""
    password: SecretStr | None = None
    """With what; better in a file."""
    password_file: Path | None = None
    """A file that holds it; only the gateway's user should be able to read it."""

    keepalive_s: int = Field(default=60, ge=5, le=3600)
    """How often the connection is tried while nothing is sent."""
    connect_timeout_s: Seconds = 10
    """How long a connection may take to open."""
    answer_timeout_s: Seconds = 30
    """How long the broker may take to acknowledge."""
    max_in_flight: int = Field(default=16, ge=1, le=1000)
    """How many messages may wait for the broker's acknowledgement; the broker may allow less."""

    @model_validator(mode="after")
    def _consistent_broker(self) -> Self:
        if not self.tls and not is_loopback(self.host):
            raise ValueError(
                "tls may be switched off only for a broker on this machine: take tls = false out."
            )
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: give both, or neither.")
        if self.password is not None and self.password_file is not None:
            raise ValueError("give password or password_file, not both.")
        return self

    def read_password(self) -> str | None:
        """Return the password; None if there is none. Raises ConfigError."""
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text().strip()
        except OSError as error:
            raise ConfigError(
                f"password_file cannot be read ({error.strerror}): check its path and that the "
                "gateway's user may read it."
            ) from error
