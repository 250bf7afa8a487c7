from datetime import datetime
from typing import Any

import pytest
from firmware_sims.bp_monitor.and_tm import Model, Result, TmKiosk
from firmware_sims.bp_monitor.syn_frames import ACK, CONTROL, NAK, encode, split
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.serial_device import ask
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware_sims.people import body
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of

NOV_12 = datetime(2024, 11, 12, 10, 14)  # noqa: DTZ001 - a device's clock


def kiosk(model: Model = Model.TM2657, **where: Any) -> TmKiosk:
    return TmKiosk(placement(**where), model=model)


def fields(frame: bytes) -> list[str]:
    return frame[6:-2].decode().split("\x1e")


def test_the_reconstructed_tm_2655_frame_is_reproduced() -> None:
    result = Result(
        model=Model.TM2655,
        taken_at_device_local=datetime(2020, 5, 11, 8, 48),  # noqa: DTZ001
        systolic=107,
        mean=85,
        diastolic=59,
        pulse=88,
    )

    assert result.encode() == frame_of("tm2655-rb-2")


def test_the_captured_tm_2657_frame_is_reproduced_with_its_check_4a() -> None:
    result = Result(
        model=Model.TM2657,
        taken_at_device_local=NOV_12,
        systolic=127,
        mean=97,
        diastolic=76,
        pulse=78,
        inflation=0,
        amplitude=232,
    )

    frame = result.encode()

    assert frame[-1] == 0x4A
    assert frame[:-1] + b"\x4b" == frame_of("tm-bad-bcc")


@pytest.mark.parametrize(
    ("identity", "text"),
    [("tm-cmd-read-bp", b"RB"), ("tm-cmd-inbody-start", b"RC"), ("tm-cmd-read-pulse", b"RP")],
)
def test_the_published_requests_are_reproduced(identity: str, text: bytes) -> None:
    assert encode(text) == frame_of(identity)


def test_start_and_stop_are_as_written_in_the_specification() -> None:
    assert encode(b"ST", CONTROL).hex(" ") == "16 16 01 30 20 02 53 54 03 07"
    assert encode(b"SP", CONTROL).hex(" ") == "16 16 01 30 20 02 53 50 03 03"


@pytest.mark.parametrize("model", [Model.TM2655, Model.TM2657])
def test_a_measurement_is_pushed_as_it_was_entered(model: Model) -> None:
    ledger = Ledger()

    (frame,) = kiosk(model, ledger=ledger).measure()

    name, taken_at, _, _, error, systolic, mean, diastolic, pulse, *_ = fields(frame)
    pressures, rate = ledger.produced
    assert (name, taken_at, error) == (model.value, "2603101200", "E00")
    assert [systolic[1:].strip(), mean[1:].strip(), diastolic[1:].strip()] == [
        pressures.values[key] for key in ("systolic", "mean", "diastolic")
    ]
    assert pulse == f"P{int(rate.values['pulse']):3}"


def test_an_inbody_sends_an_id_and_no_mean() -> None:
    ledger = Ledger()

    (frame,) = kiosk(Model.BPBIO320, ledger=ledger, people=[(body(), "42")]).measure()

    identity, kind, error, systolic, mean, *_ = fields(frame)
    assert (identity, kind, error, mean) == ("0" * 15 + "42", "RB", "00000", "M000")
    assert systolic == f"S{ledger.produced[0].values['systolic']}"
    assert "mean" not in ledger.produced[0].values


def test_the_last_result_can_be_asked_for() -> None:
    device = kiosk()

    before = ask(device, encode(b"RB"))
    (frame,) = device.measure()

    assert (before, ask(device, encode(b"RB"))) == (NAK, frame)


@pytest.mark.parametrize(
    ("model", "text", "name"),
    [
        (Model.TM2655, b"ST", "start measurement"),
        (Model.TM2657, b"SP", "stop measurement"),
        (Model.BPBIO320, b"RC", "start measurement"),
    ],
)
def test_starting_and_stopping_is_recorded(model: Model, text: bytes, name: str) -> None:
    forbidden, ledger = ForbiddenCommands(), Ledger()

    answer = ask(kiosk(model, forbidden=forbidden, ledger=ledger), encode(text, CONTROL))

    assert (answer, forbidden.received, ledger.produced) == (ACK, [name], [])


def test_an_error_has_a_code_and_no_figures_and_is_no_record() -> None:
    ledger = Ledger()

    (frame,) = kiosk(ledger=ledger, faults={Fault.ERROR_CODE: 1}).measure()

    error, *figures = fields(frame)[4:9]
    assert int(error[1:]) > 0
    assert figures == ["S   ", "M   ", "D   ", "P   "]
    assert ledger.produced == []


def test_a_key_pressed_twice_sends_one_measurement_twice() -> None:
    ledger = Ledger()

    first, second = kiosk(ledger=ledger, faults={Fault.DOUBLE_KEY_PRESS: 1}).measure()

    assert first == second
    assert [each.kind for each in ledger.produced] == [Kind.BLOOD_PRESSURE, Kind.HEART_RATE]


def test_a_damaged_request_is_refused() -> None:
    assert ask(kiosk(), encode(b"RB")[:-1] + b"\x11") == NAK


@given(st.integers(0, 40))
def test_requests_are_found_in_noise_and_in_pieces(cut: int) -> None:
    sent = b"\x16noise" + encode(b"RB") + b"\x03\x16" + encode(b"RC")

    early, rest = split(sent[:cut])
    late, _ = split(rest + sent[cut:])

    assert early + late == [encode(b"RB"), encode(b"RC")]
