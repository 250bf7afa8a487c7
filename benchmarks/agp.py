"""90 days of 5-minute glucose to metrics and profile; beside numpy doing the same, if there is one.

    .venv/bin/python benchmarks/agp.py

From the samples as the journal gives them (aware datetimes, Decimals) and from the grid.
"""

import math
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.glucose.consensus import consensus_of
from gateway.glucose.formats import to_pdf, to_svg
from gateway.glucose.profile import PERCENTILES, profile
from gateway.glucose.report import make_report
from gateway.glucose.trace import SLOT, Trace, trace

DAYS = 90
END = datetime(2026, 3, 14, tzinfo=UTC)
LIMIT_MS = 20.0


def samples() -> list[tuple[datetime, Decimal]]:
    body = random.Random(7)
    return [
        (
            END - n * SLOT,
            Decimal(round(150 + 60 * math.sin(n / 45) + body.gauss(0, 25))).max(Decimal(40)),
        )
        for n in range(DAYS * 288)
    ]


def median_ms(work: Callable[[], object], rounds: int = 15) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main() -> int:
    data = samples()
    on_grid = trace(data, DAYS, END)
    report = make_report("Somebody", data, DAYS, END, END)
    from_grid = median_ms(lambda: (consensus_of(on_grid), profile(on_grid)))
    whole = median_ms(lambda: make_report("Somebody", data, DAYS, END, END))
    print(f"grid to metrics and profile      {from_grid:7.1f} ms   (limit {LIMIT_MS:.0f} ms)")
    print(f"samples to metrics and profile   {whole:7.1f} ms")
    print(f"report to SVG                    {median_ms(lambda: to_svg(report, 'fr')):7.1f} ms")
    print(f"report to PDF                    {median_ms(lambda: to_pdf(report, 'fr')):7.1f} ms")
    beside_numpy(on_grid)
    return 0 if from_grid < LIMIT_MS else 1


def beside_numpy(on_grid: Trace) -> None:
    try:
        import numpy as np
    except ImportError:
        print("numpy is not installed: nothing to compare with")
        return
    amounts, minutes = np.array(on_grid.amounts), np.array(on_grid.minutes)

    def work() -> list[list[float]]:
        whole = (amounts + 500) // 1000
        amounts.mean(), amounts.std(ddof=1)
        np.histogram(whole, bins=[0, 54, 70, 181, 251, 10**6])
        quarters = minutes // 15
        bins = [amounts[quarters == quarter] for quarter in range(96)]
        return [
            list(
                np.percentile(
                    np.concatenate([bins[(q + n) % 96] for n in range(-2, 3)]), PERCENTILES
                )
            )
            for q in range(96)
        ]

    theirs = np.array(work()) / 1000
    ours = np.array([point.mg_dl for point in profile(on_grid)])
    same = bool(np.allclose(ours, theirs, rtol=0, atol=1e-9))
    print(f"numpy, from the grid             {median_ms(work):7.1f} ms   same curve: {same}")


if __name__ == "__main__":
    assert timedelta(days=1) // SLOT == 288
    sys.exit(main())
