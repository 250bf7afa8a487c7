"""Where Omron's cuffs keep their records. Nothing tells it over the radio: the owner names a model.

Source: public clients, as in `codec`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.drivers.bp_monitor.omron_ble.codec import Order


@dataclass(frozen=True, slots=True)
class Layout:
    """The memory of a model: where each user's slots begin, and how many there are of each."""

    order: Order
    users: tuple[int, ...]
    slots: int
    record_octets: int
    block_octets: int
    """How much is asked for at once: no more than the cuff gives."""
    sum_at: int | None = None
    """Which octet of a record is its sum; None where no published record shows one."""

    def blocks(self, user: int) -> Iterator[tuple[int, int]]:
        """Yield address and octets of each request for a user's records, whole records each."""
        per_block = max(self.block_octets // self.record_octets, 1)
        for slot in range(0, self.slots, per_block):
            count = min(per_block, self.slots - slot)
            yield self.users[user] + slot * self.record_octets, count * self.record_octets


LAYOUTS = {
    "HEM-7322T": Layout(Order.BIG, (0x02AC, 0x0824), 100, 14, 0x38, sum_at=13),
    "HEM-7600T": Layout(Order.BIG, (0x02AC,), 100, 14, 0x38, sum_at=13),
    "HEM-7361T": Layout(Order.LITTLE, (0x0098, 0x06D8), 100, 16, 0x10),
    "HEM-7142T2": Layout(Order.LITTLE, (0x02E8,), 14, 14, 0x0E, sum_at=12),
    "HEM-716BT2": Layout(Order.LITTLE, (0x02E8,), 30, 14, 0x0E, sum_at=12),
}
