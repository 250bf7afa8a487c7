from datetime import datetime
from decimal import Decimal

from firmware_sims.faults import Fault
from firmware_sims.ledger import Ledger
from firmware_sims.scale.detecto_solo import DetectoSolo, encode
from firmware_sims.serial_device import ask

from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of


def test_the_printed_line_is_reproduced() -> None:
    noon = datetime(2015, 8, 7, 12, 0)  # noqa: DTZ001
    line = encode(noon, Decimal("21.5"), Decimal("160.02"), "132.3", "lb")

    assert line == frame_of("detecto-solo")


def test_a_weighing_is_printed_and_can_be_printed_again() -> None:
    ledger = Ledger()
    device = DetectoSolo(placement(ledger=ledger), pounds=False)
    before = ask(device, b"\nP\r")

    (line,) = device.measure()

    weight = ledger.produced[0].values["weight"]
    assert line.startswith(b"12:00,03/10/26,2")
    assert line.endswith(f",170.0cm,{weight}kg\r".encode())
    assert (before, ask(device, b"\nP\r"), ask(device, b"\nX\r")) == (b"", line, b"")


def test_print_pressed_twice_is_one_record() -> None:
    ledger = Ledger()

    lines = DetectoSolo(placement(ledger=ledger, faults={Fault.DOUBLE_KEY_PRESS: 1})).measure()

    assert (len(lines), len(ledger.produced)) == (2, 1)
