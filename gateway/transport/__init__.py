"""Transports find devices and carry frames: Bluetooth, a bare controller, serial ports, replay."""
