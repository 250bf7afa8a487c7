"""The people who are measured."""

from gateway.journal.journal import Journal


async def test_an_id_says_nothing_about_the_person(journal: Journal) -> None:
    one, two = await journal.add_subject("Ada"), await journal.add_subject("Ada")

    assert one.id != two.id
    assert one.id.startswith("p-")
    assert len(one.id) == 18  # 16 of 32 letters: nobody tries them all
