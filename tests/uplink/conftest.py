import copy
import importlib.util
import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.uplink.mes_mapping import encode
from gateway.uplink.mes_terms import Terminology

ROOT = Path(__file__).parents[2]
Check = Callable[[dict[str, Any]], list[str]]
CheckOf = Callable[[Terminology], Check]

_NOS = "https://mos.esante.gouv.fr/NOS"
SMT_2025 = {
    f"{_NOS}/JDV_J157-MomentGlucose-ENS/FHIR/JDV-J157-MomentGlucose-ENS": {
        "http://loinc.org": ("16915-1", "53049-3", "88365-2", "LA11865-5", "LA46-8"),
    },
    f"{_NOS}/JDV_J164-GlucoseNumberOfDays-ENS/FHIR/JDV-J164-GlucoseNumberOfDays-ENS": {
        "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis": (
            ("GEN-275", "GEN-276", "GEN-277", "GEN-278", "GEN-092.08.05")
        ),
    },
}
"""The closed value sets of glucose as they are since the SMT keeps them: J164 as published in
"Terminologies de Santé" 1.10.0 (version 20250728120000), J157 as far as the terminology cache of
the guide's own builds has it."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run Medplum's server, which is nobody's of ours; return its base URL."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are missing: there is no FHIR server to send to")
    made = subprocess.run([ROOT / "tools/fhir-server.sh"], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"tools/fhir-server.sh failed: {made.stderr.strip()[-200:]}")
    program = ROOT / ".tools/fhir-server/server.mjs"
    with subprocess.Popen(["node", program], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield f"http://127.0.0.1:{running.stdout.readline().strip()}/fhir"
        finally:
            running.kill()


@pytest.fixture(scope="session")
def profile_errors(profile_errors_of: CheckOf) -> Check:
    """Check a bundle against the published profiles, with the value sets of the API 1.5.2."""
    return profile_errors_of(Terminology.API_1_5_2)


@pytest.fixture(scope="session")
def profile_errors_of() -> CheckOf:
    """Check against the published profiles and one generation of value sets.

    An independent program does it.
    """
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
    newer = copy.copy(registry)
    newer.vs = registry.vs | {
        url: {"compose": {"include": [_include(system, codes) for system, codes in sets.items()]}}
        for url, sets in SMT_2025.items()
    }
    assert registry.vs.keys() >= SMT_2025.keys()
    registries = {Terminology.API_1_5_2: registry, Terminology.SMT_2025: newer}

    def check(terminology: Terminology, bundle: dict[str, Any]) -> list[str]:
        errors: list[str] = checker.check(registries[terminology], json.loads(encode(bundle)))
        return errors

    return lambda terminology: partial(check, terminology)


def _include(system: str, codes: tuple[str, ...]) -> dict[str, Any]:
    return {"system": system, "concept": [{"code": code} for code in codes]}
