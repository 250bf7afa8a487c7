"""Scales and body composition analysers."""
