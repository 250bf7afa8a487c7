"""The one-page report: identity, metrics, ranges, profile and days, drawn on any canvas.

The order and the colours are those of the standard AGP report. Colour never speaks alone: every
range has its words and its figure beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from gateway.domain.quantity import MG_DL_PER_MMOL_L
from gateway.glucose.canvas import HEIGHT, WIDTH, Anchor, Canvas, Point, rectangle
from gateway.glucose.consensus import (
    NEEDS_DAYS,
    Consensus,
    Metric,
    consensus_of,
    rounded,
)
from gateway.glucose.profile import PERCENTILES, profile
from gateway.glucose.profile import Point as ProfilePoint
from gateway.glucose.trace import SLOTS_PER_DAY, Sample, Trace, trace
from gateway.glucose.words import date, number
from gateway.language.words import Words

_MARGIN = 40
_COLOURS = {
    Metric.VERY_HIGH: "#e08a00",
    Metric.HIGH: "#f2c400",
    Metric.TARGET: "#3f9e4d",
    Metric.LOW: "#e04b4b",
    Metric.VERY_LOW: "#8c1c1c",
}
_GOALS = {
    Metric.VERY_HIGH: "< 5 %",
    Metric.HIGH: "< 25 %",
    Metric.TARGET: "> 70 %",
    Metric.LOW: "< 4 %",
    Metric.VERY_LOW: "< 1 %",
    Metric.CV: "36 %",
}
"""For most adults with diabetes (Battelino 2019)."""
_INCLUDED = {Metric.HIGH: Metric.VERY_HIGH, Metric.LOW: Metric.VERY_LOW}
"""The goals of "high" and "low" there are for all above 180 and below 70 mg/dL."""
_WIDE, _NARROW = "#cfe0f1", "#8fb6dc"
_CURVE, _GRID, _GREY = "#12457a", "#d8d8d8", "#666666"
_TOP_MG_DL = 350
_THUMBNAILS = 14
_EVERY_HOURS = 3
_MEDIAN = 50


@dataclass(frozen=True, slots=True)
class Report:
    """What the page tells, computed once."""

    name: str
    made_at: datetime
    on_grid: Trace
    metrics: Consensus | None
    curve: list[ProfilePoint]

    @property
    def first(self) -> datetime:
        """The beginning of the period."""
        return self.on_grid.end - timedelta(days=self.on_grid.days)

    @property
    def last(self) -> datetime:
        """Its last moment, on its last day."""
        return self.on_grid.end - timedelta(seconds=1)


def make_report(
    name: str, samples: Iterable[Sample], days: int, end: datetime, made_at: datetime
) -> Report:
    """Compute a report of the `days` that end at `end`, which is a midnight of the wearer."""
    on_grid = trace(samples, days, end)
    return Report(name, made_at, on_grid, consensus_of(on_grid), profile(on_grid))


def alternative(report: Report, words: Words) -> str:
    """Say in words what the page shows."""
    metrics = report.metrics
    if metrics is None:
        of = f"{report.name}, {period(report, words)}"
        return words("line", name=of, value=words("report.no_data")) + "."
    figures = words("report.semicolon").join(
        words("line", name=words(f"metric.{m}"), value=_figure(metrics, m, words)) for m in Metric
    )
    curve = ", ".join(
        f"{point.minute // 60:02} h {round(point.mg_dl[2])}"
        for point in report.curve
        if point.minute % (60 * _EVERY_HOURS) == 7
    )
    return words(
        "report.alternative",
        name=report.name,
        period=period(report, words),
        worn=_worn(metrics, words),
        active=_active(metrics, words),
        figures=figures,
        curve=curve or words("report.no_data"),
    )


def draw(report: Report, canvas: Canvas, words: Words) -> None:
    """Draw the page."""
    canvas.text((_MARGIN, 50), words("report.title"), size=16, bold=True)
    canvas.text((_MARGIN, 70), report.name, size=12, bold=True)
    canvas.text((_MARGIN, 86), period(report, words), size=10)
    made = words("report.made", made=date(report.made_at, words))
    canvas.text((WIDTH - _MARGIN, 86), made, size=8, anchor=Anchor.END, colour=_GREY)
    if report.metrics is None:
        canvas.text((_MARGIN, 130), words("report.no_data"), size=12)
        return
    _draw_metrics(report.metrics, canvas, words)
    _draw_ranges(report.metrics, canvas, words)
    _draw_profile(report.curve, canvas, words)
    _draw_days(report, canvas, words)
    canvas.text((_MARGIN, 820), words("report.disclaimer"), size=7, colour=_GREY)


def _draw_metrics(metrics: Consensus, canvas: Canvas, words: Words) -> None:
    y = 116.0
    for line in (_worn(metrics, words), _active(metrics, words)):
        canvas.text((_MARGIN, y), line, size=10)
        y += 16
    for metric in (Metric.MEAN, Metric.GMI, Metric.CV):
        canvas.text((_MARGIN, y + 8), words(f"metric.{metric}"), size=9, colour=_GREY)
        canvas.text((_MARGIN, y + 24), _figure(metrics, metric, words), size=13, bold=True)
        if metric in _GOALS:
            at = (_MARGIN + 80, y + 24)
            canvas.text(at, _goal(metric, words), size=8, colour=_GREY)
        y += 36
    for note in _notes(metrics, words):
        canvas.text((_MARGIN, y + 6), note, size=7, colour=_GREY)
        y += 10


def _draw_ranges(metrics: Consensus, canvas: Canvas, words: Words) -> None:
    left, top, tall = 300.0, 124.0, 140.0
    canvas.text((left, 112), words("report.ranges"), size=11, bold=True)
    y, label_y = top, top + 8
    for metric in _COLOURS:  # from very high down
        share = float(metrics.ranges_percent[metric]) / 100 * tall
        if share:
            canvas.polygon(rectangle(left, y, 34, share), _COLOURS[metric])
        middle = y + share / 2
        canvas.line([(left + 34, middle), (left + 46, label_y - 3)], _COLOURS[metric], 0.8)
        canvas.text(
            (left + 50, label_y),
            f"{_figure(metrics, metric, words)}  {words(f'metric.{metric}')}",
            bold=metric is Metric.TARGET,
        )
        canvas.text((left + 50, label_y + 10), _goal(metric, words), size=7, colour=_GREY)
        y += share
        label_y += 30


def _draw_profile(curve: list[ProfilePoint], canvas: Canvas, words: Words) -> None:
    left, top, wide, tall = 70.0, 336.0, 485.0, 200.0
    canvas.text((_MARGIN, 310), words("report.profile"), size=11, bold=True)
    canvas.text((_MARGIN, 323), words("report.profile_how"), size=7, colour=_GREY)

    def at(minute: float, mg_dl: float) -> Point:
        return left + minute / 1440 * wide, top + tall - min(mg_dl, _TOP_MG_DL) / _TOP_MG_DL * tall

    canvas.polygon([at(0, 70), at(1440, 70), at(1440, 180), at(0, 180)], "#eef7ef")
    for hour in range(0, 25, _EVERY_HOURS):
        canvas.line([at(hour * 60, 0), at(hour * 60, _TOP_MG_DL)], _GRID, 0.5)
        label = f"{hour % 24:02}:00"
        canvas.text((at(hour * 60, 0)[0], top + tall + 11), label, size=7, anchor=Anchor.MIDDLE)
    for run in _runs(curve):
        for low, high, colour in ((0, 4, _WIDE), (1, 3, _NARROW)):
            upper = [at(point.minute, point.mg_dl[high]) for point in run]
            lower = [at(point.minute, point.mg_dl[low]) for point in reversed(run)]
            canvas.polygon(upper + lower, colour)
    for mg_dl in (54, 70, 180, 250, 350):
        border = mg_dl in (70, 180)
        colour = _COLOURS[Metric.TARGET] if border else _GRID
        canvas.line([at(0, mg_dl), at(1440, mg_dl)], colour, 0.9 if border else 0.5)
        y = at(0, mg_dl)[1] + 3
        canvas.text((left - 4, y), str(mg_dl), size=7, bold=border, anchor=Anchor.END)
        mmol_l = number(rounded(mg_dl / Fraction(MG_DL_PER_MMOL_L)), words)
        canvas.text((left - 22, y), mmol_l, size=7, anchor=Anchor.END, colour=_GREY)
    for run in _runs(curve):
        canvas.line([at(point.minute, point.mg_dl[2]) for point in run], _CURVE, 2)
    canvas.text((left - 4, top - 6), "mg/dL", size=6, anchor=Anchor.END, colour=_GREY)
    canvas.text((left - 22, top - 6), "mmol/L", size=6, anchor=Anchor.END, colour=_GREY)
    if curve and curve[-1].minute > 1440 - 60:
        _name_percentiles(canvas, [at(1440, mg_dl) for mg_dl in curve[-1].mg_dl])


def _name_percentiles(canvas: Canvas, ends: list[Point]) -> None:
    """Write beside the end of each curve which one it is, none over another."""
    free = HEIGHT
    for (x, y), percent in zip(ends, PERCENTILES, strict=True):  # from the lowest up
        free = min(free - 7, round(y + 2))
        canvas.text((x + 3, free), f"{percent} %", size=6, bold=percent == _MEDIAN, colour=_CURVE)


def _runs(curve: list[ProfilePoint]) -> list[list[ProfilePoint]]:
    """Split the curve where quarters of an hour are missing."""
    runs: list[list[ProfilePoint]] = []
    for point in curve:
        if runs and point.minute - runs[-1][-1].minute == 15:
            runs[-1].append(point)
        else:
            runs.append([point])
    return [run for run in runs if len(run) > 1]


def _draw_days(report: Report, canvas: Canvas, words: Words) -> None:
    canvas.text((_MARGIN, 574), words("report.daily"), size=11, bold=True)
    wide, tall = 70.0, 84.0
    days = min(report.on_grid.days, _THUMBNAILS)
    traces = _by_day(report.on_grid, days)
    for index in range(days):
        day = report.on_grid.end - timedelta(days=days - index)
        left = _MARGIN + index % 7 * (wide + 4)
        top = 592.0 + index // 7 * (tall + 24)
        label = f"{words(f'weekday.{day.weekday()}')} {day.day}"
        canvas.text((left, top - 3), label, size=7, colour=_GREY)
        canvas.polygon(rectangle(left, top, wide, tall), "#f7f7f7")
        low, high = (top + tall - mg_dl / _TOP_MG_DL * tall for mg_dl in (70, 180))
        canvas.polygon(rectangle(left, high, wide, low - high), "#e3f1e5")
        for run in traces[days - 1 - index]:
            canvas.line(
                [
                    (
                        left + minute / 1440 * wide,
                        top + tall - min(mg_dl, _TOP_MG_DL) / _TOP_MG_DL * tall,
                    )
                    for minute, mg_dl in run
                ],
                _CURVE,
                0.8,
            )


def _by_day(on_grid: Trace, days: int) -> list[list[list[Point]]]:
    """Return the lines of each day, the last day first: a new line after a gap of 30 minutes."""
    order = sorted(zip(on_grid.slots, on_grid.amounts, strict=True), reverse=True)
    lines: list[list[list[Point]]] = [[] for _ in range(days)]
    previous: int | None = None
    for slot, amount in order:
        day, back = divmod(slot, SLOTS_PER_DAY)
        if day < days:
            point = ((SLOTS_PER_DAY - back) * 5.0, amount / 1000)
            if not lines[day] or previous is None or previous - slot > 6:
                lines[day].append([])
            lines[day][-1].append(point)
        previous = slot
    return [[line for line in day_lines if len(line) > 1] for day_lines in lines]


def period(report: Report, words: Words) -> str:
    """Say which days it is about."""
    first, last = date(report.first, words), date(report.last, words)
    return words("report.period", first=first, last=last, days=report.on_grid.days)


def _worn(metrics: Consensus, words: Words) -> str:
    return words("report.worn", worn=metrics.days_worn, days=metrics.days)


def _active(metrics: Consensus, words: Words) -> str:
    return words("report.active", active=number(metrics.active_percent, words))


def _figure(metrics: Consensus, metric: Metric, words: Words) -> str:
    """Write one figure with its unit; an asterisk if there are not enough data for it."""
    mark = "" if metrics.sufficient(metric) else " *"
    if metric is Metric.MEAN:
        mg_dl, mmol_l = number(metrics.mean_mg_dl, words), number(metrics.mean_mmol_l, words)
        return f"{mg_dl} mg/dL ({mmol_l} mmol/L){mark}"
    percent = {Metric.GMI: metrics.gmi_percent, Metric.CV: metrics.cv_percent}
    value = percent[metric] if metric in percent else metrics.ranges_percent[metric]
    return words("report.percent", value="-" if value is None else number(value, words)) + mark


def _goal(metric: Metric, words: Words) -> str:
    if metric is Metric.CV:
        return words("report.goal_most", goal=_GOALS[metric])
    beyond = _INCLUDED.get(metric)
    if beyond is None:
        return words("report.goal", goal=_GOALS[metric])
    name = words(f"metric.{beyond}").partition(" (")[0].lower()
    return words("report.goal_with", goal=_GOALS[metric], beyond=name)


def _notes(metrics: Consensus, words: Words) -> list[str]:
    short = sorted({NEEDS_DAYS[m] for m in Metric if NEEDS_DAYS[m] > metrics.days})
    notes = []
    if short:
        needed = words("report.or").join(str(days) for days in short)
        notes.append(words("report.not_enough_days", days=needed))
    if not any(metrics.sufficient(m) for m in Metric) and metrics.days >= min(NEEDS_DAYS.values()):
        notes.append(words("report.not_enough"))
    return notes
