from datetime import datetime

from firmware_sims.packing.abbott_hid import line, pieces, records, reply, report
from firmware_sims.packing.freestyle_libre import Stamp, history_line

from tests.firmware_sims.serial_vectors import frame_of, serial_vector


def test_a_published_reply_that_failed_is_made_octet_for_octet() -> None:
    assert reply(b"DB Record Number = 226988\r\n", ok=False) == frame_of("libre-text-3")


def test_a_published_sum() -> None:
    # Also in the tests of tidepool-org/uploader, testFreeStyleLibreProtocol.js.
    assert reply(b"2.1.2\r\n") == b"2.1.2\r\nCKSM:00000108\r\nCMD OK\r\n"


def test_the_history_that_the_specification_tells_is_made_octet_for_octet() -> None:
    expected = serial_vector("libre-history")["expected"]["records"]
    first, second = [Stamp(datetime.fromisoformat(row["device_time"])) for row in expected]

    lines = [
        history_line(34412, first, glucose=105, sensor_min=4578),
        history_line(34413, second, glucose=0, sensor_min=4593, errors=0x8000),
    ]

    assert reply(records(lines)) == frame_of("libre-history")


def test_no_records_have_a_message_of_their_own() -> None:
    assert reply(records([])).startswith(b"Log Empty\r\nCKSM:")


def test_a_report_has_its_length_and_behind_it_what_was_there() -> None:
    earlier = report(0x60, b"earlier")

    later = report(0x22, b"\x05", over=earlier)

    assert later == bytes.fromhex("22 01 05") + b"arlier" + bytes(55)
    assert report(0x01) == frame_of("libre-init")


def test_a_text_is_cut_where_a_report_is_full() -> None:
    text = bytes(range(125))

    assert list(pieces(text)) == [text[:62], text[62:124], text[124:]]
    assert list(pieces(text[:62])) == [text[:62]]


def test_a_line_is_octets_and_is_summed_as_octets() -> None:
    assert line(7, "HI", b'"\xc3"') == b'7,HI,"\xc3"'
    assert reply(b"\xc3\xa9\r\n") == b"\xc3\xa9\r\nCKSM:00000183\r\nCMD OK\r\n"
