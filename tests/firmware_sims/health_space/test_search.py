import pytest

from tests.firmware_sims.health_space.bundles import (
    A04,
    LOINC,
    OID,
    bundle,
    glucose,
    moment,
    quantity,
    weight,
)
from tests.firmware_sims.health_space.conftest import Solution


@pytest.fixture
async def filled(solution: Solution) -> Solution:
    """Alice with three weights and a glucose reading, Bob with a weight."""
    solution.pair("Bob")
    await solution.post(weight(solution.id_pe, 90.0))
    solution.pair("Alice")
    for kilograms, at in (
        (72.1, "2026-03-02T08:00:00+01:00"),
        (72.3, "2026-03-04T08:00:00+01:00"),
        (72.2, "2026-03-03T08:00:00+01:00"),
    ):
        await solution.post(weight(solution.id_pe, kilograms, at))
    await solution.post(glucose(solution.id_pe, moment()))
    return solution


def _subject(solution: Solution) -> str:
    return f"subject.identifier=urn:oid:{OID}%7C{solution.id_pe}"


async def _values(solution: Solution, query: str) -> list[float]:
    reply = await solution.search(f"{_subject(solution)}&{query}")
    assert reply.status == 200, reply.body
    found = [entry for entry in reply.json["entry"] if entry["search"]["mode"] == "match"]
    return [entry["resource"]["valueQuantity"]["value"] for entry in found]


async def test_only_that_persons_readings_are_found(filled: Solution) -> None:
    reply = await filled.search(_subject(filled))

    assert reply.json["type"] == "searchset"
    assert reply.json["total"] == 4
    assert f"urn:oid:{OID}" in reply.body.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("code=29463-7", [72.1, 72.3, 72.2]),
        (f"code={LOINC}%7C29463-7", [72.1, 72.3, 72.2]),
        (f"code={A04}%7C29463-7", []),
        ("code=29463-7,2345-7", [72.1, 72.3, 72.2, 104]),
        ("code=29463-7&_sort=-date&_count=1", [72.3]),
        ("code=29463-7&_sort=-date", [72.3, 72.2, 72.1]),
        ("code=29463-7&_sort=date&_count=1&_offset=1", [72.2]),
        ("code=29463-7&_offset=7", []),
        ("code=29463-7&date=ge2026-03-03", [72.3, 72.2]),
        ("code=29463-7&date=ge2026-03-03&date=le2026-03-03", [72.2]),
        ("date=2026-03-03T08:00:00%2B01:00", [72.2]),
        # One second either side of the instant, and just beside it (the settling search).
        ("date=ge2026-03-03T06:59:59Z&date=le2026-03-03T07:00:01Z", [72.2]),
        ("date=gt2026-03-03T07:00:00Z&date=lt2026-03-04T07:00:00Z", []),
    ],
)
async def test_the_documented_parameters_narrow_the_search(
    filled: Solution, query: str, expected: list[float]
) -> None:
    assert await _values(filled, query) == expected


async def test_the_subjects_oid_may_be_bare(filled: Solution) -> None:
    reply = await filled.search(f"subject.identifier={OID}%7C{filled.id_pe}&code=2345-7")

    assert reply.json["total"] == 1


async def test_devices_are_included_once_each_on_request(filled: Solution) -> None:
    reply = await filled.search(f"{_subject(filled)}&_include=Observation:device")

    modes = [entry["search"]["mode"] for entry in reply.json["entry"]]
    device = reply.json["entry"][-1]["resource"]
    observation = reply.json["entry"][0]["resource"]
    assert modes == ["match"] * 4 + ["include"]
    assert observation["device"]["reference"] == f"Device/{device['id']}"


async def test_a_page_links_to_the_next(filled: Solution) -> None:
    reply = await filled.search(f"{_subject(filled)}&_count=3")
    [after] = [link["url"] for link in reply.json["link"] if link["relation"] == "next"]
    target = after.removeprefix(filled.space.base_url)
    rest = await filled.send("GET", target, b"", {})

    assert (len(reply.json["entry"]), len(rest.json["entry"])) == (3, 1)
    assert [link["relation"] for link in rest.json["link"]] == ["self"]


async def test_a_page_never_exceeds_a_hundred(solution: Solution) -> None:
    for tenths in range(101):
        await solution.post(bundle(solution.id_pe, (LOINC, "29463-7"), quantity(70 + tenths, "kg")))

    asked = await solution.search(f"{_subject(solution)}&_count=500")
    default = await solution.search(_subject(solution))

    assert (len(asked.json["entry"]), len(default.json["entry"])) == (100, 50)


@pytest.mark.parametrize(
    "query",
    [
        "code=29463-7",
        "subject.identifier=nobody",
        "subject.identifier=urn:oid:1.2%7CX&patient=1",
        "subject.identifier=urn:oid:1.2%7CX&_sort=code",
        "subject.identifier=urn:oid:1.2%7CX&_count=-1",
        "subject.identifier=urn:oid:1.2%7CX&_count=1&_count=2",
        "subject.identifier=urn:oid:1.2%7CX&_include=Observation:subject",
        "subject.identifier=urn:oid:1.2%7CX&date=yesterday",
        "subject.identifier=urn:oid:1.2%7CX&date=ge2026-13-40",
        "subject.identifier=urn:oid:1.2%7CX&date=ge2026-03-03T08:00:00",
        # A plus sign that was not percent-encoded arrives as a blank.
        "subject.identifier=urn:oid:1.2%7CX&date=ge2026-03-03T08:00:00+01:00",
    ],
)
async def test_an_undocumented_query_is_refused_not_guessed(solution: Solution, query: str) -> None:
    reply = await solution.search(query)

    assert reply.status == 422


async def test_a_search_obeys_the_access_rules(filled: Solution) -> None:
    mine = _subject(filled)
    nobody = await filled.send(
        "GET", f"/fhir/Observation?{mine}", b"", {"Authorization": "Bearer nothing"}
    )
    unnamed = await filled.send("GET", f"/fhir/Observation?{mine}", b"", {"X-Id-Token": "x"})
    other = await filled.search(f"subject.identifier=urn:oid:{OID}%7Csomebody")
    foreign = await filled.search(f"subject.identifier=urn:oid:1.2.3%7C{filled.id_pe}")
    filled.space.set_consent("Alice", given=False)
    withdrawn = await filled.search(mine)

    statuses = [each.status for each in (unnamed, nobody, other, withdrawn, foreign)]
    assert statuses == [400, 401, 403, 403, 409]
