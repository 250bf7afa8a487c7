"""Bluetooth on a bare controller, with bumble; nothing here loads bumble before it is needed."""

from gateway.transport.hci.transport import HciTransport

__all__ = ["HciTransport"]
