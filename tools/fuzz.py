"""Feed every driver's `decode` any bytes, for as long as asked; ends at the first mistake.

    python tools/fuzz.py [SECONDS]

With atheris (which `make fuzz` puts into .tools/) coverage guides the bytes; without, they are
random and changed copies of known frames. A mistake is any error but DecodeError, or one that
points outside of the bytes.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

VECTORS = Path(__file__).parents[1] / "tests" / "vectors"
HINTS: tuple[dict[str, object], ...] = (
    {},
    {"e2e_crc": True},
    {"e2e_crc": False},
    {"direction": "command"},
)


def target() -> Callable[[bytes], None]:
    """Return what is fuzzed: the first two octets choose a format and its hints."""
    from gateway.drivers.api import CABLES, Channel, Driver, Frame
    from gateway.drivers.data_types import DATA_TYPES
    from gateway.drivers.registry import installed
    from gateway.errors import DecodeError
    from gateway.testing.clock import ManualClock

    now = ManualClock().now()
    formats: list[tuple[Driver | None, str, Channel]] = [
        (driver, name.lower(), channel)
        for driver in installed()
        for name, channel in driver.manifest.decodes.items()
    ]
    formats += [
        (driver, driver.manifest.name, CABLES[driver.manifest.reach])
        for driver in installed()
        if driver.manifest.reach in CABLES
    ]
    formats += [(None, name, Channel("")) for name in DATA_TYPES]

    def once(data: bytes) -> None:
        if len(data) < 2:
            return
        driver, name, channel = formats[data[0] % len(formats)]
        octets = data[2:]
        hints = {**HINTS[data[1] % len(HINTS)], "name": name, "parts": _parts(octets)}
        try:
            if driver is None:
                DATA_TYPES[name](octets)
            else:
                driver.decode(Frame(channel, octets, now, hints))
        except DecodeError as error:
            if not (error.reason and 0 <= error.offset <= len(octets)):
                raise RuntimeError(f"{name} points outside of {octets.hex()}") from error
        except Exception as error:
            raise RuntimeError(f"{name} fails for {octets.hex()}") from error

    return once


def _parts(octets: bytes) -> list[int]:
    """Say how octets may have been joined, for the format that asks: the first of them tells."""
    first = octets[0] % 16 + 1 if octets else 0
    return [size for size in (first, len(octets) - first) if size > 0]


def known() -> list[bytes]:
    """Return the octets of all vectors of our own."""
    rows = [row for path in sorted(VECTORS.glob("*.json")) for row in json.loads(path.read_text())]
    return [bytes.fromhex(row["hex"]) for row in rows if "hex" in row]


def at_random(seconds: float) -> int:
    """Fuzz without guidance; return how many frames were tried."""
    once, examples, chance = target(), known(), random.Random()
    until = time.monotonic() + seconds
    for count in itertools.count():
        once(bytes((chance.randrange(256), chance.randrange(256))) + _octets(examples, chance))
        if time.monotonic() > until:
            return count
    raise AssertionError("a count has no end")


def _octets(examples: list[bytes], chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(64))
    data = bytearray(chance.choice(examples))
    for _ in range(chance.randrange(4)):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data) + 1)] if chance.random() < 0.3 else data)


def guided(seconds: float) -> None:
    """Fuzz with atheris; does not return."""
    import atheris

    with atheris.instrument_imports(include=["gateway.drivers", "gateway.wire"]):
        once = target()
    corpus = Path(".tools") / "fuzz"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(known()):
        (corpus / f"vector-{number}").write_bytes(bytes((number % 256, number % 4)) + octets)
    arguments = [sys.argv[0], str(corpus), f"-max_total_time={seconds:.0f}", "-max_len=600"]
    atheris.Setup(arguments, once)
    atheris.Fuzz()


def main() -> None:
    """Fuzz, and say how."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    try:
        import atheris  # noqa: F401  # whether there is one
    except ImportError:
        print(f"no atheris here: random frames for {seconds:g} s", flush=True)
        print(f"{at_random(seconds)} frames, no mistake")
        return
    guided(seconds)


if __name__ == "__main__":
    main()
