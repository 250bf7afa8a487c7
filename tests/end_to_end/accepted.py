"""What a sandbox accepted in a test, for the independent checker of profiles.

A check takes a tenth of a second, and tests send the same shapes again and again: each shape is
checked once in a run.
"""

from collections.abc import Callable
from typing import Any

from firmware_sims.health_space import HealthSpace

Json = dict[str, Any]
Check = Callable[[Json], list[str]]

_TELLING = ("code", "system", "url", "unit", "resourceType", "type")
"""Members whose words make a shape; those of the others are a reading's own."""
_checked: set[object] = set()


def errors_of_new_shapes(space: HealthSpace, check: Check) -> list[str]:
    """Check what the sandbox holds and no test before had sent in that shape."""
    errors: list[str] = []
    store = space.service.store
    for each in store.accepted:
        device = store.device(each.device_id) if each.device_id is not None else None
        bundle = as_bundle(each.observation, device)
        shape = _shape(bundle)
        if shape not in _checked:
            _checked.add(shape)
            errors += [f"{each.measure}: {error}" for error in check(bundle)]
    return errors


def as_bundle(observation: Json, device: Json | None) -> Json:
    """Put what the health space holds of a reading into a bundle again."""
    guide = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition/"
    bundle: Json = {"resourceType": "Bundle", "type": "transaction"}
    if not any("glucose" in profile for profile in observation["meta"]["profile"]):
        bundle["meta"] = {"profile": [f"{guide}mesures-bundle-flux-alimentation"]}
    bundle["entry"] = [_entry(observation)]
    if device is not None:
        (identifier,) = device["identifier"]
        condition = f"identifier={identifier['system']}|{identifier['value']}"
        bundle["entry"].append(_entry(device, ifNoneExist=condition))
    return bundle


def _entry(resource: Json, **request: str) -> Json:
    return {
        "fullUrl": f"urn:uuid:{resource['id']}",
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"], **request},
    }


def _shape(value: Any, name: str = "") -> object:
    if isinstance(value, dict):
        return tuple((key, _shape(value[key], key)) for key in sorted(value))
    if isinstance(value, list):
        return tuple(_shape(each, name) for each in value)
    return value if name in _TELLING else type(value).__name__
