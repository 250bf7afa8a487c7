"""The consensus metrics beside those of iglu, an R package, on the public data that it ships.

Runs where `Rscript` and the package are; iglu is on CRAN only, so elsewhere it is skipped and says
what is missing. Run on 2026-11-27 with R 4.2.2 and iglu 4.3.0: every figure agreed. What may differ
by design: iglu counts every sample, and here a slot of five minutes counts once; in these data no
two samples share a slot.
"""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from typing import Any

import pytest

from gateway.glucose.consensus import Consensus, Metric, consensus
from gateway.glucose.trace import Sample

_PROGRAM = """
suppressPackageStartupMessages(library(iglu))
told <- lapply(split(example_data_5_subject, example_data_5_subject$id), function(one) {
  one <- one[!is.na(one$gl), ]
  below <- below_percent(one, targets_below = c(54, 70))
  inside <- in_range_percent(one, target_ranges = list(c(70, 180), c(70, 140)))
  above <- above_percent(one, targets_above = c(180, 250))
  list(at = as.numeric(one$time), gl = one$gl,
       mean = mean_glu(one)$mean, gmi = gmi(one)$GMI, cv = cv_glu(one)$CV,
       below_54 = below$below_54, below_70 = below$below_70,
       target = inside$in_range_70_180, tight = inside$in_range_70_140,
       above_180 = above$above_180, above_250 = above$above_250)
})
numbers <- function(x) paste0("[", paste(format(x, digits = 15, trim = TRUE), collapse = ","), "]")
lines <- sapply(names(told), function(name) {
  one <- told[[name]]
  paste0('"', name, '":{', paste0('"', names(one), '":', sapply(one, numbers), collapse = ","), "}")
})
cat("{", paste(lines, collapse = ","), "}", sep = "")
"""
_NAMES = [f"Subject {number}" for number in range(1, 6)]


@cache
def _told_by_iglu() -> dict[str, Any] | str:
    """Return what iglu computes for each of its five subjects, or why it cannot be asked."""
    if shutil.which("Rscript") is None:
        return "R is not installed (Debian: r-base-core)"
    ran = subprocess.run(["Rscript", "-e", _PROGRAM], capture_output=True, text=True, check=False)
    if ran.returncode and "library(iglu)" in ran.stderr:
        return "the R package iglu is not installed (it is on CRAN)"
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.fixture
def told(name: str) -> dict[str, Any]:
    found = _told_by_iglu()
    if isinstance(found, str):
        pytest.skip(found)
    one: dict[str, Any] = found[name]
    return one


def _ours(told: dict[str, Any]) -> Consensus:
    samples: list[Sample] = [
        (datetime.fromtimestamp(at, UTC), Decimal(mg_dl))
        for at, mg_dl in zip(told["at"], told["gl"], strict=True)
    ]
    end = samples[-1][0] + timedelta(seconds=150)
    days = -(-(end - samples[0][0]) // timedelta(days=1))
    found = consensus(samples, days, end)
    assert found is not None
    assert found.samples == len(samples)
    return found


@pytest.mark.parametrize("name", _NAMES)
def test_every_printed_figure_is_the_one_that_iglu_gives(told: dict[str, Any]) -> None:
    ours = _ours(told)

    assert ours.mean_mg_dl == _printed(told["mean"])
    assert ours.gmi_percent == _printed(told["gmi"])
    assert ours.cv_percent == _printed(told["cv"])
    assert ours.tight_percent == _printed(told["tight"])


@pytest.mark.parametrize("name", _NAMES)
def test_the_ranges_are_those_of_iglu_but_for_the_tenth_that_makes_them_add_up(
    told: dict[str, Any],
) -> None:
    ours = _ours(told)

    theirs = {
        Metric.VERY_LOW: told["below_54"][0],
        Metric.LOW: told["below_70"][0] - told["below_54"][0],
        Metric.TARGET: told["target"][0],
        Metric.HIGH: told["above_180"][0] - told["above_250"][0],
        Metric.VERY_HIGH: told["above_250"][0],
    }
    assert all(abs(float(ours.ranges_percent[m]) - theirs[m]) < 0.1 for m in theirs)
    assert sum(ours.ranges_percent.values()) == 100


def _printed(told: list[float]) -> Decimal:
    (number,) = told
    return Decimal(str(number)).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
