"""The power-cut runs of `make powercut`, some cuts of each, with their controls."""

import random

import pytest

from tests.journal.powercut import by_replay, can_mount, on_an_image


@pytest.mark.slow
def test_on_a_disk_that_forgets_nothing_acknowledged_is_lost_and_the_controls_lose() -> None:
    if not can_mount():
        pytest.skip("making and mounting a file system needs root")
    chance = random.Random(20261121)

    ours = on_an_image(10, "FULL", chance)
    controls = [on_an_image(3, weaker, chance) for weaker in ("NORMAL", "OFF")]

    assert (ours.cuts, ours.lost, ours.twice, ours.broken) == (10, 0, 0, 0)
    assert ours.acknowledged > 100
    assert all(control.lost for control in controls)


@pytest.mark.slow
def test_replayed_to_any_point_nothing_acknowledged_is_lost_and_the_control_loses() -> None:
    chance = random.Random(20261121)

    ours = by_replay(25, chance, honest=True)
    control = by_replay(10, chance, honest=False)

    assert (ours.cuts, ours.lost, ours.twice, ours.broken) == (25, 0, 0, 0)
    assert control.lost
