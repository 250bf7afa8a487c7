import asyncio
import errno
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from firmware_sims.health_space import Fault, HealthSpace, Kind, Operation
from firmware_sims.health_space.faults import Faults, parse_fault

from tests.firmware_sims.health_space.bundles import OID, weight
from tests.firmware_sims.health_space.conftest import Solution, paired

NO_ANSWER = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)


def _accepted(solution: Solution) -> int:
    return solution.space.person("Alice").counts.accepted


STATUSES = [
    (Kind.UNAUTHORISED, 401),
    (Kind.CONSENT_REFUSED, 403),
    (Kind.CONFLICT, 409),
    (Kind.UNPROCESSABLE, 422),
    (Kind.TOO_MANY, 429),
    (Kind.SERVER_ERROR, 500),
    (Kind.UNAVAILABLE, 503),
]


@pytest.mark.parametrize(("kind", "status"), STATUSES)
async def test_a_status_fault_hits_once_and_commits_nothing(
    solution: Solution, kind: Kind, status: int
) -> None:
    solution.space.add_fault(Fault(kind, count=1))

    hit = await solution.post(weight(solution.id_pe))
    spared = await solution.post(weight(solution.id_pe))

    counts = solution.space.person("Alice").counts
    assert (hit.status, spared.status) == (status, 200)
    assert hit.json["resourceType"] == "OperationOutcome"
    assert (counts.accepted, counts.refused, counts.faulted) == (1, 0, 1)


async def test_throttling_says_when_to_come_back_only_if_asked(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.TOO_MANY, count=1, retry_after_s=7))
    solution.space.add_fault(Fault(Kind.TOO_MANY, count=1))

    told, untold = [await solution.post(weight(solution.id_pe)) for _ in range(2)]

    assert told.headers["Retry-After"] == "7"
    assert "Retry-After" not in untold.headers


async def test_a_status_fault_can_strike_after_the_commit(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.SERVER_ERROR, count=1, commit=True))

    reply = await solution.post(weight(solution.id_pe))

    assert (reply.status, _accepted(solution)) == (500, 1)


@pytest.mark.parametrize(
    ("kind", "commits"),
    [
        (Kind.RESET_BEFORE_COMMIT, False),
        (Kind.RESET_AFTER_COMMIT, True),
        (Kind.TRUNCATED_BODY, True),
        (Kind.EMPTY_REPLY, True),
    ],
)
async def test_a_broken_answer_leaves_the_outcome_to_be_searched(
    solution: Solution, kind: Kind, commits: bool
) -> None:
    solution.space.add_fault(Fault(kind, count=1))

    with pytest.raises(NO_ANSWER):
        await solution.post(weight(solution.id_pe))
    found = await solution.search(f"subject.identifier=urn:oid:{OID}%7C{solution.id_pe}")

    assert found.json["total"] == int(commits)


async def test_a_reset_is_a_reset_and_an_empty_reply_is_not(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.RESET_AFTER_COMMIT, count=1))
    solution.space.add_fault(Fault(Kind.EMPTY_REPLY, count=1))

    with pytest.raises(aiohttp.ClientOSError) as reset:
        await solution.post(weight(solution.id_pe))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await solution.post(weight(solution.id_pe))

    assert reset.value.errno == errno.ECONNRESET


async def test_a_truncated_body_can_be_an_empty_one(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.TRUNCATED_BODY, count=1, commit=False))

    with pytest.raises(NO_ANSWER):
        await solution.post(weight(solution.id_pe))

    assert _accepted(solution) == 0


async def test_garbage_comes_with_status_200(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.GARBAGE_BODY, count=1))

    reply = await solution.post(weight(solution.id_pe))

    assert (reply.status, _accepted(solution)) == (200, 1)
    with pytest.raises(ValueError, match=r".*"):
        _ = reply.json


async def test_a_slow_answer_comes_after_the_commit(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.SLOW, count=1, delay_s=0.05))
    began = asyncio.get_running_loop().time()

    reply = await solution.post(weight(solution.id_pe))

    assert reply.status == 200
    assert asyncio.get_running_loop().time() - began >= 0.05


async def test_a_hanging_request_is_seen_but_never_answered(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.HANG, count=1))

    counts = solution.space.person("Alice").counts

    posting = asyncio.ensure_future(solution.post(weight(solution.id_pe)))
    await solution.space.until(lambda: counts.requests_seen == 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(posting, 120)

    assert (counts.accepted, counts.requests_seen) == (0, 1)


async def test_a_sandbox_with_a_hanging_request_still_closes() -> None:
    async with paired(HealthSpace()) as solution:
        solution.space.add_fault(Fault(Kind.HANG))
        hanging = asyncio.create_task(solution.post(weight(solution.id_pe)))
        counts = solution.space.person("Alice").counts
        await solution.space.until(lambda: counts.requests_seen == 1)
        await solution.space.link.cut()
        with pytest.raises(NO_ANSWER):
            await hanging


async def test_an_expired_token_stays_expired_until_refreshed(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.EXPIRED_TOKEN, count=1))

    before = [(await solution.post(weight(solution.id_pe))).status for _ in range(2)]
    renewed = await solution.form(
        "/token", grant_type="refresh_token", refresh_token=solution.tokens["refresh_token"]
    )
    solution.tokens = renewed.json
    after = await solution.post(weight(solution.id_pe))

    assert (before, after.status) == ([401, 401], 200)


