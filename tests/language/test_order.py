"""Lists are in the order of a dictionary, whatever the accents."""

from gateway.language.order import by_the_letter


def test_an_accent_does_not_move_a_word_and_an_upper_case_letter_neither() -> None:
    words = ["Zinc", "Composition", "à jeun", "Élevé", "Cétones", "après", "elevé"]

    in_order = sorted(words, key=by_the_letter)

    assert in_order == ["à jeun", "après", "Cétones", "Composition", "elevé", "Élevé", "Zinc"]
