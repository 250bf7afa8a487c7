"""90 days of 5-minute glucose to metrics and profile; beside numpy doing the same, if there is one.

    .venv/bin/python benchmarks/agp.py

From the samples as the journal gives them (datetimes with an offset, Decimals). Processor time is
told, the median of many rounds, so that other programs on the machine do not count. numpy is no
dependency: `make bench-agp` puts one beside the project.
"""

import math
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from gateway.glucose.consensus import consensus_of
from gateway.glucose.formats import to_pdf, to_svg
from gateway.glucose.profile import PERCENTILES, profile
from gateway.glucose.report import make_report
from gateway.glucose.trace import SLOT, Sample, Trace, trace

DAYS = 90
END = datetime(2026, 3, 14, tzinfo=ZoneInfo("Europe/Paris"))
WINTER = timezone(timedelta(hours=1))
LIMIT_MS = 20.0


def samples() -> list[Sample]:
    body = random.Random(7)
    return [
        (
            (END - n * SLOT).replace(tzinfo=WINTER),
            Decimal(round(150 + 60 * math.sin(n / 45) + body.gauss(0, 25))).max(Decimal(40)),
        )
        for n in range(DAYS * 288)
    ]


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(25):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
    return statistics.median(times)


def main() -> int:
    data = samples()
    on_grid = trace(data, DAYS, END)
    report = make_report("Somebody", data, DAYS, END, END)
    from_grid = median_ms(lambda: (consensus_of(on_grid), profile(on_grid)))
    whole = median_ms(lambda: make_report("Somebody", data, DAYS, END, END))
    print(f"samples to metrics and profile   {whole:7.1f} ms   (limit {LIMIT_MS:.0f} ms)")
    print(f"  of which from the grid         {from_grid:7.1f} ms")
    print(f"report to SVG                    {median_ms(lambda: to_svg(report, 'fr')):7.1f} ms")
    print(f"report to PDF                    {median_ms(lambda: to_pdf(report, 'fr')):7.1f} ms")
    beside_numpy(data, on_grid)
    return 0 if whole < LIMIT_MS else 1


def beside_numpy(data: list[Sample], on_grid: Trace) -> None:
    try:
        import numpy as np
    except ImportError:
        print("numpy is not installed: nothing to compare with")
        return

    def arrays() -> tuple[Any, Any]:
        times = np.array([at.timestamp() for at, _ in data])
        values = np.array([float(value) for _, value in data]) * 1000
        slots = ((END.timestamp() - times) // 300).astype(int)
        _, first = np.unique(slots, return_index=True)
        minutes = ((times + 3600) // 60 % 1440).astype(int)
        return values[first].round().astype(int), minutes[first]

    def work() -> list[list[float]]:
        amounts, minutes = arrays()
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
    print(f"numpy, from the same samples     {median_ms(work):7.1f} ms   same curve: {same}")


if __name__ == "__main__":
    assert timedelta(days=1) // SLOT == 288
    sys.exit(main())
