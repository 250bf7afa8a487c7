import pytest

from tests.firmware_sims.health_space.bundles import weight
from tests.firmware_sims.health_space.conftest import Solution


async def test_a_person_added_by_control_can_pair(solution: Solution) -> None:
    added = await solution.control("POST", "/sandbox/people", name="Bob", consent=False)
    again = await solution.control("POST", "/sandbox/people/Bob/code")

    tokens = [
        await solution.form("/token", grant_type="authorization_code", code=reply.json["code"])
        for reply in (added, again)
    ]

    assert added.status == 201
    assert [reply.status for reply in tokens] == [200, 200]
    assert solution.space.person("Bob").consent is False


async def test_everybody_is_listed(solution: Solution) -> None:
    solution.space.add_person("Bob")

    listed = await solution.control("GET", "/sandbox/people")

    assert [person["name"] for person in listed.json] == ["Alice", "Bob"]


async def test_accepted_readings_are_listed_newest_first(solution: Solution) -> None:
    for kilograms in (72.1, 72.2, 72.2):
        await solution.post(weight(solution.id_pe, kilograms))

    listed = (await solution.control("GET", "/sandbox/accepted")).json["accepted"]
    limited = (await solution.control("GET", "/sandbox/accepted?limit=1")).json["accepted"]
    nobody = (await solution.control("GET", "/sandbox/accepted?person=Bob")).json["accepted"]

    assert [each["value"] for each in listed] == ["72.2", "72.2", "72.1"]
    assert [each["duplicate"] for each in listed] == [True, False, False]
    assert (listed[0]["person"], listed[0]["measure"]) == ("Alice", "weight")
    assert listed[0]["device"]["resourceType"] == "Device"
    assert (limited, nobody) == (listed[:1], [])


async def test_the_page_is_on_both_ports(solution: Solution) -> None:
    await solution.post(weight(solution.id_pe))

    pages = [await solution.control("GET", "/"), await solution.ask("GET", "/")]

    assert all(b"72.4 kg" in page.body and b"Alice" in page.body for page in pages)


async def test_faults_are_set_listed_and_cleared(solution: Solution) -> None:
    added = await solution.control("POST", "/sandbox/faults", kind="503", count=2)
    hit = await solution.post(weight(solution.id_pe))
    listed = await solution.control("GET", "/sandbox/faults")
    await solution.control("DELETE", "/sandbox/faults")
    spared = await solution.post(weight(solution.id_pe))

    assert added.status == 201
    assert [each["hits"] for each in listed.json] == [1]
    assert (hit.status, spared.status) == (503, 200)


async def test_access_tokens_can_be_made_to_expire(solution: Solution) -> None:
    await solution.control("POST", "/sandbox/tokens/expire")

    assert (await solution.post(weight(solution.id_pe))).status == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/sandbox/people", {"consent": True}, 400),
        ("POST", "/sandbox/people", {"name": 7}, 400),
        ("GET", "/sandbox/people/Nobody", {}, 404),
        ("POST", "/sandbox/people/Alice/consent", {}, 400),
        ("POST", "/sandbox/people/Alice/consent", {"given": "no"}, 400),
        ("POST", "/sandbox/faults", {"kind": "418"}, 400),
        ("POST", "/sandbox/clock", {"skew": 1}, 400),
        ("POST", "/sandbox/link", {"up": "maybe"}, 400),
    ],
)
async def test_a_mistaken_request_is_answered_not_guessed(
    solution: Solution, method: str, path: str, body: dict[str, object], status: int
) -> None:
    reply = await solution.control(method, path, **body)

    assert reply.status == status


async def test_a_body_that_is_no_object_is_refused(solution: Solution) -> None:
    url = f"{solution.space.control_url}/sandbox/people"

    statuses = []
    for body in (b"{", b"[]"):
        async with solution.http.post(url, data=body) as response:
            statuses.append(response.status)

    assert statuses == [400, 400]
