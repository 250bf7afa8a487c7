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
