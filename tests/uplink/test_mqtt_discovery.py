"""What Home Assistant is told of sensors, and what its templates make of messages."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import Environment

from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Measure
from gateway.uplink.mqtt_discovery import Topics, announcements
from gateway.uplink.mqtt_message import ReadingMessage, reading_message, to_json
from tests.uplink.samples import BOB, MEASURED, entry, released, values

TOPICS = Topics(discovery="homeassistant", readings="readings", status="status")


def message(kind: Kind = Kind.WEIGHT, **given: Any) -> ReadingMessage:
    return reading_message(released(entry(kind, **given)), "session", MEASURED, None)


def shown(of: ReadingMessage, said: ReadingMessage) -> str:
    """What the sensor of one message shows once another comes; 68 is what it showed before."""
    ((_, config),) = announcements(of, TOPICS)
    template = Environment().from_string(json.loads(config)["value_template"])
    return template.render(value_json=json.loads(to_json(said)), this=SimpleNamespace(state="68"))


def test_a_sensor_shows_the_number_of_a_message() -> None:
    assert shown(message(), message(record="seq:2")) == "71.3"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(message(subject=BOB), id="another person's"),
        pytest.param(message(Kind.HEART_RATE), id="another kind"),
        pytest.param(message().model_copy(update={"historical": True}), id="of the past"),
        pytest.param(message().model_copy(update={"values": {}}), id="a retraction"),
    ],
)
def test_what_does_not_tell_how_things_are_now_leaves_it_as_it_is(said: ReadingMessage) -> None:
    assert shown(message(), said) == "68"


def test_a_number_in_another_unit_is_no_sensors() -> None:
    centimetres = message(numbers=values(weight=("71", Unit.CENTIMETRE)))

    assert Measure.WEIGHT in centimetres.values
    assert list(announcements(centimetres, TOPICS)) == []
