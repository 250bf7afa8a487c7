from firmware_sims.ledger import Ledger
from firmware_sims.scale.health_o_meter_binary import HealthOMeterBinary, encode
from firmware_sims.serial_device import ask

from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of


def test_the_printed_frames_are_reproduced() -> None:
    assert encode("004.990", pounds=False, start=1) == frame_of("hom-baby-soh")
    assert encode("123.4", pounds=True) == frame_of("hom-2595kl")


def test_a_weighing_is_one_frame_and_nothing_is_heard() -> None:
    ledger = Ledger()
    device = HealthOMeterBinary(placement(ledger=ledger))

    (frame,) = device.measure()

    assert frame == b"\x02\x82\xd7\xe40" + ledger.produced[0].values["weight"].encode() + b"\r"
    assert ask(device, b"anything\r") == b""
    assert device.answer(b"anything") == []
