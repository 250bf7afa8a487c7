"""No bytes at all make a driver raise anything but DecodeError, on any channel that it knows.

Some examples of each format; `make fuzz` has the patience.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.drivers.api import CABLES, Channel, Driver, Frame
from gateway.drivers.data_types import DATA_TYPES
from gateway.drivers.registry import installed
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock
from tests.conformance.specimens import specimens
from tests.drivers.gatt_lines import is_message_or_decode_error
from tests.drivers.serial_lines import mangled
from tests.drivers.test_vectors import own_rows

DRIVERS = list(installed())
NOW = ManualClock().now()
SPECIMENS = specimens()
KNOWN = [
    (row["characteristic"].lower(), bytes.fromhex(row["hex"]))
    for row in own_rows()
    if row.get("hex")
]
HINTS = st.fixed_dictionaries(
    {},
    optional={
        "e2e_crc": st.booleans(),
        "direction": st.sampled_from(["command", "answer", 7]),
        "service": st.sampled_from(["GLS", "CGMS", None]),
        "parts": st.lists(st.integers(-1, 20), max_size=4) | st.integers() | st.text(),
    },
)


def formats(driver: Driver) -> Iterator[tuple[str, Channel]]:
    """All that a driver reads; on a cable the names are those of devices, and it is one format."""
    if driver.manifest.reach in CABLES:
        yield driver.manifest.name, CABLES[driver.manifest.reach]
    else:
        yield from driver.manifest.decodes.items()


ALL = [(driver, *named) for driver in DRIVERS for named in formats(driver)]


@cache
def octets(name: str) -> st.SearchStrategy[bytes]:
    """Any bytes, and frames of a format with some of them changed, missing or added."""
    known = [frame for format_, frame in KNOWN if format_ == name.lower()]
    known = known or [frame for _, frame in KNOWN]
    longer = st.builds(
        lambda frame, at, piece: frame[:at] + piece + frame[at:],
        st.sampled_from(known),
        st.integers(0, 64),
        st.binary(min_size=1, max_size=3),
    )
    return mangled(known) | longer


def ids(case: object) -> str:
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(("driver", "name", "channel"), ALL, ids=ids)
@settings(max_examples=50)
@given(drawn=st.data(), hints=HINTS)
def test_decode_is_total(
    driver: Driver, name: str, channel: Channel, drawn: st.DataObject, hints: Mapping[str, object]
) -> None:
    said = {**hints, "name": name.lower()}

    is_message_or_decode_error(
        lambda it: driver.decode(Frame(channel, it, NOW, said)), drawn.draw(octets(name))
    )


@pytest.mark.parametrize("name", DATA_TYPES)
@settings(max_examples=50)
@given(drawn=st.data())
def test_so_are_the_data_types(name: str, drawn: st.DataObject) -> None:
    is_message_or_decode_error(DATA_TYPES[name], drawn.draw(octets(name)))


@given(st.sampled_from(DRIVERS), st.text(max_size=12), st.binary(max_size=20))
def test_a_channel_that_a_driver_does_not_know_is_no_other_error(
    driver: Driver, channel: str, data: bytes
) -> None:
    is_message_or_decode_error(lambda it: driver.decode(Frame(Channel(channel), it, NOW)), data)


def mentioned() -> set[Channel]:
    """Every channel that any driver or specimen of one mentions."""
    found = {channel for _, _, channel in ALL}
    for some in SPECIMENS.values():
        for specimen in some:
            found |= {*specimen.values, *specimen.answers()}
            found |= {channel for _, channel, _ in specimen.says}
    return found


def knows(driver: Driver, channel: Channel) -> bool:
    try:
        driver.decode(Frame(channel, b"", NOW))
    except DecodeError as error:
        return error.reason != "unknown_channel"
    return True


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda it: it.manifest.name)
def test_every_channel_that_a_driver_decodes_has_a_name_and_so_is_tried_here(
    driver: Driver,
) -> None:
    named = {channel for _, channel in formats(driver)}
    known = {channel for channel in mentioned() if knows(driver, channel)}

    assert driver.manifest.reach in CABLES or known == named
