"""A finished English sentence is recognised and told again; what is not known is not."""

from gateway.language.sentences import Sentences

FRENCH = Sentences(
    {
        "Port {port} is taken.": "Le port {port} sert.",
        "{name} said: {what}": "{name} a dit\N{NO-BREAK SPACE}: {what}",
        "{name} said: nothing at all": "{name} n'a rien dit",
        "{path} and {path} again": "{path} encore",
        "Nobody is here.": "Il n'y a personne.",
    }
)


def test_it_is_told_again_with_what_stood_in_its_gaps() -> None:
    assert FRENCH.again("Port 8470 is taken.") == "Le port 8470 sert."
    assert FRENCH.again("Nobody is here.") == "Il n'y a personne."


def test_what_leaves_least_open_is_taken_first() -> None:
    assert FRENCH.again("Odile said: nothing at all") == "Odile n'a rien dit"


def test_a_sentence_within_a_sentence_is_told_again_too_and_a_mere_word_is_not() -> None:
    assert FRENCH.again("Odile said: Nobody is here.") == (
        "Odile a dit\N{NO-BREAK SPACE}: Il n'y a personne."
    )


def test_a_gap_that_comes_twice_holds_the_same_twice() -> None:
    assert FRENCH.again("a and a again") == "a encore"
    assert FRENCH.again("a and b again") is None


def test_a_sentence_that_holds_itself_over_and_over_is_told_too() -> None:
    told = FRENCH.again("Odile said: " * 3000 + "no")

    assert told is not None
    assert told.startswith("Odile a dit\N{NO-BREAK SPACE}: Odile a dit")
    assert told.endswith("said: no")


def test_signs_of_patterns_and_several_lines_are_only_letters() -> None:
    assert FRENCH.again("Port (.*\n) is taken.") == "Le port (.*\n) sert."
    assert FRENCH.again("Port 8470 is takenX") is None
    assert FRENCH.again("") is None
