"""Frames of makers that somebody published, which the project keeps: our encoders write the same.

The decoders are judged by the same rows (`tests/drivers/test_vectors.py`).
"""

import json
from datetime import datetime
from pathlib import Path

import pytest
from firmware_sims.packing import and_medical, microlife, omron, onetouch
from firmware_sims.packing.microlife import Family, Reading

FOLDER = Path(__file__).parents[2] / "vectors"
PUBLISHED = {
    row["id"]: bytes.fromhex(row["hex"])
    for path in FOLDER.glob("*.json")
    for row in json.loads(path.read_text())
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("row", "reading"),
    [
        (1, Reading(systolic=134, diastolic=70, pulse=68, shown=at("2022-07-17 17:02"))),
        (
            2,
            Reading(
                systolic=147,
                diastolic=59,
                pulse=48,
                shown=at("2022-07-17 17:56"),
                irregular=True,
            ),
        ),
        (
            3,
            Reading(systolic=148, diastolic=70, pulse=60, shown=at("2022-07-18 12:07"), fits=False),
        ),
        (4, Reading(systolic=144, diastolic=68, pulse=51, shown=None)),
    ],
)
def test_the_memory_of_a_microlife(row: int, reading: Reading) -> None:
    assert reading.pack(Family.NEWER) == PUBLISHED[f"OWN-MICROLIFE-RECORD-{row}"]


def test_frames_of_a_microlife_and_its_collectors() -> None:
    ask = bytes(7) + b"\xfd"

    assert microlife.frame(0x3A, b"\x81") == PUBLISHED["OWN-MICROLIFE-1"]
    assert microlife.frame(microlife.COLLECTOR, b"\x04") == PUBLISHED["OWN-MICROLIFE-CMD-2"]
    assert microlife.asked(PUBLISHED["OWN-MICROLIFE-CMD-1"]) == ask


@pytest.mark.parametrize(
    ("row", "content"), [(1, "040601000000"), (2, "040600000000"), (3, "0406")]
)
def test_answers_of_a_onetouch(row: int, content: str) -> None:
    whole = onetouch.packet(0, bytes.fromhex(content))

    assert onetouch.pieces(whole) == [PUBLISHED[f"OWN-ONETOUCH-{row}"]]


def test_an_answer_of_a_onetouch_in_three_pieces() -> None:
    published = [PUBLISHED[f"OWN-ONETOUCH-{row}"] for row in (4, 5, 6)]
    whole = b"".join(piece[1:] for piece in published)

    assert onetouch.packet(0, whole[3:-3]) == whole
    assert onetouch.pieces(whole) == published


def test_a_record_of_an_omron_that_writes_the_high_octet_first() -> None:
    reading = omron.Reading(
        systolic=128, diastolic=88, pulse=67, shown=at("2025-04-04 19:11:47"), number=0
    )
    published = PUBLISHED["OWN-OMRON-14BE-2"]

    assert omron.record_big(reading)[:8] == published[:8]


def test_commands_of_an_and_scale() -> None:
    set_time = bytes.fromhex("1a030e0a1a35")

    assert and_medical.command(3, write=True) == PUBLISHED["OWN-AND-CMD-1"]
    assert and_medical.command(1, set_time, write=True) == PUBLISHED["OWN-AND-CMD-2"]
