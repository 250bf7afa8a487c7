"""Bytes to values and back, shared by drivers. Pure."""
