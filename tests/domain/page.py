"""Makes `docs/time-stories.md` from `time_stories.toml`; `make docs` runs it.

What a device says is told as its driver understood it, beside the octets it came in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from gateway.domain.device_time import Correction
from gateway.domain.reading import Kind, Reading
from tests.domain.telling import FAMILIES, NOW, Story, converse, outcome

PATH = Path(__file__).parents[2] / "docs" / "time-stories.md"

WHY: Mapping[Correction, str] = {
    Correction.MEASURED_OFFSET: "its clock was compared with ours as it gave the reading",
    Correction.EARLIER_OFFSET: "its clock was compared with ours before it was set or lost",
    Correction.CLOCK_CHANGED: "its clock was set between two looks; the doubt reaches over both",
    Correction.STATED_OFFSET: "the device states its offset from universal time",
    Correction.ASSUMED_ZONE: "its clock cannot be asked, and may be an hour and ten minutes off",
    Correction.RECEPTION: "it keeps no time, and the reading had just been taken",
    Correction.RECEPTION_BAD_CLOCK: "its clock is wrong, and the reading had just been taken",
    Correction.COMPUTED_HERE: "the hub computed it for a period whose end it knows",
    Correction.HUB_CLOCK_UNSET: "the hub does not know the time yet",
    Correction.UNKNOWN: "its clock cannot be right, and the reading is out of its memory",
}
_DEVICES = {
    "cuff": "cuff",
    "scale": "scale",
    "meter": "glucose meter",
    "sensor": "glucose sensor",
    "receiver": "Dexcom receiver",
    "omron_hbp": "cuff on a cable",
    "tanita": "scale on a cable",
}
_UNITS = {"/min": " per minute", "mm[Hg]": " mmHg"}
_HUB = {
    "unset": "The hub has not heard the time yet.",
    "learned": "The hub hears the time five minutes later.",
    "set": "The hub is an hour slow and trusted; then its clock is set.",
}
_HEAD = """# Time and person, story by story

What happened, what the device said, and what the gateway makes of it.
This page is made from `tests/domain/time_stories.toml`: every story begins with the octets \
that a device sends, is read by the real driver, and must end as it says here.
Whole families of them are also played by virtual devices before the running gateway; \
`firmware-sims play NAME.toml` plays one.

Unless a story says otherwise, the hub is in Paris, it is {now} there and the hub knows it, and \
the device measures Odile.
± is a bound: the reading was certainly taken within it.
What may be off by more than two hours *waits*: it is kept, shown and not sent.
"""


async def made() -> str:
    """Return the page."""
    lines = [_HEAD.format(now=NOW)]
    for family in FAMILIES:
        played = ", ".join(f"`{name}`" for name in family["scenarios"])
        lines += [f"## {family['name']}", "", f"Played as {played}.", ""]
        for story in family["story"]:
            lines += [*await _told(story), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


async def _told(story: Story) -> list[str]:
    readings, ends = await converse(story), await outcome(story)
    lines = [f"### {story['story']}", "", *_circumstances(story)]
    lines += [_clock(story, readings), ""]
    lines += ["| it says | as octets | taken | because | and then |", "|---|---|---|---|---|"]
    octets = [_code(said) for said in story["sends"]]
    if len(octets) < len(readings):  # one line of text tells several
        octets += ['"'] * (len(readings) - len(octets))
    for reading, said, end in zip(readings, octets, ends, strict=True):
        lines.append(f"| {_says(reading)} | {said} | {_taken(end)} |")
    return lines


def _code(said: str) -> str:
    return f"`{said.strip()}`"


def _clock(story: Story, readings: list[Reading]) -> str:
    device = f"A {_DEVICES[story['device']]}"
    told = readings[0].device_time if readings else None
    if told is None or told.clock is None:
        return f"{device}, whose clock cannot be asked."
    asked = next((story[key] for key in ("clock", "status") if key in story), None)
    octets = "" if asked is None else f" ({_code(asked)})"
    if "start" in story:
        octets = f" (started {_code(story['start'])}, counted {_code(story['status'])})"
    return f"{device}; its clock shows {_moment(told.clock.shown)}{octets}."


def _says(reading: Reading) -> str:
    told = reading.device_time
    when = "without a time" if told is None else "at no possible time"
    if told is not None and told.stamp is not None:
        when = f"at {_moment(told.stamp)}"
    return f"{_values(reading)}, {when}"


def _values(reading: Reading) -> str:
    numbers = [f"{each.value.normalize():f}" for each in reading.values.values()]
    unit = next(iter(reading.values.values())).unit
    if reading.kind is Kind.BLOOD_PRESSURE:
        numbers = numbers[:2]
    elif reading.kind is not Kind.HEART_RATE:
        numbers = numbers[:1]
    return "/".join(numbers) + _UNITS.get(unit, f" {unit}")


def _taken(end: str) -> str:
    *when, reason, goes, whose = end.replace(", perhaps", " (perhaps").split(", ")
    at, doubt = when if when[0] != "when" else ("nobody knows", "")
    if "(perhaps" in whose:
        whose += "?)"
    if goes == "waits":
        then = f"waits; {whose}'s" if whose != "nobody" else "waits"
    elif whose.startswith("nobody"):
        then = f"waits until somebody says whose it is{whose.removeprefix('nobody')}"
    else:
        then = f"{whose}'s; may be sent"
    return f"{at} {doubt} | {WHY[Correction(reason)]} | {then}"


def _moment(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds")


def _circumstances(story: Story) -> Iterator[str]:
    if "now" in story:
        yield f"It is {story['now']}."
    if "hub" in story:
        yield _HUB.get(story["hub"], "") or (
            f"The hub was known to be off from {story['off_from']}, was then up for"
            f" {story['up_min']} minutes without knowing the time, and knew it again from"
            f" {story['known_again']}."
        )
    for at, shown in story.get("looks", ()):
        yield f"At {at} the clock was seen to show {shown}."
    if "we_set_it" in story:
        yield f"At {story['we_set_it']} the gateway set it."
    if "people" in story:
        yield f"It measures {'; '.join(map(_person, story['people'])) or 'nobody in particular'}."
    if "weighed" in story:
        yield f"Before, people weighed: {', '.join(text + ' kg' for text in story['weighed'])}."


def _person(text: str) -> str:
    words, at_kiosk, _ = text.partition(" at the kiosk")
    slot, name, *period = words.split(" ")
    told = name if slot == "*" else f"{name} as user {slot}"
    if period:
        told += f" from {' '.join(period[:2])}"
    if period[2:]:
        told += f" to {' '.join(period[2:])}"
    return told + (" (at the kiosk)" if at_kiosk else "")


if __name__ == "__main__":
    PATH.write_text(asyncio.run(made()), encoding="utf-8")
