"""Finds drivers by their entry points and chooses the one for a sighting."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points

from gateway.drivers.api import API, Driver, Fit, Sighting
from gateway.errors import ConfigError

GROUP = "gateway.drivers"
BUILT_IN = "healthspace-gateway"

_logger = logging.getLogger(__name__)


class Registry:
    """The drivers of this run. Checks itself when made: names are unique, interfaces agree."""

    def __init__(self, drivers: Iterable[Driver], others: Collection[str] = ()) -> None:
        """Take the drivers, and the names of `others` that are installed and were not loaded."""
        self._by_name: dict[str, Driver] = {}
        for driver in drivers:
            name = driver.manifest.name
            if driver.manifest.api != API:
                raise ConfigError(
                    f"Driver {name} speaks interface {driver.manifest.api}, this gateway {API}:"
                    " install the driver's release for this gateway."
                )
            if name in self._by_name:
                raise ConfigError(f"Two drivers are called {name}: remove one of the two packages.")
            self._by_name[name] = driver
        self._there = tuple(sorted({*self._by_name, *others}))

    def __iter__(self) -> Iterator[Driver]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Driver:
        """Return the driver of that name; raises ConfigError that names those alike, or all."""
        driver = self._by_name.get(name)
        if driver is None:
            raise ConfigError(_no_driver(name, self._there))
        return driver

    def best(self, sighting: Sighting) -> Driver | None:
        """Return the driver that fits best, None if none fits; a tie raises ConfigError.

        A sighting that names its driver (a configured port) gets that driver.
        """
        if sighting.driver is not None:
            return self.named(sighting.driver)
        fits = [(fit(driver, sighting), driver) for driver in self]
        highest = max((fit for fit, _ in fits), default=Fit.NONE)
        if highest is Fit.NONE:
            return None
        winners = [driver for fit, driver in fits if fit is highest]
        if len(winners) > 1:
            names = " and ".join(sorted(driver.manifest.name for driver in winners))
            raise ConfigError(
                f"{names} claim {sighting.address} equally: name one of them for this device."
            )
        return winners[0]


def fit(driver: Driver, sighting: Sighting) -> Fit:
    """Ask the driver; one that fails at that, or does not say, fits nothing and is told of once."""
    try:
        found = driver.match(sighting)
        if not isinstance(found, Fit):
            raise TypeError("match() returns a Fit")
    except Exception as error:  # noqa: BLE001  # a driver's mistake hides no device from the others
        _tell_of(driver.manifest.name, error)
        return Fit.NONE
    return found


_told_of: set[str] = set()


def _tell_of(name: str, error: Exception) -> None:
    if name not in _told_of:
        _told_of.add(name)
        _logger.error("driver=%s cannot look at a device: none is its", name, exc_info=error)


@lru_cache(maxsize=64)  # asked at every advertisement of a device whose driver is gone
def _no_driver(name: str, there: tuple[str, ...]) -> str:
    alike = get_close_matches(name, there, cutoff=0.8)
    if alike:
        return f"There is no driver '{name}'. Did you mean {', '.join(alike)}?"
    return f"There is no driver '{name}'. Installed: {', '.join(there)}."


def installed(guests: Collection[str] = (), only: Collection[str] | None = None) -> Registry:
    """Load the built-in drivers, and those guest packages' that the configuration names.

    With `only`, of the built-in ones those of these names: a hub whose ports are all named needs no
    other, and loading all takes a small machine a second.

    A guest (a driver of another distribution) runs with all the rights of the gateway; hence only
    by name. Raises ConfigError if a named guest is not installed.
    """
    points = entry_points(group=GROUP)
    chosen = [point for point in points if _distribution(point) in {BUILT_IN, *guests}]
    missing = set(guests) - {_distribution(point) for point in chosen}
    if missing:
        names = ", ".join(sorted(missing))
        there = sorted({_distribution(point) for point in points} - {BUILT_IN, ""})
        if there:
            raise ConfigError(
                f"No installed package of that name offers a driver: {names}. Installed:"
                f" {', '.join(there)}."
            )
        raise ConfigError(f"No installed package of that name offers a driver: {names}.")
    left_out = {point.name for point in chosen if not _is_wanted(point, only)}
    return Registry((_load(point) for point in chosen if _is_wanted(point, only)), left_out)


def _is_wanted(point: EntryPoint, only: Collection[str] | None) -> bool:
    return only is None or _distribution(point) != BUILT_IN or point.name in only


def _distribution(point: EntryPoint) -> str:
    return "" if point.dist is None else _name(point.dist)


@cache
def _name(distribution: Distribution) -> str:
    """Return its name; once, for all that it says of itself is parsed for it, its README too."""
    return distribution.name


def _load(point: EntryPoint) -> Driver:
    try:
        made = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The driver {point.name} of {_distribution(point)} cannot be loaded ({error}): install"
            " the package again, or take it out of the guests."
        ) from error
    driver = made() if isinstance(made, type) else made
    if not isinstance(driver, Driver):
        raise ConfigError(f"Entry point {point.name} ({point.value}) is not a driver.")
    return driver
