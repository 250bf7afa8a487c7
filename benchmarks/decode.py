"""How fast are blood pressures and CGM samples decoded, beside the `bluetooth-sig` package?

    python benchmarks/decode.py

The package is no dependency of anything here (it decodes SFLOAT wrongly): it is installed into a
temporary folder for this run. The contenders take turns, so that a noisy machine is noisy for both;
the numbers are medians. Read the ratios. Fails if ours is not twice as fast.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateway.drivers.bp_monitor.bluetooth_sig import codec as cuff
from gateway.drivers.cgm.bluetooth_sig import codec as cgm

PACKAGE = "bluetooth-sig==0.6.0"
ROUNDS = 9
SECONDS = 0.3  # of decoding per contender, frame and round
FACTOR = 2.0

PRESSURE = bytes.fromhex("1e 7c00 5600 6100 e807060f111116 3300 01 0000")
SAMPLES = bytes.fromhex("0d e3 6e00 0500 01 02 04 1400 6400")  # everything but a CRC

Decode = Callable[[bytes], object]


def main() -> int:
    """Measure, print, and say whether ours is fast enough."""
    with tempfile.TemporaryDirectory() as place:
        _install(Path(place))
        sys.path.append(place)
        from bluetooth_sig.gatt.characteristics import (
            BloodPressureMeasurementCharacteristic,
            CGMMeasurementCharacteristic,
        )

        theirs_pressure = BloodPressureMeasurementCharacteristic().parse_value
        theirs_samples = CGMMeasurementCharacteristic().parse_value
        rows: dict[str, tuple[bytes, Decode, Decode]] = {
            "2A35 Blood Pressure": (
                PRESSURE,
                cuff.measurement,
                lambda data: theirs_pressure(bytearray(data)),
            ),
            "2AA7 CGM": (
                SAMPLES,
                lambda data: cgm.decode_measurement(data, False),
                lambda data: theirs_samples(bytearray(data)),
            ),
        }
        factors = [_measure(name, *row) for name, row in rows.items()]
    return 0 if min(factors) >= FACTOR else 1


def _measure(name: str, data: bytes, ours: Decode, theirs: Decode) -> float:
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(ROUNDS):
        rates["ours"].append(_rate(ours, data))
        rates["theirs"].append(_rate(theirs, data))
    mine, other = (statistics.median(rates[it]) for it in ("ours", "theirs"))
    print(f"{name:22} ours {mine:>10,.0f}/s   {PACKAGE} {other:>10,.0f}/s   x {mine / other:.1f}")
    return mine / other


def _rate(decode: Decode, data: bytes) -> float:
    decode(data)
    done = 0
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < SECONDS:
        for _ in range(100):
            decode(data)
        done += 100
    return done / passed


def _install(place: Path) -> None:
    uv = shutil.which("uv") or str(Path(__file__).parents[1] / ".tools" / "uv" / "bin" / "uv")
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", place, PACKAGE],
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
