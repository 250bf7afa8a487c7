"""Stories that a clinician can read: see `time_stories.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.domain.telling import Story, outcome

STORIES: list[Story] = tomllib.loads(
    (Path(__file__).parent / "time_stories.toml").read_text(encoding="utf-8")
)["story"]


def test_no_story_is_told_twice() -> None:
    names = [story["story"] for story in STORIES]

    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["story"])
async def test_the_story_ends_as_told(story: Story) -> None:
    assert await outcome(story) == story["expect"]
