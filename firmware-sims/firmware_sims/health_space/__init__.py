"""A sandbox of the health space's measures API: strict, pairable, and ready to misbehave.

`HealthSpace` runs it in-process; `firmware-sims health-space` runs it as a command.
What it accepts is decided by `rules`, what can go wrong on demand is in `faults`, and `control`
documents the endpoints that steer it.
"""

from firmware_sims.health_space.faults import Fault, Kind, Operation
from firmware_sims.health_space.server import HealthSpace
from firmware_sims.health_space.settings import Settings

__all__ = ["Fault", "HealthSpace", "Kind", "Operation", "Settings"]
