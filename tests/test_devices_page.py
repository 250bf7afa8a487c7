"""docs/devices.md says what the manifests say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.drivers.api import Driver
from gateway.drivers.registry import installed

ROOT = Path(__file__).parents[1]


def test_the_page_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "devices_doc.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("driver", list(installed()), ids=lambda driver: driver.manifest.name)
def test_a_manifest_says_how_good_its_evidence_is(driver: Driver) -> None:
    evidence = [model.evidence for model in driver.manifest.models]

    assert evidence
    assert all(evidence)
    assert not any("tried on hardware" in it for it in evidence)  # nobody has, so far
