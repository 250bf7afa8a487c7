"""Continuous glucose monitors."""
