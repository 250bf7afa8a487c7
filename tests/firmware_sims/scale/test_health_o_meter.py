from typing import Any

import pytest
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.scale.escape_packet import Field, encode
from firmware_sims.scale.health_o_meter import KL_500, KL_500_L, KL_597, KL_600, HealthOMeter
from firmware_sims.serial_device import ask

from tests.firmware_sims.people import body
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of

PRINTED: list[Field] = [("I", "1234567890"), ("W", "184.5"), ("H", "84.0"), ("B", "24.1")]
METRIC: list[Field] = [*PRINTED, ("T", "0.0"), ("N", "m")]
IMPERIAL: list[Field] = [*PRINTED, ("N", "c")]


def scale(ledger: Ledger | None = None, **options: Any) -> HealthOMeter:
    where = {name: options.pop(name) for name in ("faults", "forbidden") if name in options}
    return HealthOMeter(placement(people=[(body(), "42")], ledger=ledger, **where), **options)


def test_the_printed_packets_are_reproduced() -> None:
    assert encode(METRIC) == frame_of("hom-L-metric")
    assert encode(IMPERIAL) == frame_of("hom-600kl")
    assert encode(METRIC, continued=True) == frame_of("hom-L-stream-6R")
    assert encode(METRIC) + encode(METRIC, continued=True) == frame_of("hom-two-packets")


def test_packets_that_a_reader_must_refuse_can_be_made() -> None:
    cut = encode([("I", "0000000000"), ("W", "18")]).removesuffix(b"\x1bE")

    assert encode([("W", "100.0")]) == frame_of("hom-no-units")
    assert cut + encode(METRIC) == frame_of("hom-fragment-glued")


def test_a_packet_is_spelled_as_in_the_protocol_book() -> None:
    assert encode([("W", "184.5"), ("N", "m")]) == b"\x1bR\x1bW184.5\x1bNm\x1bE"


def test_a_weighing_is_a_stream_of_one_packet() -> None:
    ledger = Ledger()

    stream = scale(ledger, packets=3).measure()

    (weighing,) = ledger.produced
    assert len(stream) == 3
    assert len(set(stream)) == 1
    assert stream[0].startswith(b"\x1bR\x1bI0000000042\x1bW" + weighing.values["weight"].encode())
    assert stream[0].endswith(b"\x1bH0.0\x1bB0.0\x1bT0.0\x1bNm\x1bE")


def test_an_l_model_continues_its_stream_without_escape() -> None:
    first, second, third = scale(model=KL_500_L, packets=3).measure()

    assert first[:2] == b"\x1bR"
    assert second == third == b"6R" + first[2:]


def test_some_models_stream_before_the_lock_and_after_the_step_off() -> None:
    ledger = Ledger()

    stream = scale(ledger, model=KL_597, packets=2).measure()

    weights = [each.partition(b"\x1bW")[2].partition(b"\x1b")[0].decode() for each in stream]
    assert len(set(weights[:4])) == 4
    assert weights[3:5] == [ledger.produced[0].values["weight"]] * 2
    assert weights[5:] == ["0.00", "0.00"]


def test_height_and_bmi_come_with_their_button_and_in_the_unit_of_the_weight() -> None:
    (metric,) = scale(model=KL_600, packets=1, bmi_button=True).measure()
    (imperial,) = scale(model=KL_600, packets=1, bmi_button=True, pounds=True).measure()

    assert b"\x1bH170.0\x1bB22." in metric
    assert b"\x1bH66.9\x1bB22." in imperial
    assert imperial.endswith(b"\x1bNc\x1bE")


def test_pressing_recall_repeats_the_weighing_once() -> None:
    ledger = Ledger()
    device = scale(ledger, packets=2, faults={Fault.DOUBLE_KEY_PRESS: 1})

    stream = device.measure()

    assert len(stream) == 3
    assert device.recall() == [stream[-1]]
    assert len(ledger.produced) == 1
    assert scale().recall() == []


def test_a_stream_joined_too_late_lacks_its_beginning() -> None:
    cut, whole = scale(packets=2, join_mid_stream=True).measure()

    assert whole.endswith(cut)
    assert not cut.startswith(b"\x1bR")


@pytest.mark.parametrize("command", [b"\x1bU\x1bE", b"\x1bC\x1bE"])
def test_commands_are_recorded_and_not_answered(command: bytes) -> None:
    forbidden = ForbiddenCommands()

    answer = ask(scale(model=KL_500, forbidden=forbidden), command)

    assert (answer, forbidden.received) == (b"", [command[1:2].decode()])
