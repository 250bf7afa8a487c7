"""The Bluetooth adapter as BlueZ has it: found by its address, asked how it is, begun anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from dbus_fast import Variant

from gateway.errors import RadioTrouble, RadioUnavailable
from gateway.transport.ble.bus import ADAPTER, BUS, DEVICE, SERVICE, call, objects, system_bus

_TRIES = 5
"""How often it is asked to be switched on again; guess. It must not stay off: it was us."""


class BluezAdapter:
    """One adapter, by its address; None is the first one that is switched on, which bleak takes.

    Not by its name: hci0 and hci1 may change places at the next boot.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address

    async def name(self) -> str | None:
        """Return the name (`hci0`) it has today; None without an address, then bleak chooses.

        Raises RadioUnavailable, also if there is no such adapter.
        """
        if self._address is None:
            return None
        async with system_bus() as bus:
            return named(self._address, await objects(bus))

    async def is_scanning(self) -> bool:
        """Say whether bluetoothd says that somebody scans. Raises RadioUnavailable."""
        async with system_bus() as bus:
            known = await objects(bus)
            return bool(known[self._path(known)][ADAPTER]["Discovering"].value)

    async def is_linked(self) -> bool:
        """Say whether any device is connected, by whomever. Raises RadioUnavailable."""
        async with system_bus() as bus:
            known = await objects(bus)
            path = self._path(known)
            devices = (interfaces[DEVICE] for interfaces in known.values() if DEVICE in interfaces)
            return any(it["Connected"].value and it["Adapter"].value == path for it in devices)

    async def restart(self) -> None:
        """Switch it off and on: every link ends, and the kernel forgets every scan.

        Raises RadioUnavailable if it does not come on again.
        """
        async with system_bus() as bus:
            path = self._path(await objects(bus))

            async def power(on: bool) -> None:
                body = [ADAPTER, "Powered", Variant("b", on)]
                await call(bus, SERVICE, path, f"{BUS}.Properties", "Set", "ssv", body)

            try:
                await power(False)
            finally:
                for left in reversed(range(_TRIES)):
                    try:
                        await power(True)
                        break
                    except RadioUnavailable:
                        if not left:
                            raise
                        await asyncio.sleep(1)

    def _path(self, known: Mapping[str, Mapping[str, Any]]) -> str:
        if self._address is not None:
            return f"/org/bluez/{named(self._address, known)}"
        for path in sorted(known):
            if ADAPTER in known[path] and known[path][ADAPTER]["Powered"].value:
                return path
        raise RadioUnavailable(
            "There is no Bluetooth adapter that is switched on.", RadioTrouble.POWERED_OFF
        )


def named(address: str, known: Mapping[str, Mapping[str, Any]]) -> str:
    """Find the adapter among BlueZ's objects. Raises RadioUnavailable that lists what there is."""
    adapters = {
        interfaces[ADAPTER]["Address"].value.upper(): path.rpartition("/")[2]
        for path, interfaces in known.items()
        if ADAPTER in interfaces
    }
    found = adapters.get(address.upper())
    if found is not None:
        return found
    if not adapters:
        raise RadioUnavailable(
            "There is no Bluetooth adapter: plug one in.", RadioTrouble.NO_ADAPTER
        )
    there = ", ".join(sorted(adapters))
    raise RadioUnavailable(
        f"There is no Bluetooth adapter {address}; those there are: {there}.",
        RadioTrouble.NO_ADAPTER,
    )
