"""What can go wrong with a device, by name, and how many more times it will."""

from collections.abc import Mapping
from enum import StrEnum


class Fault(StrEnum):
    """A fault a scenario can ask for. Each strikes as often as it was armed."""

    DISCONNECT_MID_RECORD = "disconnect_mid_record"
    """The link drops after a record was sent and before its confirmation is looked at."""

    DUPLICATE_INDICATION = "duplicate_indication"
    """A record is sent twice, each time confirmed."""

    DROP_CLOCK = "drop_clock"
    """The clock falls back to 2000-01-01 just before a measurement."""

    GARBAGE_FRAME = "garbage_frame"
    """A frame cut short goes out before the record; over USB, a report of no known kind."""

    NAN_MEASUREMENT = "nan_measurement"
    """A measurement fails: NaN pressures, weight FFFF, NaN glucose. It is no record produced."""

    REFUSE = "refuse"
    """The device hangs up as soon as somebody connects; a sensor's RACP answers "not completed"."""

    SLOW = "slow"
    """The device thinks for `slow_s` before it sends its next frame."""

    SMALL_OBJECT = "small_object"
    """A thing, not a person, is put on a scale, which says so. It is no record produced."""

    IMPEDANCE_FAILED = "impedance_failed"
    """A scale stands too dry to measure impedance, and says so by a number of its own."""

    NOT_HEARD = "not_heard"
    """The call after a measurement is not heard; the record waits for the next measurement."""

    REFUSE_CLOCK = "refuse_clock"
    """A write of the current time is answered "data field ignored" (0x80)."""

    BUSY = "busy"
    """Record access is answered "server busy"."""

    RENUMBER = "renumber"
    """A meter begins anew with its sequence numbers, as after a battery change."""

    CANNOT_ABORT = "cannot_abort"
    """An abort of record access is answered "abort unsuccessful", and the report goes on."""

    ERROR_CODE = "error_code"
    """A measurement fails, and a serial device says so by its code. It is no record produced."""

    DOUBLE_KEY_PRESS = "double_key_press"
    """Somebody presses print or recall again: a serial device sends one measurement twice."""

    HALF_FRAME = "half_frame"
    """The second half of a frame on a serial line never comes."""

    SWAPPED_DIGITS = "swapped_digits"
    """Two neighbouring digits of a frame on a serial line arrive in the wrong order."""

    FLIPPED_BIT = "flipped_bit"
    """One bit of a frame, or of a USB report, arrives inverted."""

    WRONG_CHECKSUM = "wrong_checksum"
    """A reply ends with a checksum that is not that of what it says."""

    SILENCE = "silence"
    """A frame on a cable is not sent at all: a request stays without answer."""

    UNPLUG_MID_FRAME = "unplug_mid_frame"
    """The cable is pulled half-way through a frame, and stays out until plugged in again.

    Over USB nothing arrives of the report that it would have been.
    """


class Faults:
    """The faults armed on one device."""

    def __init__(self, times: Mapping[Fault, int] | None = None) -> None:
        self._times = dict(times or {})

    def arm(self, fault: Fault, times: int = 1) -> None:
        """Let a fault strike this many more times."""
        self._times[fault] = self._times.get(fault, 0) + times

    def strikes(self, fault: Fault) -> bool:
        """Say whether the fault strikes here and now, and use it up."""
        left = self._times.get(fault, 0)
        if left:
            self._times[fault] = left - 1
        return left > 0
