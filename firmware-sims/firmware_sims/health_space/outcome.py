"""FHIR OperationOutcome, the form of every refusal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.messages import FHIR_JSON, Answer, json_answer


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue: FHIR issue type `code`, a text for people, and how grave it is."""

    code: str
    diagnostics: str
    severity: str = "error"


def operation_outcome(issues: Iterable[Issue]) -> JsonObject:
    """Return the resource."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": issue.severity, "code": issue.code, "diagnostics": issue.diagnostics}
            for issue in issues
        ],
    }


def refusal(
    status: int, issues: Iterable[Issue], headers: Mapping[str, str] | None = None
) -> Answer:
    """Return the answer that carries the outcome."""
    return json_answer(status, operation_outcome(issues), FHIR_JSON, headers)
