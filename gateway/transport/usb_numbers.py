"""The serial numbers of devices on USB, as each says its own when its driver asks.

Neither a FreeStyle Libre reader (hidapi, issue 334) nor a Dexcom receiver has one in its USB
descriptor. Named by its socket, the reader of another person in that socket would be taken for it,
and the same one in another socket for a new one. So such a device is asked, once each time it is
plugged in, before anybody hears of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine

from gateway.errors import DriverError, LinkError, LinkLost, RadioUnavailable
from gateway.transport.usb_device import UsbDevice

_logger = logging.getLogger(__name__)

Ask = Callable[[], Coroutine[None, None, str]]


class Numbers:
    """The numbers of the devices that are plugged in. Used from the event loop only."""

    def __init__(self) -> None:
        self._numbers: dict[UsbDevice, str] = {}
        self._refusals: dict[UsbDevice, DriverError] = {}
        self._asking: dict[UsbDevice, asyncio.Task[str]] = {}
        self._troubles: dict[UsbDevice, RadioUnavailable] = {}

    @property
    def trouble(self) -> RadioUnavailable | None:
        """Why a device that is there could not be asked, if one could not; it is asked again."""
        return next(iter(self._troubles.values()), None)

    def of(self, device: UsbDevice) -> str | None:
        """Return the number; None if it told none."""
        return self._numbers.get(device)

    def check(self, device: UsbDevice) -> None:
        """Raise what a device said that told no number; it is asked anew after that.

        So nothing is recorded of it under the name of its socket, not even if it tells one later.
        Raises LinkLost if it was not asked yet.
        """
        if device not in self._numbers:
            raise self._refusals.pop(device, LinkLost("it was not asked for its number yet"))

    def is_told(self, device: UsbDevice, ask: Ask) -> bool:
        """Say whether the device was asked; if not, begin to `ask`, or ask again.

        `ask` may raise DriverError where there is no number, and LinkError.
        """
        if self._is_settled(device):
            return True
        if device not in self._asking:
            self._asking[device] = asyncio.create_task(ask())
        elif self._asking[device].done():
            self._take(device, self._asking.pop(device))
        return self._is_settled(device)

    def keep(self, there: Collection[UsbDevice]) -> None:
        """Forget devices that were pulled out."""
        known = {*self._numbers, *self._refusals, *self._asking, *self._troubles}
        for device in known.difference(there):
            self._troubles.pop(device, None)
            self._numbers.pop(device, None)
            self._refusals.pop(device, None)
            if (asking := self._asking.pop(device, None)) is not None:
                _give_up(asking)

    def stop(self) -> None:
        """End all asking; what is known stays."""
        for asking in self._asking.values():
            _give_up(asking)
        self._asking.clear()

    def _is_settled(self, device: UsbDevice) -> bool:
        return device in self._numbers or device in self._refusals

    def _take(self, device: UsbDevice, asked: asyncio.Task[str]) -> None:
        before = self._troubles.pop(device, None)
        trouble: RadioUnavailable | None = None
        try:
            self._numbers[device] = asked.result()
        except DriverError as error:
            self._refusals[device] = error  # told to who wants to talk with it
        except LinkLost:
            pass
        except RadioUnavailable as error:
            trouble = error
        except LinkError as error:
            trouble = RadioUnavailable(f"Device {device.path} cannot be asked: {error}.")
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # costs this device only
            trouble = RadioUnavailable(
                f"Device {device.path} cannot be asked for its serial number: its driver failed"
                f" ({type(error).__name__})."
            )
        if trouble is not None:
            self._troubles[device] = trouble
            if str(trouble) != str(before):
                _logger.warning("transport=usb reason=%s: %s", trouble.reason, trouble)


def _give_up(asking: asyncio.Task[str]) -> None:
    if asking.done() and not asking.cancelled():
        asking.exception()  # so that nobody is told that it was never looked at
    else:
        asking.cancel()
