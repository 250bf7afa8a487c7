"""Answers of devices that are asked, cut anywhere: the frames are the same.

Devices that send by themselves are cut in the tests of their drivers, down to their readings.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.bp_monitor.beurer_serial import codec as beurer
from gateway.drivers.glucose_meter.onetouch_ultra2 import codec as ultra2
from gateway.drivers.scale.mt_sics import codec as mt_sics
from gateway.wire.stream import Framer, Grammar
from tests.drivers.serial_lines import cut

ANSWERS = {
    "Beurer": (beurer.records, bytes.fromhex("ac5e3547051d17240d") * 2 + b"\xa9"),
    "OneTouch Ultra2": (
        ultra2.frames,
        b'P 001,"SNV012345","MG/DL " 05E9\r'
        b'P "WED","03/09/16","07:33:00   "," 098 ","N","00", 00 0991\r',
    ),
    "MT-SICS": (mt_sics.frames, b"S D      63.80 kg\r\nS S      64.20 kg\r\nS +\r\nES\r\n"),
}


@pytest.mark.parametrize(("grammar", "sent"), ANSWERS.values(), ids=ANSWERS.keys())
@given(data=st.data())
def test_frames_do_not_depend_on_how_the_chunks_fall(
    grammar: Grammar, sent: bytes, data: st.DataObject
) -> None:
    whole = Framer(grammar).feed(sent)
    framer = Framer(grammar)

    pieces = [piece for chunk in data.draw(cut(sent)) for piece in framer.feed(chunk)]

    assert pieces == whole
    assert len(whole) >= 2
