"""The drivers that a configuration names: whether they are there, and know what it tells them."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from gateway.config import Config
from gateway.drivers.registry import Registry, installed
from gateway.errors import ConfigError


def drivers_wanted(config: Config) -> frozenset[str] | None:
    """Name the drivers of a configuration whose devices are all named; None if any may turn up."""
    if config.ble is not None or config.usb is not None or config.hci or config.replay:
        return None
    return frozenset(cable.driver for cable in config.cables)


def drivers_of(config: Config) -> Registry:
    """Load the drivers that the configuration wants.

    Raises ConfigError for one that is not installed, and for a setting that no driver knows: it
    would be passed over in silence, and a device spoken to in the wrong way.
    """
    wanted = drivers_wanted(config)
    registry = installed(config.drivers.guests, wanted)
    for table, cables in (("ports", config.ports), ("hid", config.hid)):
        for cable in cables:
            known = {setting.name for setting in registry.named(cable.driver).manifest.settings}
            _check(f"[[{table}]] {cable.name}", cable.settings, known)
    if wanted is None:  # else what is known of the drivers that are not loaded is too little
        known = {setting.name for driver in registry for setting in driver.manifest.settings}
        for device, given in config.devices.items():
            _check(f'[devices."{device}"]', given.settings, known)
    return registry


def _check(where: str, given: Collection[str], known: Collection[str]) -> None:
    for name in given:
        if name in known:
            continue
        if near := get_close_matches(name, known, n=1):
            raise ConfigError(f"{where}: there is no setting '{name}'. Did you mean {near[0]}?")
        if not known:
            raise ConfigError(f"{where}: there is no setting '{name}': its driver has none.")
        there = ", ".join(sorted(known))
        raise ConfigError(f"{where}: there is no setting '{name}'. There is: {there}.")
