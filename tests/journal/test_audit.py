import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.receipt import Receipt
from gateway.journal.audit import FIRST, Link, link_hash, verify_chain
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.making import SCALE, consenting, weight, withdrawal


def _chain(manifests: list[str]) -> list[Link]:
    links: list[Link] = []
    for number, manifest in enumerate(manifests, start=1):
        before = links[-1].hash if links else FIRST
        links.append(
            Link(
                number, 7, "recorded", manifest, link_hash(before, number, 7, "recorded", manifest)
            )
        )
    return links


CHAINS = st.lists(st.text(max_size=20), min_size=2, max_size=8).map(_chain)


@given(CHAINS)
def test_a_chain_left_alone_is_whole(chain: list[Link]) -> None:
    assert verify_chain(chain) is None


@given(CHAINS, st.data())
def test_an_edit_shows_where_it_was_made(chain: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 1))
    chain[at] = data.draw(
        st.sampled_from(
            [
                replace(chain[at], manifest=chain[at].manifest + "x"),
                replace(chain[at], event="settled"),
                replace(chain[at], recorded_us=8),
            ]
        )
    )

    assert verify_chain(chain) == at + 1


@given(CHAINS, st.data())
def test_a_link_edited_with_its_hash_shows_at_the_next(
    chain: list[Link], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(chain) - 2))
    before = chain[at - 1].hash if at else FIRST
    forged = chain[at].manifest + "x"
    chain[at] = Link(
        at + 1, 7, "recorded", forged, link_hash(before, at + 1, 7, "recorded", forged)
    )

    assert verify_chain(chain) == at + 2


@given(CHAINS, st.data())
def test_a_missing_link_shows(chain: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 2))
    del chain[at]

    assert verify_chain(chain) == at + 1


@given(CHAINS, st.data())
def test_links_in_another_order_show(chain: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(chain) - 2))
    chain[at], chain[at + 1] = chain[at + 1], chain[at]

    assert verify_chain(chain) == at + 1


async def test_every_transition_leaves_its_link(journal: Journal, reader: Reader) -> None:
    subject = await consenting(journal)
    entries = await journal.record(SCALE, [weight(n) for n in range(6)])
    one, two, three, four, _ = await journal.claim("mes", 5, START)
    await journal.settle(one, Receipt("mes", "Observation/1", START))
    await journal.retry_at(two, START, "503")
    await journal.unsettle(three, START, "no answer")
    await journal.park(four, "422")
    await journal.retry_parked()
    await journal.record_withdrawal(withdrawal(subject))

    links = list(reader.audit())

    assert [link.event for link in links] == [
        "assigned",
        "granted",
        "recorded",
        "released",
        "settled",
        "postponed",
        "unsettled",
        "parked",
        "reconsidered",
        "withdrawn",
        "dropped",
    ]
    assert reader.verify_against(None).whole
    recorded = json.loads(links[2].manifest)
    assert recorded["entries"] == {subject: [entry.id for entry in entries]}


async def test_no_manifest_holds_a_value_a_name_or_an_address(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(1, kg="81.375")])
    await journal.claim("mes", 1, START)

    told = " ".join(link.manifest for link in reader.audit())

    assert not any(secret in told for secret in ("81.375", "Ada", SCALE.id))
