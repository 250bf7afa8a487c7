"""No bytes at all make a driver raise anything but DecodeError, on any channel that it knows.

Some examples of each format; `make fuzz` has the patience.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
from tests.drivers.test_vectors import own_rows

DRIVERS = list(installed())
NOW = ManualClock().now()
SPECIMENS = specimens()
KNOWN = [bytes.fromhex(row["hex"]) for row in own_rows() if row.get("hex")]
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
    yield from driver.manifest.decodes.items()
    if driver.manifest.reach in CABLES:
        yield driver.manifest.name, CABLES[driver.manifest.reach]


ALL = [(driver, *named) for driver in DRIVERS for named in formats(driver)]


def octets() -> st.SearchStrategy[bytes]:
    """Any bytes, and known frames with some of them changed, missing or added."""
    changed = st.builds(
        lambda known, at, piece: known[: at % (len(known) + 1)] + piece + known[at:],
        st.sampled_from(KNOWN),
        st.integers(0, 64),
        st.binary(max_size=3),
    )
    return st.binary(max_size=64) | changed


def ids(case: object) -> str:
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(("driver", "name", "channel"), ALL, ids=ids)
@settings(max_examples=25)
@given(data=octets(), hints=HINTS)
def test_decode_is_total(
    driver: Driver, name: str, channel: Channel, data: bytes, hints: Mapping[str, object]
) -> None:
    said = {**hints, "name": name.lower()}

    is_message_or_decode_error(lambda it: driver.decode(Frame(channel, it, NOW, said)), data)


@pytest.mark.parametrize("name", DATA_TYPES)
@settings(max_examples=25)
@given(data=octets())
def test_so_are_the_data_types(name: str, data: bytes) -> None:
    is_message_or_decode_error(DATA_TYPES[name], data)


@settings(max_examples=100)
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
