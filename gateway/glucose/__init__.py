"""Summaries of continuous glucose readings. Pure."""
