"""Every vector, the project's own and the shared ones, through the same door as `decode`.

Each name by which `decode` reaches a driver of radio devices has a vector in tests/vectors. The
shared vectors are found through the environment variable GATEWAY_VECTORS, a
folder that holds `ble.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.drivers.api import CABLES
from gateway.drivers.data_types import DATA_TYPES
from gateway.drivers.decoding import Decoding
from gateway.drivers.registry import Registry, installed

DRIVERS = Registry(driver for driver in installed() if driver.manifest.reach not in CABLES)
"""Those of radio devices; `test_serial_vectors` has the others."""
FORMATS = {name.lower() for driver in DRIVERS for name in driver.manifest.decodes} | set(DATA_TYPES)
DECODING = Decoding(DRIVERS)
OWN = Path(__file__).parents[1] / "vectors"


def rows(path: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(path.read_text(), parse_float=Decimal)
    return loaded


def own_rows() -> list[dict[str, Any]]:
    return [row for path in sorted(OWN.glob("*.json")) for row in rows(path)]


def shared_rows() -> list[dict[str, Any]]:
    folder = os.environ.get("GATEWAY_VECTORS")
    if folder is None:
        return []
    return [
        row for row in rows(Path(folder) / "ble.json") if row["characteristic"].lower() in FORMATS
    ]


def differences(expected: object, actual: object, at: str = "") -> list[str]:
    """What `actual` lacks of `expected`: numbers by value, further fields are fine."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return [
            difference
            for name, part in expected.items()
            for difference in (
                differences(part, actual[name], f"{at}.{name}")
                if name in actual
                else [f"{at}.{name} is absent"]
            )
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [d for n, pair in pairs for d in differences(*pair, f"{at}[{n}]")]
    if type(expected) is bool or type(actual) is bool:
        return [] if expected is actual else [f"{at}: {actual!r} is not {expected!r}"]
    return [] if expected == actual else [f"{at}: {actual!r} is not {expected!r}"]


def check(row: dict[str, Any]) -> None:
    answer = DECODING.answer(row)

    if "reject" in row["expected"]:
        assert answer["ok"] is False
        assert answer["error"]
        assert isinstance(answer["offset"], int)
    else:
        assert answer["ok"] is True, answer
        assert differences(row["expected"], answer["message"]) == []


@pytest.mark.parametrize("row", own_rows(), ids=lambda row: row["id"])
def test_own_vector(row: dict[str, Any]) -> None:
    check(row)


@pytest.mark.skipif("GATEWAY_VECTORS" not in os.environ, reason="GATEWAY_VECTORS is not set")
@pytest.mark.parametrize("row", shared_rows(), ids=lambda row: row["id"])
def test_shared_vector(row: dict[str, Any]) -> None:
    check(row)


def test_every_own_vector_names_its_source() -> None:
    assert [row["id"] for row in own_rows() if not row.get("source")] == []


def test_every_format_has_a_vector_of_our_own() -> None:
    tested = {row["characteristic"].lower() for row in own_rows()}

    assert FORMATS - tested == set()
