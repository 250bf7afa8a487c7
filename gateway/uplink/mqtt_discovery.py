"""Home Assistant discovery: each kind of number of each person as a sensor, with unit and device.

A sensor's topic is a digest: nobody reads from it whose it is or what it measures. Readings out of
a memory do not change a sensor's state, because its state is how things are now.

Source: Home Assistant, "MQTT Discovery" and "MQTT Sensor".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway import __version__
from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Measure
from gateway.uplink.mqtt_message import MeasuredBy, ReadingMessage


@dataclass(frozen=True, slots=True)
class _Sensor:
    name: str
    unit: str
    device_class: str | None = None


_GLUCOSE = "blood_glucose_concentration"

_SENSORS: Mapping[tuple[Kind, Measure], _Sensor] = {
    (Kind.BLOOD_PRESSURE, Measure.SYSTOLIC): _Sensor("Systolic pressure", "mmHg", "pressure"),
    (Kind.BLOOD_PRESSURE, Measure.DIASTOLIC): _Sensor("Diastolic pressure", "mmHg", "pressure"),
    (Kind.HEART_RATE, Measure.PULSE_RATE): _Sensor("Heart rate", "bpm"),
    (Kind.WEIGHT, Measure.WEIGHT): _Sensor("Weight", "kg", "weight"),
    (Kind.HEIGHT, Measure.HEIGHT): _Sensor("Height", "cm", "distance"),
    (Kind.BODY_COMPOSITION, Measure.BODY_FAT): _Sensor("Body fat", "%"),
    (Kind.BODY_COMPOSITION, Measure.MUSCLE_MASS): _Sensor("Muscle mass", "kg", "weight"),
    (Kind.BODY_COMPOSITION, Measure.BODY_WATER_MASS): _Sensor("Body water", "kg", "weight"),
    (Kind.BLOOD_GLUCOSE, Measure.GLUCOSE): _Sensor("Blood glucose", "mg/dL", _GLUCOSE),
    (Kind.BLOOD_KETONE, Measure.KETONE): _Sensor("Blood ketone", "mmol/L"),
    (Kind.INTERSTITIAL_GLUCOSE, Measure.GLUCOSE): _Sensor("Sensor glucose", "mg/dL", _GLUCOSE),
    (Kind.MEAN_INTERSTITIAL_GLUCOSE, Measure.GLUCOSE): _Sensor("Mean glucose", "mg/dL", _GLUCOSE),
    (Kind.GLUCOSE_MANAGEMENT_INDICATOR, Measure.GLUCOSE_MANAGEMENT_INDICATOR): _Sensor("GMI", "%"),
    (Kind.BODY_TEMPERATURE, Measure.TEMPERATURE): _Sensor("Temperature", "°C", "temperature"),
    (Kind.OXYGEN_SATURATION, Measure.OXYGEN_SATURATION): _Sensor("Oxygen saturation", "%"),
}
_UNITS: Mapping[str, Unit] = {
    "mmHg": Unit.MMHG,
    "bpm": Unit.PER_MINUTE,
    "°C": Unit.CELSIUS,
}
"""Where Home Assistant writes a unit otherwise than UCUM."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Where discovery and the messages it points to are."""

    discovery: str
    readings: str
    status: str


def announcements(message: ReadingMessage, topics: Topics) -> Iterator[tuple[str, bytes]]:
    """Yield topic and payload, to be retained, of every sensor this message gives a value to."""
    for (kind, measure), sensor in _SENSORS.items():
        value = message.values.get(measure) if kind is message.kind else None
        if value is not None and value.unit == _UNITS.get(sensor.unit, sensor.unit):
            name = _object(message.subject, kind, measure)
            config = _config(message, kind, measure, sensor, name, topics)
            yield _topic(topics, name), orjson.dumps(config)


def removals(subject: str, topics: Topics) -> Iterator[str]:
    """Yield the topic of every sensor a person may have: an empty message removes it."""
    for kind, measure in _SENSORS:
        yield _topic(topics, _object(subject, kind, measure))


def _config(
    message: ReadingMessage,
    kind: Kind,
    measure: Measure,
    sensor: _Sensor,
    name: str,
    topics: Topics,
) -> dict[str, Any]:
    config = {
        "name": sensor.name,
        "unique_id": name,
        "state_topic": topics.readings,
        "value_template": _template(message.subject, kind, measure),
        "unit_of_measurement": sensor.unit,
        "state_class": "measurement",
        "availability_topic": topics.status,
        "availability_template": "{{ 'online' if value_json.online else 'offline' }}",
        "device": _device(message.subject, message.device),
        "origin": {"name": "healthspace-gateway", "sw_version": __version__},
    }
    if sensor.device_class is not None:
        config["device_class"] = sensor.device_class
    return config


def _template(subject: str, kind: Kind, measure: Measure) -> str:
    """Write the template: the topic carries everyone's readings, what is not ours changes nothing.

    `value_json.values` would be the method of the dictionary, hence the brackets.
    """
    ours = (
        f"value_json.subject == '{subject}' and value_json.kind == '{kind}'"
        f" and not value_json.historical and '{measure}' in value_json['values']"
    )
    return f"{{{{ value_json['values']['{measure}']['value'] if {ours} else this.state }}}}"


def _device(subject: str, device: MeasuredBy) -> dict[str, Any]:
    model = device.model or device.family.replace("_", " ")
    described: dict[str, Any] = {
        "identifiers": [f"hsg_{_digest(subject, model)}"],
        "name": f"{model} ({subject[:4]})",
        "model": model,
    }
    if device.manufacturer is not None:
        described["manufacturer"] = device.manufacturer
    return described


def _topic(topics: Topics, name: str) -> str:
    return f"{topics.discovery}/sensor/{name}/config"


def _object(subject: str, kind: Kind, measure: Measure) -> str:
    return f"hsg_{_digest(subject, kind, measure)}"


def _digest(*parts: str) -> str:
    return hashlib.blake2s("\0".join(parts).encode(), digest_size=8).hexdigest()
