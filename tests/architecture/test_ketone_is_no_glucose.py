"""An amount of ketone that is an emergency would be a good glucose: it is never taken for one."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.entry import Entry
from gateway.domain.identity import identity
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Limit, Measure
from gateway.errors import UplinkRejected
from gateway.uplink.fhir_identifiers import Sender
from gateway.uplink.fhir_phd import resources
from gateway.uplink.fhir_terms import CODES
from gateway.uplink.mes_mapping import PatientIdentifier, to_bundle
from gateway.uplink.mes_terms import Dialect
from gateway.uplink.mqtt_discovery import Topics, announcements
from gateway.uplink.mqtt_message import reading_message
from gateway.web.saying import said
from gateway.web.words import words
from tests.uplink.samples import MEASURED, entry, released

GLUCOSE = {kind for kind in Kind if "glucose" in kind}
AMOUNTS = st.decimals(0, 1000, places=1)
TOPICS = Topics("homeassistant", "readings", "status")


def ketone(amount: Decimal) -> Entry:
    told = Quantity(value=amount, unit=Unit.MILLIMOLE_PER_LITRE)
    return entry(Kind.BLOOD_KETONE, numbers={Measure.KETONE: told})


def beyond() -> Entry:
    made = entry(Kind.BLOOD_KETONE, numbers={})
    reading = made.reading.model_copy(update={"limit": Limit.ABOVE})
    return Entry(
        identity(reading), reading, made.timing, made.subject, made.attribution, made.device
    )


ANY = AMOUNTS.map(ketone) | st.just(beyond())


@given(ANY, st.sampled_from(["fr", "en"]))
def test_it_is_shown_under_its_own_name_in_its_own_unit_and_in_no_other(
    what: Entry, language: str
) -> None:
    shown = said(what.reading, words(language))

    assert shown.title not in {words(language)(f"kind.{kind}") for kind in GLUCOSE}
    assert shown.unit == ("mmol/L" if what.reading.values else "")
    assert shown.lines == []


@given(ANY)
def test_a_fhir_server_is_told_no_code_of_glucose(what: Entry) -> None:
    told = resources(what, Sender("urn:oid:1.2.3", "MRN-1", "hub"))[-1]

    of_glucose = {CODES[kind].codes.loinc for kind in GLUCOSE & set(CODES)}
    of_glucose |= {str(CODES[kind].codes.mdc) for kind in GLUCOSE & set(CODES)}
    assert [each["code"] for each in told["code"]["coding"]] == ["66441-7"]
    assert not of_glucose & set(re.findall(r"[\w-]+", json.dumps(told, default=str)))
    assert told.get("valueQuantity", {"code": "mmol/L"})["code"] == "mmol/L"


@given(ANY)
def test_mon_espace_sante_is_told_nothing(what: Entry) -> None:
    with pytest.raises(UplinkRejected):
        to_bundle(what, PatientIdentifier("urn:oid:1.2.3", "1"), Dialect("1.2.3"))


@given(ANY)
def test_a_broker_and_home_assistant_are_told_what_it_is(what: Entry) -> None:
    message = reading_message(released(what), "session", MEASURED, None)
    sensors = [json.loads(config) for _, config in announcements(message, TOPICS)]

    assert message.kind is Kind.BLOOD_KETONE
    assert set(message.values) <= {Measure.KETONE}
    assert len(sensors) == len(message.values)
    for sensor in sensors:
        assert sensor["unit_of_measurement"] == "mmol/L"
        assert "device_class" not in sensor
        assert "glucose" not in json.dumps([sensor["name"], sensor["value_template"]])
