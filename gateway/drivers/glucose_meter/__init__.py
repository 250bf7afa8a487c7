"""Drivers for blood glucose meters."""
