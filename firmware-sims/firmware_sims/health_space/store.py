"""What the sandbox accepted, in order, and which of it was there before."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.measures import Coding, Measure
from firmware_sims.health_space.submission import Observation, Submission, objects, text

DeviceKey = tuple[str, str]
# Two Observations with equal keys are one reading posted twice: idPe, measure, instant, values,
# device identifier, and for a mean the number of its days.
ReadingKey = tuple[
    str,
    str,
    datetime,
    tuple[tuple[str, Decimal], ...],
    DeviceKey | None,
    tuple[Coding, ...] | None,
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """One committed Observation, as stored; `device_id` is the server's id of its device."""

    at: datetime
    id_pe: str
    measure: str
    effective: datetime
    values: tuple[tuple[str, Decimal], ...]
    observation: JsonObject
    device_id: str | None
    duplicate: bool

    @property
    def observation_id(self) -> str:
        """The id the server gave."""
        return text(self.observation.get("id"))


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit did: the stored Observation, and whether its device was new."""

    accepted: Accepted
    device_created: bool


class Store:
    """Observations and devices in memory, each commit remembered before it is visible.

    Like the real API it does not refuse a repeated Observation; unlike it, it counts them.
    A device is known by the identifier of its `ifNoneExist`, across everybody.
    """

    def __init__(self, now: Callable[[], datetime], remember: Callable[[JsonObject], None]) -> None:
        self._now = now
        self._remember = remember
        self._accepted: list[Accepted] = []
        self._seen: set[ReadingKey] = set()
        self._devices: dict[str, JsonObject] = {}
        self._device_ids: dict[DeviceKey, str] = {}

    @property
    def accepted(self) -> list[Accepted]:
        """Every committed Observation, oldest first."""
        return list(self._accepted)

    def device(self, device_id: str) -> JsonObject:
        """Return a stored Device resource."""
        return self._devices[device_id]

    def commit(self, submission: Submission, measure: Measure, id_pe: str, oid: str) -> Commit:
        """Store a submission that broke no rule."""
        device = submission.device
        key = _device_key(device.if_none_exist) if device is not None else None
        known = self._device_ids.get(key) if key is not None else None
        resource = dict(submission.observation.resource)
        resource["id"] = str(uuid.uuid4())
        resource["meta"] = {"source": f"urn:oid:{oid}", **resource["meta"]}
        event: JsonObject = {
            "event": "accepted",
            "at": self._now().isoformat(),
            "id_pe": id_pe,
            "measure": measure.name,
            "observation": resource,
            "device_key": key,
        }
        if key is not None:
            device_id = known or str(uuid.uuid4())
            resource["device"] = {"reference": f"Device/{device_id}"}
            event["device_id"] = device_id
            if known is None and device is not None:
                event["device"] = {**device.resource, "id": device_id}
        self._remember(event)
        return Commit(self._add(event), device_created="device" in event)

    def apply(self, event: JsonObject) -> Accepted | None:
        """Take back one remembered event; others are left alone."""
        return self._add(event) if event["event"] == "accepted" else None

    def _add(self, event: JsonObject) -> Accepted:
        observation = Observation(event["observation"])
        effective = observation.effective
        if effective is None:
            raise ValueError("a committed Observation has an effective time")
        key: DeviceKey | None = None
        if event["device_key"] is not None:
            system, value = event["device_key"]
            key = (system, value)
            self._device_ids[key] = event["device_id"]
            if "device" in event:
                self._devices[event["device_id"]] = event["device"]
        values = _values(observation)
        reading = (
            event["id_pe"],
            event["measure"],
            effective.astimezone(UTC),
            values,
            key,
            observation.extension_codings("mesures-number-of-days"),
        )
        accepted = Accepted(
            at=datetime.fromisoformat(event["at"]),
            id_pe=event["id_pe"],
            measure=event["measure"],
            effective=effective,
            values=values,
            observation=observation.resource,
            device_id=event.get("device_id"),
            duplicate=reading in self._seen,
        )
        self._seen.add(reading)
        self._accepted.append(accepted)
        return accepted


def _device_key(if_none_exist: str) -> DeviceKey:
    system, _, value = if_none_exist.removeprefix("identifier=").partition("|")
    return system, value


def _values(observation: Observation) -> tuple[tuple[str, Decimal], ...]:
    if observation.quantity is not None:
        return (("", observation.quantity.value),)
    # One component has several codings (LOINC, MDC) for one value: its first stands for it.
    named = []
    for component in objects(observation.resource.get("component")):
        single = Observation({"component": [component]})
        code, value = next(iter(single.components.items()), ("", None))
        if value is not None:
            named.append((code, value.value))
    return tuple(sorted(named))
