import importlib.util
import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.uplink.mes_mapping import encode

ROOT = Path(__file__).parents[2]
Check = Callable[[dict[str, Any]], list[str]]


@pytest.fixture(scope="session")
def profile_errors() -> Check:
    """Check a bundle against the published profiles; an independent program does it."""
    folder = os.environ.get("GATEWAY_PROFILES")
    if not folder:
        pytest.skip("GATEWAY_PROFILES is not set: no profiles to check against")
    core = ROOT / ".tools/fhir-core/hl7.fhir.r4.core#4.0.1/package"
    if not core.is_dir():
        if shutil.which("npm") is None:
            pytest.skip("npm is missing: the base definitions of FHIR cannot be fetched")
        made = subprocess.run([ROOT / "tools/fhir-core.sh"], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"tools/fhir-core.sh failed: {made.stderr.strip()[-200:]}")
    spec = importlib.util.spec_from_file_location("profile_check", f"{folder}/profile_check.py")
    assert spec is not None
    assert spec.loader is not None
    checker = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        spec.loader.exec_module(checker)
        registry = checker.Reg([f"{folder}/profiles", str(core)])

    def check(bundle: dict[str, Any]) -> list[str]:
        errors: list[str] = checker.check(registry, json.loads(encode(bundle)))
        return errors

    return check
