"""Readings and moments in words."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Limit, Measure, Quality, Reading
from gateway.journal.states import State
from gateway.journal.views import DeliveryView
from gateway.testing.clock import ManualClock
from gateway.web.saying import said, whereabouts
from gateway.web.words import words

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)


def reading(kind: Kind, values: dict[Measure, tuple[str, Unit]], **more: object) -> Reading:
    quantities = {
        measure: Quantity(value=Decimal(value), unit=unit)
        for measure, (value, unit) in values.items()
    }
    return Reading.model_validate(
        {
            "device": "ble:1",
            "kind": kind,
            "values": quantities,
            "received": ManualClock().now(),
            **more,
        }
    )


def test_blood_pressure_is_two_numbers_and_what_they_mean() -> None:
    told = said(
        reading(
            Kind.BLOOD_PRESSURE,
            {
                Measure.SYSTOLIC: ("128", Unit.MMHG),
                Measure.DIASTOLIC: ("82", Unit.MMHG),
                Measure.PULSE_RATE: ("66", Unit.PER_MINUTE),
            },
        ),
        words("fr"),
    )

    assert (told.title, told.figure, told.unit) == (
        "Tension",
        "128\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}82",
        "mmHg",
    )
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in told.lines] == [
        "Pression haute (quand le cœur pousse) : 128 mmHg",
        "Pression basse (quand le cœur se relâche) : 82 mmHg",
        "Pouls : 66 battements par minute",
    ]


@pytest.mark.parametrize(("language", "figure"), [("fr", "72,40"), ("en", "72.40")])
def test_a_weight_keeps_its_digits_and_has_the_countrys_decimal_sign(
    language: str, figure: str
) -> None:
    weight = reading(Kind.WEIGHT, {Measure.WEIGHT: ("72.40", Unit.KILOGRAM)})

    assert said(weight, words(language)).figure == figure


def test_thousands_are_set_apart_and_stay_on_the_line() -> None:
    values = {
        Measure.BODY_FAT: ("21.5", Unit.PERCENT),
        Measure.BASAL_METABOLISM: ("6512.5", Unit.KILOJOULE),
    }
    composed = reading(Kind.BODY_COMPOSITION, values)

    lines = [said(composed, words(language)).lines for language in ("fr", "en")]

    space = "\N{NO-BREAK SPACE}"
    assert lines == [
        [f"Métabolisme de base{space}: 6\N{NARROW NO-BREAK SPACE}512,5{space}kJ"],
        [f"Basal metabolism: 6,512.5{space}kJ"],
    ]


def test_glucose_is_said_in_every_unit_that_people_know() -> None:
    glucose = reading(Kind.BLOOD_GLUCOSE, {Measure.GLUCOSE: ("104", Unit.MILLIGRAM_PER_DECILITRE)})

    told = said(glucose, words("fr")).lines

    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in told] == [
        "soit 1,04 g/L, ou 5,8 mmol/L"
    ]


def test_a_number_is_never_parted_from_its_unit_at_the_end_of_a_line() -> None:
    every = reading(
        Kind.BLOOD_GLUCOSE,
        {
            Measure.GLUCOSE: ("104", Unit.MILLIGRAM_PER_DECILITRE),
            Measure.PULSE_RATE: ("66", Unit.PER_MINUTE),
            Measure.HEIGHT: ("170.5", Unit.CENTIMETRE),
        },
    )

    lines = [line for language in ("fr", "en") for line in said(every, words(language)).lines]

    assert len(lines) == 6
    assert not any(re.search(r"\d +\S", line) for line in lines)


def test_where_there_is_no_number_it_is_said_why() -> None:
    low = reading(Kind.BLOOD_GLUCOSE, {}, limit=Limit.BELOW)

    assert said(low, words("fr")).figure == "Trop bas pour l'appareil"


def test_a_doubtful_reading_says_so() -> None:
    doubtful = reading(
        Kind.WEIGHT, {Measure.WEIGHT: ("7", Unit.KILOGRAM)}, quality=Quality.QUESTIONABLE
    )

    assert "douteuse" in (said(doubtful, words("fr")).warning or "")


@pytest.mark.parametrize(("reason", "key"), [("withdrawn", "dropped"), ("replaced", "replaced")])
def test_what_was_dropped_says_why(reason: str, key: str) -> None:
    dropped = DeliveryView("mes", State.DROPPED, reason, None, 0, False, NOW)

    assert whereabouts(dropped, "Mon espace santé", words("fr")).sentence == words("fr")(
        f"delivery.{key}"
    )


@pytest.mark.parametrize(
    ("state", "reason"),
    [(State.DROPPED, "withdrawn"), (State.WITHHELD, "expired"), (State.PARKED, "unreadable")],
)
def test_what_may_have_arrived_before_it_ended_here_is_not_said_to_be_here_alone(
    state: State, reason: str
) -> None:
    ended = DeliveryView("mes", state, reason, None, 1, True, NOW)

    stands = whereabouts(ended, "Mon espace santé", words("fr"))

    told = stands.sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert told.endswith(" ; mais elle était peut-être arrivée : Mon espace santé")
    assert stands.mark in {"kept", "wrong"}


def test_what_is_still_looked_up_says_that_alone() -> None:
    unsettled = DeliveryView("mes", State.UNSETTLED, None, NOW, 1, True, NOW)

    assert "peut-être" not in whereabouts(unsettled, "Mon espace santé", words("fr")).sentence
