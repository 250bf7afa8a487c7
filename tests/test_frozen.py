"""What `frozen` makes: values, whose fields the type checker lets nobody change."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import field, replace
from pathlib import Path

from gateway.frozen import frozen


@frozen
class Sample:
    at: int
    marks: frozenset[str] = field(default_factory=frozenset)


def test_equal_fields_are_equal_values_and_one_key() -> None:
    assert Sample(1) == replace(Sample(2), at=1) != Sample(2)
    assert {Sample(1): "first"}[Sample(1)] == "first"


def test_it_has_its_fields_and_no_others() -> None:
    assert not hasattr(Sample(1), "__dict__")


def test_the_type_checker_lets_nobody_change_a_field(tmp_path: Path) -> None:
    changes = tmp_path / "changes.py"
    changes.write_text(
        "from gateway.frozen import frozen\n"
        "@frozen\n"
        "class Sample:\n"
        "    at: int\n"
        "sample = Sample(1)\n"
        "print(sample.at)\n"
        "sample.at = 2\n"
    )

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", changes],
        capture_output=True,
        text=True,
        check=False,
    )

    assert f'{changes}:7: error: Property "at" defined in "Sample" is read-only' in checked.stdout
    assert "Found 1 error" in checked.stdout
