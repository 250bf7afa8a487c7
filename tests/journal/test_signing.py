"""A checkpoint held elsewhere shows what a chain alone does not: a tail cut off, a chain remade."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.journal import backup, signing
from gateway.journal.audit import FIRST, Link, link_hash
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.restoring import restore
from gateway.testing.clock import START, ManualClock
from tests.journal.making import ROUTES, SCALE, ZONE, consenting, open_journal, weight

PHRASE = b"correct horse"


def _remade(links: list[Link]) -> list[Link]:
    """Forge a chain that is whole in itself."""
    made: list[Link] = []
    before = FIRST
    for number, link in enumerate(links, start=1):
        told = (number, link.recorded_us, link.event, link.manifest)
        before = link_hash(before, *told)
        made.append(Link(*told, before))
    return made


FORGERIES: dict[str, Callable[[list[Link]], list[Link]]] = {
    "its tail was cut off": lambda links: links[:-1],
    "a link was left out and the rest remade": lambda links: _remade(links[:1] + links[2:]),
    "a link was edited and the rest remade": lambda links: _remade(
        [replace(links[0], event="settled"), *links[1:]]
    ),
    "links were reordered and all remade": lambda links: _remade([links[1], links[0], *links[2:]]),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_chain_that_is_whole_in_itself_fails_against_a_checkpoint(
    journal: Journal, reader: Reader, forge: Callable[[list[Link]], list[Link]]
) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(1)])
    checkpoint = reader.checkpoint(START)
    links = list(reader.audit())
    keys = reader._keys

    alone = signing.verify(forge(links), None, keys)
    against = signing.verify(forge(links), checkpoint, keys)

    assert alone.whole
    assert not against.whole


async def test_a_chain_that_went_on_agrees_with_an_older_checkpoint(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    checkpoint = reader.checkpoint(START)
    await journal.record(SCALE, [weight(1)])

    assert reader.verify_against(checkpoint).whole


async def test_a_checkpoint_that_was_changed_or_is_another_hubs_is_told(
    journal: Journal, reader: Reader, tmp_path: Path
) -> None:
    await consenting(journal)
    checkpoint = reader.checkpoint(START)
    assert checkpoint is not None
    async with open_journal(tmp_path / "other" / "journal.db") as other:
        await consenting(other)
    with Reader.open(tmp_path / "other" / "journal.db") as elsewhere:
        others = elsewhere.checkpoint(START)

    changed = checkpoint.model_copy(update={"number": 1})

    assert reader.verify_against(changed).checkpoint == "signature"
    assert reader.verify_against(others).checkpoint == "other_hub"


async def test_erasing_a_person_leaves_a_chain_that_agrees_with_the_checkpoint(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    await journal.record(SCALE, [weight(1)])
    checkpoint = reader.checkpoint(START)

    await journal.erase(subject)

    assert reader.verify_against(checkpoint).whole


async def test_a_restored_hub_says_so_to_a_checkpoint_of_before(path: Path, tmp_path: Path) -> None:
    """The log it had is set aside; that it was cut off is not the whole truth."""
    async with open_journal(path) as journal:
        await consenting(journal)
    backup.write(tmp_path / "backup", PHRASE, path, {})
    with Reader.open(path) as reader:
        in_the_backup = reader.checkpoint(START)
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
        await journal.record(SCALE, [weight(2)])
    with Reader.open(path) as reader:
        later = reader.checkpoint(START)

    restore(tmp_path / "backup", PHRASE, path, ManualClock(), ZONE, ROUTES, consents_stand=True)

    with Reader.open(path) as reader:
        agrees, differs = (reader.verify_against(each) for each in (in_the_backup, later))
    assert agrees.whole
    assert agrees.begun_anew is None
    assert not differs.whole
    assert differs.begun_anew == START


async def test_a_restore_before_a_checkpoint_explains_nothing(path: Path, tmp_path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
    backup.write(tmp_path / "backup", PHRASE, path, {})
    restore(tmp_path / "backup", PHRASE, path, ManualClock(), ZONE, ROUTES, consents_stand=True)
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
    with Reader.open(path) as reader:
        checkpoint = reader.checkpoint(START + timedelta(seconds=1))
        links, keys = list(reader.audit()), reader._keys

        cut = signing.verify(links[:-1], checkpoint, keys)

    assert (cut.checkpoint, cut.begun_anew) == ("cut", None)
