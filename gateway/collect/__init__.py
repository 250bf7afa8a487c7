"""Watches transports, holds conversations with devices, records what they bring."""
