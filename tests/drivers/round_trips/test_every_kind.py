"""What the simulators' encoders write, `decode` reads: the same, from two hands, of every kind.

The encoders were written from the specifications, not from the decoders; the two never import each
other. A characteristic or frame of the radio that `decode` knows and no encoder writes fails the
suite, until it is in a table here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.drivers.api import CABLES
from gateway.drivers.decoding import Decoding
from gateway.drivers.registry import GROUP, Registry
from tests.drivers.round_trips import asked, cables, cuffs, scales, sensors, times
from tests.drivers.round_trips.written import ABSENT, Written
from tests.drivers.test_vectors import differences

DRIVERS = [point.load() for point in entry_points(group=GROUP)]
DECODING = Decoding(Registry(DRIVERS))
BY_RADIO = Decoding(Registry(d for d in DRIVERS if d.manifest.reach not in CABLES))
TRIPS: Mapping[str, st.SearchStrategy[Written]] = {
    **times.TRIPS,
    **cuffs.TRIPS,
    **scales.TRIPS,
    **sensors.TRIPS,
    **asked.TRIPS,
    **cables.TRIPS,
}


@pytest.mark.parametrize("kind", sorted(TRIPS))
@settings(max_examples=60)
@given(data=st.data())
def test_what_an_encoder_wrote_is_read_as_it_was_meant(kind: str, data: st.DataObject) -> None:
    written = data.draw(TRIPS[kind])
    asked = {"id": kind, "characteristic": kind, "hex": written.octets.hex(), "ctx": written.ctx}

    answer = DECODING.answer(asked)

    assert answer["ok"] is True, answer
    assert unlike({**written.said, "trailing_octets": ABSENT}, answer["message"]) == []


def test_every_kind_that_decode_knows_is_tried() -> None:
    assert set(BY_RADIO.names) - set(TRIPS) == set()
    assert set(TRIPS) - set(DECODING.names) == set()


def unlike(said: Mapping[str, object], message: object) -> list[str]:
    """Return how a message differs from what was said: it may have more fields, but for ABSENT."""
    assert isinstance(message, Mapping)
    there = {name: it for name, it in said.items() if it is not ABSENT and name != "records"}
    found = [f"{name} is there" for name in said if said[name] is ABSENT and name in message]
    found += differences(there, message)
    records = said.get("records", [])
    assert isinstance(records, list)
    for one, other in zip(records, message.get("records", []), strict=True):
        found += unlike(one, other)
    return found
