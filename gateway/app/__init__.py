"""Puts the gateway together: the daemon, or the journal alone while no daemon runs."""

from gateway.app.daemon import run
from gateway.app.offline import offline_hub

__all__ = ["offline_hub", "run"]
