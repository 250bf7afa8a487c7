import asyncio
import base64
import json
import ssl

import pytest
from firmware_sims.health_space import Fault, HealthSpace, Kind

from tests.firmware_sims.health_space.bundles import OID, days, mean_glucose, weight
from tests.firmware_sims.health_space.conftest import Solution


async def test_nothing_is_counted_for_whoever_is_not_concerned(solution: Solution) -> None:
    solution.space.add_person("Bob")

    await solution.post(weight(solution.id_pe))
    await solution.search(f"subject.identifier={OID}%7C{solution.id_pe}")
    await solution.form(
        "/token", grant_type="refresh_token", refresh_token=solution.tokens["refresh_token"]
    )

    bob = (await solution.control("GET", "/sandbox/people/Bob")).json
    alice = (await solution.control("GET", "/sandbox/people/Alice")).json
    assert (bob["requests_seen"], bob["mentions"], bob["bytes_seen"]) == (0, 0, 0)
    assert (alice["requests_seen"], alice["accepted"], alice["searches"]) == (3, 1, 1)
    assert alice["bytes_seen"] > 1000


@pytest.mark.parametrize("place", ["body", "path", "header", "token", "refused body"])
async def test_an_idpe_is_noticed_wherever_it_is(solution: Solution, place: str) -> None:
    solution.space.add_person("Bob")
    bob = solution.space.person("Bob")
    claims = base64.urlsafe_b64encode(json.dumps({"x": bob.id_pe}).encode()).decode().rstrip("=")
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    sent = weight(solution.id_pe)

    match place:
        case "body":
            sent["entry"][0]["resource"]["note"] = [{"text": f"as for {bob.id_pe}"}]
            await solution.post(sent)
        case "path":
            await solution.send("GET", f"/elsewhere?q={bob.id_pe}", b"", {})
        case "header":
            await solution.post(sent, **{"X-Trace": bob.id_pe})
        case "token":
            await solution.post(sent, **{"X-Trace": f"{head}.{claims}."})
        case "refused body":
            await solution.post(f"not JSON, {bob.id_pe}".encode())

    assert (bob.counts.requests_seen, bob.counts.mentions) == (1, 1)


async def test_a_faulted_request_is_still_counted(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.UNAVAILABLE))

    await solution.post(weight(solution.id_pe))

    counts = solution.space.person("Alice").counts
    assert (counts.requests_seen, counts.faulted, counts.accepted) == (1, 1, 0)


async def test_half_a_request_is_still_counted() -> None:
    async with HealthSpace() as space:
        space.add_person("Alice")
        context = ssl.create_default_context(cafile=str(space.ca_path))
        _, writer = await asyncio.open_connection("127.0.0.1", space.link.port, ssl=context)
        half = f'{{"subject": "{space.person("Alice").id_pe}'
        writer.write(
            f"POST /fhir HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{half}".encode()
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        counts = space.person("Alice").counts
        await space.until(lambda: counts.requests_seen == 1)

        assert (counts.mentions, counts.accepted) == (1, 0)


async def test_withdrawing_returns_the_counts_of_that_instant(solution: Solution) -> None:
    await solution.post(weight(solution.id_pe))

    withdrawn = await solution.control("POST", "/sandbox/people/Alice/consent", given=False)
    refused = await solution.post(weight(solution.id_pe))
    after = await solution.control("GET", "/sandbox/people/Alice")

    assert (withdrawn.json["consent"], withdrawn.json["accepted"]) == (False, 1)
    assert refused.status == 403
    assert (after.json["accepted"], after.json["refused"]) == (1, 1)
    assert after.json["mentions"] > withdrawn.json["mentions"]


async def test_means_of_two_periods_that_are_equal_are_no_duplicates(solution: Solution) -> None:
    for code, again in (("GEN-275", 0), ("GEN-276", 0), ("GEN-276", 1)):
        await solution.post(mean_glucose(solution.id_pe, days(code)))

        assert solution.space.person("Alice").counts.duplicates == again
