"""Uplinks: destinations of readings, and the worker that brings deliveries there."""