async def test_a_fault_concerns_the_operation_it_names(solution: Solution) -> None:
    query = f"subject.identifier={OID}%7C{solution.id_pe}"
    solution.space.add_fault(Fault(Kind.UNAVAILABLE, on=Operation.SEARCH, count=1))
    solution.space.add_fault(Fault(Kind.SERVER_ERROR, on=Operation.TOKEN, count=1))

    posted = await solution.post(weight(solution.id_pe))
    searched = await solution.search(query)
    refreshed = await solution.form("/token", grant_type="refresh_token")

    assert (posted.status, searched.status, refreshed.status) == (200, 503, 500)


async def test_a_skewed_clock_shows_in_the_date_and_expires_tokens(solution: Solution) -> None:
    await solution.control("POST", "/sandbox/clock", skew_s=-7200)
    early = await solution.post(weight(solution.id_pe))
    await solution.control("POST", "/sandbox/clock", skew_s=7200)
    late = await solution.post(weight(solution.id_pe))

    shift = parsedate_to_datetime(early.headers["Date"]) - datetime.now(UTC)
    assert abs(shift.total_seconds() + 7200) < 10
    assert (early.status, late.status) == (200, 401)


@pytest.fixture
async def cut_solution() -> AsyncIterator[Solution]:
    async with paired(HealthSpace()) as made:
        await made.post(weight(made.id_pe))
        await made.control("POST", "/sandbox/link", up=False)
        yield made


async def test_a_cut_link_refuses_connections_while_control_answers(
    cut_solution: Solution,
) -> None:
    with pytest.raises(aiohttp.ClientConnectorError) as refused:
        await cut_solution.post(weight(cut_solution.id_pe))

    state = await cut_solution.control("GET", "/sandbox/link")
    assert isinstance(refused.value.os_error, ConnectionRefusedError)
    assert state.json == {"up": False}


async def test_the_link_comes_back_on_the_same_port(cut_solution: Solution) -> None:
    base_url = cut_solution.space.base_url

    await cut_solution.control("POST", "/sandbox/link", up=True)
    reply = await cut_solution.post(weight(cut_solution.id_pe))

    assert (reply.status, cut_solution.space.base_url) == (200, base_url)


async def test_a_link_cut_for_a_time_comes_back_by_itself(cut_solution: Solution) -> None:
    await cut_solution.control("POST", "/sandbox/link", up=False, for_s=0.05)

    await cut_solution.space.link.up.wait()
    reply = await cut_solution.post(weight(cut_solution.id_pe))

    assert reply.status == 200


async def test_nobody_else_is_given_the_port_of_a_cut_link(cut_solution: Solution) -> None:
    port = cut_solution.space.link.port
    servers = [
        await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, reuse_address=False)
        for _ in range(20)
    ]

    taken = {server.sockets[0].getsockname()[1] for server in servers}
    for server in servers:
        server.close()

    assert port not in taken


async def test_a_cut_drops_a_request_on_its_way(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.SLOW, delay_s=60))
    pending = asyncio.create_task(solution.post(weight(solution.id_pe)))
    await solution.space.until(lambda: _accepted(solution) == 1)

    await solution.control("POST", "/sandbox/link", up=False)

    with pytest.raises(NO_ANSWER):
        await pending


class Ticking:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_fault_ends_with_its_duration() -> None:
    clock = Ticking()
    faults = Faults(clock)
    faults.add(Fault(Kind.UNAVAILABLE, duration_s=10))

    clock.now_s = 9.9
    during = faults.take(Operation.BUNDLE)
    clock.now_s = 10
    after = faults.take(Operation.BUNDLE)

    assert during is not None
    assert after is None


def test_the_same_seed_hits_the_same_requests() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(Ticking())
        faults.add(Fault(Kind.SERVER_ERROR, probability=0.3, seed=seed))
        return [faults.take(Operation.BUNDLE) is not None for _ in range(200)]

    first = hits(1)

    assert first == hits(1)
    assert first != hits(2)
    assert 30 < sum(first) < 90


def test_a_spent_fault_gives_way_to_the_next() -> None:
    faults = Faults(Ticking())
    faults.add(Fault(Kind.CONFLICT, count=2))
    faults.add(Fault(Kind.UNAVAILABLE, count=1))

    taken = [faults.take(Operation.BUNDLE) for _ in range(4)]

    kinds = [fault.kind if fault is not None else None for fault in taken]
    assert kinds == [Kind.CONFLICT, Kind.CONFLICT, Kind.UNAVAILABLE, None]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"kind": "503", "typo": 1},
        {"kind": "418"},
        {"kind": "503", "on": "everything"},
        {"kind": "503", "count": "three"},
        {"kind": "503", "probability": True},
        {"kind": "503", "commit": 1},
    ],
)
def test_an_ill_formed_fault_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_fault(asked)
