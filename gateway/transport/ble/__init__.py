"""Bluetooth through the operating system, with bleak, which only `transport` and below load."""

from gateway.transport.ble.settings import BleSettings

__all__ = ["BleSettings"]
