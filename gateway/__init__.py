"""Reads health devices, keeps every reading, sends only what its owner consented to."""
