"""What each step of a reading costs, from the bytes of a weight scale to the row that is written.

    python benchmarks/reading.py

In microseconds of processor time, each step alone and its best of several rounds: what the engine
does with the row, and what passing from one thread to the other takes, comes on top. See
docs/decisions/0010-what-a-reading-costs.md.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from journal import SCALE, START, reading, sent

from gateway.domain.device_time import corrected
from gateway.domain.entry import Entry
from gateway.domain.identity import identity
from gateway.domain.subject import Assignment, Attribution, SubjectId, attribute
from gateway.drivers.scale.bluetooth_sig import codec
from gateway.journal import entry_rows
from gateway.journal.instants import to_us

ROUNDS = 7
TIMES = 10_000

FRAME, RECEIVED = sent(7)
PARIS = ZoneInfo("Europe/Paris")
ADA = SubjectId("p-00000000")


def main() -> None:
    made = reading(FRAME, RECEIVED)
    timing = corrected(made, PARIS)
    assert timing.earliest is not None
    assert timing.latest is not None
    at, at_us = (timing.earliest, timing.latest), to_us(timing.measured_at)
    since = START - timedelta(days=1)
    hers = (Assignment(device=SCALE.id, slot=None, subject=ADA, since=since),)
    entry = Entry(identity(made), made, timing, ADA, Attribution.ASSIGNMENT, SCALE)
    payload = entry_rows.dump(made)
    cipher = ChaCha20Poly1305(bytes(32))
    steps: dict[str, Callable[[], object]] = {
        "its octets to fields": lambda: codec.weight(FRAME),
        "its octets to a reading": lambda: reading(FRAME, RECEIVED),
        "its identity": lambda: identity(made),
        "when it was measured": lambda: corrected(made, PARIS),
        "whose it is": lambda: attribute(hers, SCALE.id, None, *at),
        "an entry of it all": lambda: Entry(
            entry.id, made, timing, ADA, Attribution.ASSIGNMENT, SCALE
        ),
        "its payload": lambda: entry_rows.dump(made),
        "sealed": lambda: cipher.encrypt(bytes(12), payload, b"entry"),
        "the row of its time": lambda: entry_rows.timing_row(1, 1, timing, at_us),
    }
    for name, step in steps.items():
        best = min(timeit.repeat(step, number=TIMES, repeat=ROUNDS)) / TIMES
        print(f"{name:24}{best * 1e6:6.1f}")


if __name__ == "__main__":
    main()
