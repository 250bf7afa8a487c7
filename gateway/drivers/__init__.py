"""Drivers: knowledge of device families, without state and without I/O."""
