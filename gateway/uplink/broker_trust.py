"""Whom to trust at a broker, and who we are: the files that its settings name."""

from __future__ import annotations

import ssl

from gateway.errors import ConfigError
from gateway.uplink.broker import BrokerSettings


class _TlsSocket(ssl.SSLSocket):
    """Closes itself after a failed handshake; paho would leave that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def check_files(broker: BrokerSettings) -> None:
    """Read what every connection will read. Raises ConfigError."""
    broker.read_password()
    if broker.tls:
        trust(broker)


def trust(broker: BrokerSettings) -> ssl.SSLContext:
    """Say whom to trust, and who we are. Raises ConfigError."""
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        context.sslsocket_class = _TlsSocket
        if broker.certificate_file is not None:
            context.load_cert_chain(broker.certificate_file, broker.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"ca_file, certificate_file or key_file cannot be used ({error.strerror}): check that "
            "they are PEM files the gateway's user may read."
        ) from error
    return context
