"""Frames of QN scales: those that were published are reproduced from what they say."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.packing import qn
from firmware_sims.packing.qn import Kind, Panel, State, Weighing

PUBLISHED = Path(__file__).parents[2] / "vectors" / "scale_qn.json"
ROWS: list[dict[str, Any]] = json.loads(PUBLISHED.read_text(), parse_float=Decimal)
OF_AN_R_MSB01 = Panel(
    bmi=Decimal("32.7"),
    water_percent=Decimal("48.8"),
    muscle_percent=Decimal("64.2"),
    visceral=15,
    age=61,
    basal_kcal=1913,
    protein_percent=Decimal("15.4"),
    bone_percent=Decimal("3.4"),
    lean_percent=Decimal("67.6"),
    subcutaneous_percent=Decimal("28.0"),
    skeletal_percent=Decimal("43.6"),
    score=Decimal("60.2"),
    shape=6,
)
UNSAID_RESISTANCES = {"OWN-QN-18": (0x10EF, 0x10ED)}


def octets(row: dict[str, Any]) -> bytes:
    return bytes.fromhex(row["hex"])


def rows_of(kind: Kind) -> list[dict[str, Any]]:
    return [row for row in ROWS if octets(row)[0] == kind and "reject" not in row["expected"]]


def weighing(row: dict[str, Any]) -> Weighing:
    said = row["expected"]
    resistances = said.get("resistance_1_ohm", 0), said.get("resistance_2_ohm", 0)
    return Weighing(
        weight=said["weight_kg"],
        resistances=UNSAID_RESISTANCES.get(row["id"], resistances),
        fat_percent=said.get("fat_percent", Decimal(0)),
    )


def test_every_published_frame_names_its_source_and_has_its_own_sum() -> None:
    assert [row["id"] for row in ROWS if not row["source"]] == []
    assert [
        row["id"]
        for row in ROWS
        if "reject" not in row["expected"] and octets(row) != qn.summed(octets(row)[:-1])
    ] == []


@pytest.mark.parametrize("row", rows_of(Kind.IDENTITY), ids=lambda row: row["id"])
def test_what_a_scale_is(row: dict[str, Any]) -> None:
    said = row["expected"]

    assert qn.identity(said["who"], said["address"], octets(row)[9:-1]) == octets(row)


@pytest.mark.parametrize("row", rows_of(Kind.WEIGHT), ids=lambda row: row["id"])
def test_a_weighing_that_happens(row: dict[str, Any]) -> None:
    whole, said = octets(row), row["expected"]
    settled = State.SETTLED if whole[5] == 0x11 else State.SETTLING
    state = State.ENDED if said["ended"] else settled
    rest = b"\x00" if len(whole) == 15 else b""

    assert qn.live(whole[2], weighing(row), state, user=said.get("user"), rest=rest) == whole


@pytest.mark.parametrize("row", rows_of(Kind.STORED), ids=lambda row: row["id"])
def test_a_weighing_that_was_stored(row: dict[str, Any]) -> None:
    whole, said = octets(row), row["expected"]
    if said["count"] == 0:
        return
    place = said["number"], said["count"]
    shown = qn.MILLENNIUM + timedelta(seconds=said["seconds"])
    zeros, user = len(whole) - 16, said.get("user")

    assert qn.stored(whole[2], weighing(row), shown, place, user=user, zeros=zeros) == whole


def test_an_empty_memory_says_so_in_one_octet() -> None:
    (row,) = [row for row in rows_of(Kind.STORED) if row["expected"]["count"] == 0]

    ours = qn.nothing_stored(0xFF)
    assert (len(ours), ours[:5]) == (len(octets(row)), octets(row)[:5])


def test_what_an_r_msb01_computed() -> None:
    published = [octets(row) for row in ROWS if octets(row)[0] in (Kind.PANEL_A, Kind.PANEL_B)]

    assert list(qn.panels(0xFF, OF_AN_R_MSB01)) == published


@pytest.mark.parametrize(
    ("kind", "what", "payload", "length"),
    [
        (Kind.WANTS_TIME, 0x15, "00000100000000", None),
        (Kind.READY, 0x15, "01", 5),
        (Kind.READY, 0xFF, "01", 4),
        (Kind.READY, 0xFF, "01", 5),
        (Kind.READY, 0xFF, "0154", 6),
        (Kind.USER_TAKEN, 0x02, "fe01", None),
    ],
)
def test_what_a_scale_says_on_the_way(
    kind: Kind, what: int, payload: str, length: int | None
) -> None:
    ours = qn.frame(kind, what, bytes.fromhex(payload), length=length)

    assert ours in [octets(row) for row in ROWS]


def test_what_hosts_write_is_whole_and_what_is_damaged_is_not() -> None:
    written = [row for row in ROWS if octets(row)[0] in (0x13, 0x1F, 0x20, 0x22, 0xA0)]

    assert len(written) == 6
    assert all(qn.is_whole(octets(row)) for row in written)
    assert not any(qn.is_whole(octets(row)[:-1]) for row in written)


def test_a_scale_that_counts_in_tenths_has_fewer_bits() -> None:
    tenths = qn.live(0x15, Weighing(weight=Decimal("72.7")), State.SETTLING, per_kg=10)

    assert tenths.hex() == "100b1502d7000000000009"
