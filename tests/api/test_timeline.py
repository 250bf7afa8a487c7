"""What happened in one moment is told in the order in which it must have been."""

import pytest

from gateway.api.timeline import sentences
from gateway.errors import ConfigError
from gateway.journal.views import Event
from gateway.testing.clock import START


def test_what_happened_in_one_moment_is_told_in_its_order() -> None:
    names = ("settled", "attributed", "recorded")
    story = [Event(START, name, "mes", None) for name in names]

    told = [event for _, event, _ in sentences(None, story, "fr", str)]

    assert told == ["recorded", "attributed", "settled"]


def test_a_language_that_nobody_speaks_here_is_refused() -> None:
    with pytest.raises(ConfigError, match="'la'"):
        sentences(None, [], "la", str)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("unsettled", "No answer came from mes: it may have arrived there."),
        ("postponed", "It had not left for mes."),
        ("parked", "Rejected by mes."),
    ],
)
def test_what_a_withdrawal_met_on_its_way_is_not_told_to_be_tried_again(
    outcome: str, told: str
) -> None:
    story = [Event(START, name, "mes", None) for name in ("released", "dropped", outcome)]

    *_, (_, _, last) = sentences(None, story, "en", str)

    assert last == told


def test_who_consents_anew_reads_again_that_it_is_tried_again() -> None:
    names = ("released", "dropped", "unsettled", "released", "unsettled")
    story = [Event(START, name, "mes", None) for name in names]

    *_, (_, _, last) = sentences(None, story, "en", str)

    assert last.endswith("looked up before it is sent again.")


def test_what_is_dropped_at_one_destination_goes_on_at_another() -> None:
    story = [Event(START, "dropped", "mes", None), Event(START, "postponed", "clinic", None)]

    *_, (_, _, last) = sentences(None, story, "en", str)

    assert last.endswith("to be tried again later.")
