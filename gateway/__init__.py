"""Reads health devices, keeps every reading, sends only what its owner consented to."""

__version__ = "0.1.0"
