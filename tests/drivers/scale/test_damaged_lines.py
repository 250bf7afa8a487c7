"""One line of a weigh-in that lost, won or changed a byte, where no check sum tells.

Whichever byte of whichever line it is: the person is weighed once, and by nothing but their weight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.domain.reading import Measure, Quality
from gateway.drivers.registry import installed
from gateway.errors import LinkLost
from tests.drivers.serial_lines import Timeline, session_with

LINES = 5


@dataclass(frozen=True)
class Case:
    driver: str
    kg: str
    line: bytes
    empty: tuple[bytes, ...] = ()
    protocol: str | None = None


CASES = {
    "MT-SICS": Case("mt_sics", "72.45", b"S S      72.45 kg\r\n", (b"S S       0.00 kg\r\n",) * 2),
    "SMA": Case("sma", "72.45", b"\n 1G       72.45kg \r", (b"\nZ1G        0.00kg \r",) * 2),
    "SMA in pounds": Case(
        "sma", "72.440", b"\n 1G       159.7lb \r", (b"\nZ1G         0.0lb \r",) * 2
    ),
    "A&D": Case("and_weighing", "72.45", b"ST,+00072.45 kg\r\n"),
    "A&D for people": Case("and_weighing", "77.45", b"ST,+077.45kg\r\n"),
    "Health o meter": Case(
        "health_o_meter", "84.5", b"\x1bR\x1bI0000000000\x1bW84.5\x1bH0.0\x1bB0.0\x1bNm\x1bE"
    ),
    "baby": Case("health_o_meter", "4.990", b"\x01\x82\xd7\xe4004.990\r", protocol="baby"),
    "Rice Lake": Case(
        "health_o_meter",
        "84.5",
        b"\x1bR\x1bW0084.5\x1bNm\x1bE",
        (b"\x1bR\x1bW0000.0\x1bNm\x1bE",) * 2,
        protocol="rice_lake",
    ),
}


def damaged(line: bytes) -> Iterator[bytes]:
    for at, octet in enumerate(line):
        yield line[:at] + line[at + 1 :]
        yield line[: at + 1] + line[at:]
        for bit in range(8):
            yield line[:at] + bytes((octet ^ 1 << bit,)) + line[at + 1 :]


def arrivals(case: Case) -> Iterator[tuple[float, bytes]]:
    """One weigh-in after the other, in each another line of it damaged in another way."""
    second = 0.0
    for number, line in enumerate(damaged(case.line)):
        lines = [case.line] * LINES
        lines[number % LINES] = line
        for shown in (*lines, *case.empty):
            second += 1
            yield second, shown
        second += 0 if case.empty else 30


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_byte_lost_won_or_changed_makes_no_other_weight_and_no_second(case: Case) -> None:
    timeline = Timeline(*arrivals(case))
    settings = {} if case.protocol is None else {"protocol": case.protocol}
    driver = installed().named(f"scale/{case.driver}")
    session = session_with(driver, settings={**settings}, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await driver.converse(session)

    good = [it.values[Measure.WEIGHT] for it in session.readings if it.quality is Quality.GOOD]
    assert Counter(str(it.value) for it in good) == {case.kg: len(list(damaged(case.line)))}
