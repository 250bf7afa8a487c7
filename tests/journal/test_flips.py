"""One flipped bit costs the row that it hits, and nothing else (the long form: `make flips`)."""

from tests.journal.flips import run


def test_wherever_a_bit_flips_at_most_one_reading_is_lost_and_it_is_named() -> None:
    costs, faults = run(150, seed=20261127)

    assert faults == []
    assert costs["more than one reading"] == 0
    assert costs["one reading, named"] > 10  # or the flips hit nothing
    assert costs["another row"] > 0
