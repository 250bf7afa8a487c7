"""Stories that a clinician can read: see `docs/time-stories.md`, made from `time_stories.toml`."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.device_time import Correction
from tests.domain import page
from tests.domain.telling import FAMILIES, STORIES, Story, outcome
from tests.end_to_end.test_stories import PLAYED

SAID_IN_LINES = {"omron_hbp", "tanita"}
"""Devices on a cable that speak text."""


def test_no_story_is_told_twice() -> None:
    names = [story["story"] for story in STORIES]

    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["story"])
async def test_the_story_ends_as_told(story: Story) -> None:
    assert await outcome(story) == story["expect"]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["story"])
def test_a_story_begins_with_what_a_device_sends(story: Story) -> None:
    said = [*story["sends"], *(story[key] for key in ("clock", "start", "status") if key in story)]

    assert said
    if story["device"] in SAID_IN_LINES:
        assert all(line.endswith("\r\n") for line in said)
    else:
        assert all(bytes.fromhex(octets) for octets in said)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family["name"])
def test_every_family_is_played_end_to_end_too(family: dict[str, Any]) -> None:
    assert family["scenarios"]
    assert set(family["scenarios"]) <= PLAYED


async def test_the_page_is_made_from_the_stories() -> None:
    assert page.PATH.read_text(encoding="utf-8") == await page.made(), "run 'make docs'"


def test_every_reason_has_words() -> None:
    assert set(page.WHY) == set(Correction)
