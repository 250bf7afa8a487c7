"""A submitted transaction Bundle, read without trusting any of it.

Every property has an answer for every JSON value: a missing or ill-typed element reads as empty, so
that the rules can be plain sentences and no input can crash the sandbox.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from firmware_sims.health_space import exact_json
from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.measures import Coding

# mes.md 1.3: always a full date and time with its offset.
_FULL_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def members(value: Any) -> JsonObject:
    """Return the object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[JsonObject]:
    """Return the objects of a list, leaving out whatever else it holds."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return the string, or an empty one."""
    return value if isinstance(value, str) else ""


def codings(concept: Any) -> tuple[Coding, ...]:
    """Return (system, code) of each coding of a CodeableConcept."""
    found = objects(members(concept).get("coding"))
    return tuple((text(coding.get("system")), text(coding.get("code"))) for coding in found)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A FHIR Quantity with all four of its mandatory elements."""

    value: Decimal
    unit: str
    system: str
    code: str


def quantity(value: Any) -> Quantity | None:
    """Return the quantity, None unless value, unit, system and code are all there."""
    found = members(value)
    number = found.get("value")
    if isinstance(number, bool) or not isinstance(number, (int, Decimal)):
        return None
    read = Quantity(
        Decimal(number),
        text(found.get("unit")),
        text(found.get("system")),
        text(found.get("code")),
    )
    return read if read.unit and read.system and read.code else None


@dataclass(frozen=True)
class Observation:
    """An Observation resource."""

    resource: JsonObject

    @cached_property
    def codings(self) -> tuple[Coding, ...]:
        """The codings of its code, in order."""
        return codings(self.resource.get("code"))

    @property
    def subject(self) -> tuple[str, str]:
        """System and value of subject.identifier; empty strings where absent."""
        identifier = members(members(self.resource.get("subject")).get("identifier"))
        return text(identifier.get("system")), text(identifier.get("value"))

    @property
    def device_reference(self) -> str:
        """The literal reference to the device."""
        return text(members(self.resource.get("device")).get("reference"))

    @property
    def profiles(self) -> list[str]:
        """The profiles it claims."""
        return profiles(self.resource)

    @property
    def source(self) -> str | None:
        """The `meta.source`, None when absent."""
        return members(self.resource.get("meta")).get("source")

    @cached_property
    def effective(self) -> datetime | None:
        """The instant of the measure, None unless it is a full date and time with offset."""
        written = text(self.resource.get("effectiveDateTime"))
        if not _FULL_DATE_TIME.fullmatch(written):
            return None
        try:
            return datetime.fromisoformat(written)
        except ValueError:
            return None

    @property
    def quantity(self) -> Quantity | None:
        """The value, None when absent or incomplete."""
        return quantity(self.resource.get("valueQuantity"))

    @cached_property
    def components(self) -> dict[str, Quantity | None]:
        """Each component's quantity by every code it carries."""
        found: dict[str, Quantity | None] = {}
        for component in objects(self.resource.get("component")):
            value = quantity(component.get("valueQuantity"))
            found.update({code: value for _, code in codings(component.get("code"))})
        return found

    def extension_codings(self, name: str) -> tuple[Coding, ...] | None:
        """Return the codings of the extension whose URL ends in `name`, None when absent."""
        for extension in objects(self.resource.get("extension")):
            if text(extension.get("url")).rpartition("/")[2] == name:
                return codings(extension.get("valueCodeableConcept"))
        return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the Bundle."""

    resource: JsonObject
    method: str
    url: str
    if_none_exist: str

    @property
    def kind(self) -> str:
        """The resource type."""
        return text(self.resource.get("resourceType"))


@dataclass(frozen=True)
class Submission:
    """What a POST brought; without a Bundle, `is_bundle` is False and the rest is empty."""

    is_bundle: bool
    bundle_type: str
    entries: tuple[Entry, ...]

    @cached_property
    def observations(self) -> list[Observation]:
        """Every Observation."""
        return [Observation(e.resource) for e in self.entries if e.kind == "Observation"]

    @cached_property
    def devices(self) -> list[Entry]:
        """Every entry with a Device."""
        return [entry for entry in self.entries if entry.kind == "Device"]

    @property
    def observation(self) -> Observation:
        """The first Observation, or an empty one."""
        return self.observations[0] if self.observations else Observation({})

    @property
    def device(self) -> Entry | None:
        """The first Device."""
        return self.devices[0] if self.devices else None


def profiles(resource: JsonObject) -> list[str]:
    """Return meta.profile."""
    found = members(resource.get("meta")).get("profile")
    return [text(name) for name in found if text(name)] if isinstance(found, list) else []


def read_submission(body: bytes) -> Submission:
    """Read a request's body; anything at all is accepted, and judged later."""
    try:
        bundle = members(exact_json.parse(body))
    except (ValueError, RecursionError):
        bundle = {}
    entries = []
    for entry in objects(bundle.get("entry")):
        request = members(entry.get("request"))
        entries.append(
            Entry(
                members(entry.get("resource")),
                text(request.get("method")),
                text(request.get("url")),
                text(request.get("ifNoneExist")),
            )
        )
    return Submission(
        is_bundle=text(bundle.get("resourceType")) == "Bundle",
        bundle_type=text(bundle.get("type")),
        entries=tuple(entries),
    )
