"""What an encoder cuts into pieces is put together again as it was."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from firmware_sims.packing import blood_pressure, body_composition, contour_usb
from firmware_sims.packing.body_composition import Composition
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.drivers.api import Frame, gatt
from gateway.drivers.bp_monitor.bluetooth_sig.record import Assembly
from gateway.drivers.glucose_meter.contour_usb import framing
from gateway.drivers.scale.bluetooth_sig import codec as scale
from gateway.drivers.scale.bluetooth_sig.pairing import joined
from gateway.testing.clock import ManualClock
from gateway.wire.stream import Framer
from tests.drivers.round_trips.cables import CONTOUR_RECORDS, FRAMES
from tests.drivers.round_trips.scales import PARTS, composed
from tests.drivers.round_trips.written import BOOLS, U16

SMALLEST_ROOM = 20


@given(st.binary(min_size=1, max_size=60), U16, st.integers(1, 20), st.integers(0, 63), BOOLS)
def test_a_record_in_segments(
    data: bytes, sequence: int, size: int, counter: int, e2e_crc: bool
) -> None:
    segments = blood_pressure.record_segments(
        data,
        sequence_number=sequence,
        uuid=0x2B34,
        data_per_segment=size,
        counter=counter,
        e2e_crc=e2e_crc,
    )
    assembly = Assembly(e2e_crc=e2e_crc)

    *early, record = [
        assembly.add(Frame(gatt("1810", "2b36"), segment, ManualClock().now()))
        for segment in segments
    ]

    assert early == [None] * len(early)
    assert record is not None
    assert (record.sequence, record.uuid, record.data) == (sequence, "2B34", data)


TWO_PACKETS = Composition(
    body_fat_percent=Decimal("21.4"),
    device_local=datetime(2026, 3, 1, 7, 30),  # noqa: DTZ001 - a scale's own clock
    user=2,
    basal_metabolism_kj=6200,
    muscle_percent=Decimal("41.5"),
    muscle_mass=Decimal("30.005"),
    impedance_ohm=Decimal("512.3"),
    weight=Decimal("72.3"),
    height=Decimal("1.725"),
)


@given(composed(imperial=False) | composed(imperial=True))
@example(TWO_PACKETS)
def test_a_body_composition_in_one_packet_or_two(written: Composition) -> None:
    packets = body_composition.measurement(written, room=SMALLEST_ROOM)
    # A third was never seen, and the driver knows of two.
    assume(len(packets) <= 2)

    first, *rest = map(scale.body_composition, packets)
    said = joined(first, *rest) if rest else first

    assert len(packets) == 2 or written != TWO_PACKETS
    assert said is not None
    for name in ("body_fat_percent", *PARTS):
        assert getattr(said, name) == getattr(written, name)
    assert (said.timestamp, said.user_id) == (written.device_local, written.user)


@given(st.lists(st.tuples(FRAMES, CONTOUR_RECORDS), min_size=1, max_size=5))
def test_frames_in_reports(records: list[tuple[int, tuple[bytes, dict[str, object]]]]) -> None:
    frames = [
        contour_usb.frame(number, text, last=text == contour_usb.END)
        for number, (text, _) in records
    ]
    framer = Framer(framing.pieces)

    found = [
        piece
        for each in frames
        for report in contour_usb.reports(each)
        for piece in framer.feed(framing.payload(report))
    ]

    assert found == frames
    assert [(read.number, read.text) for read in map(framing.frame, frames)] == [
        (number, text) for number, (text, _) in records
    ]
