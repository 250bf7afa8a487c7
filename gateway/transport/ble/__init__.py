"""Bluetooth through the operating system, with bleak."""

from gateway.transport.ble.transport import BleSettings, BleTransport

__all__ = ["BleSettings", "BleTransport"]
