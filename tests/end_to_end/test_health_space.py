"""A health space that misbehaves never ends the daemon, loses a reading, or gets one twice.

Odile has two readings on the way when it happens, Marcel has one that comes after. Whatever the
health space did, a sentence says what is the matter, and what can flow flows.
"""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.health_space import Fault, HealthSpace, Kind, Operation

from gateway.api.hub import ShutOut
from gateway.client import Refused
from gateway.domain.device import DeviceId
from gateway.domain.subject import SubjectId
from gateway.uplink.mes_pairing import Pairing
from tests.end_to_end.home import MARCEL, ODILE, Home, Plan, a_health_space, at_home
from tests.end_to_end.passing import Passing

WAITS, ASKS, PARKED = "due", "unsettled", "parked"
BROKE = (
    "The connection broke before the answer was complete: the gateway finds out whether it arrived."
)
NO_TIME = "The server did not answer in time: the gateway finds out whether it arrived."
NO_WORD = (
    "The server's answer does not say that it has the reading: the gateway searches for it there"
    " before sending again."
)
FAILED = "The server failed (500): the gateway searches for the reading there before sending again."
OUT_OF_SERVICE = (
    "The server is out of service (503): the gateway searches for the reading there before sending"
    " again."
)
REJECTED = (
    "The health space rejects the reading (422: invalid): report it with the destination's"
    " settings; it stays on this hub."
)
NO_ACCESS = "The health space does not accept our access: pair this person again."
OTHER_OID = (
    "The health space knows this person's pairing under another OID (409): check solution_oid and"
    " patient_system_claim."
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault, and what becomes of Odile's first reading and of her second."""

    fault: Fault
    state: str
    sentence: str
    second: str = "settled"


CASES = {
    "401, also with fresh tokens": Case(
        fault=Fault(Kind.UNAUTHORISED, count=2), state=WAITS, sentence=NO_ACCESS, second=WAITS
    ),
    "409": Case(fault=Fault(Kind.CONFLICT, count=1), state=WAITS, sentence=OTHER_OID, second=WAITS),
    "422": Case(fault=Fault(Kind.UNPROCESSABLE, count=1), state=PARKED, sentence=REJECTED),
    "500": Case(fault=Fault(Kind.SERVER_ERROR, count=1), state=ASKS, sentence=FAILED),
    "500, although it took the reading": Case(
        fault=Fault(Kind.SERVER_ERROR, count=1, commit=True), state=ASKS, sentence=FAILED
    ),
    "503": Case(fault=Fault(Kind.UNAVAILABLE, count=1), state=ASKS, sentence=OUT_OF_SERVICE),
    "a garbled answer": Case(fault=Fault(Kind.GARBAGE_BODY, count=1), state=ASKS, sentence=NO_WORD),
    "a garbled answer that took nothing": Case(
        fault=Fault(Kind.GARBAGE_BODY, count=1, commit=False), state=ASKS, sentence=NO_WORD
    ),
    "half an answer": Case(fault=Fault(Kind.TRUNCATED_BODY, count=1), state=ASKS, sentence=BROKE),
    "no answer": Case(fault=Fault(Kind.EMPTY_REPLY, count=1), state=ASKS, sentence=BROKE),
    "no answer that took nothing": Case(
        fault=Fault(Kind.EMPTY_REPLY, count=1, commit=False), state=ASKS, sentence=BROKE
    ),
    "silence": Case(fault=Fault(Kind.HANG, count=1), state=ASKS, sentence=NO_TIME),
    "silence, after it took the reading": Case(
        fault=Fault(Kind.HANG, count=1, commit=True), state=ASKS, sentence=NO_TIME
    ),
    "a reset before it took the reading": Case(
        fault=Fault(Kind.RESET_BEFORE_COMMIT, count=1), state=ASKS, sentence=BROKE
    ),
    "a reset after it took the reading": Case(
        fault=Fault(Kind.RESET_AFTER_COMMIT, count=1), state=ASKS, sentence=BROKE
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_fault_of_one_answer_holds_up_what_it_must_and_nothing_else(
    case: Case, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        space.add_fault(case.fault)

        await home.weigh(ODILE, times=2)
        await home.until(lambda: is_way_of_the_first(home, case.state, case.sentence))
        await home.weigh(MARCEL)

        await home.until(lambda: are_settled(home, MARCEL))
        await home.until(lambda: is_state_of_the_second(home, case.second))
        assert await home.paused() is None
        await home.post("outbox", "retry", destination="mes")
        await home.hurry_until(lambda: are_settled(home, ODILE))
        assert_each_arrived_once(space, {ODILE: 2, MARCEL: 1})


@pytest.mark.parametrize("kind", [Kind.TOO_MANY, Kind.UNAVAILABLE])
async def test_a_server_that_asks_to_wait_is_left_alone_that_long(
    kind: Kind, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    asks = f"The server asks to wait ({kind}): the gateway goes on by itself."
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        space.add_fault(Fault(kind, count=1, retry_after_s=120))

        await home.weigh(ODILE)
        await home.until(lambda: is_way_of_the_first(home, WAITS, asks))
        seen = requests_seen(space)
        await home.weigh(MARCEL)
        time.skip(100)
        await home.until(lambda: is_paused(home, asks))

        assert await home.states() == ["due", "due"]
        assert requests_seen(space) == seen
        time.skip(30)
        await home.until(lambda: are_settled(home, ODILE, MARCEL))
        assert await home.paused() is None
        assert_each_arrived_once(space, {ODILE: 1, MARCEL: 1})


async def test_an_unreachable_server_is_tried_again_by_itself(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    unreachable = "The server cannot be reached: check the network; the gateway tries again."
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        await space.link.cut()

        await home.weigh(ODILE)
        await home.until(lambda: is_paused(home, unreachable))
        await home.weigh(MARCEL)
        time.skip(3600)

        await home.until(lambda: is_way_of_the_first(home, WAITS, unreachable))
        assert set(await home.states()) <= {"due", "sending"}
        await space.link.restore()
        await home.hurry_until(lambda: are_settled(home, ODILE, MARCEL), step_s=60)
        assert await home.paused() is None
        assert_each_arrived_once(space, {ODILE: 1, MARCEL: 1})


async def test_a_stranger_in_the_place_of_the_server_gets_nothing(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    not_trusted = "The server's certificate is not trusted: check ca_file and the hub's clock."
    async with a_health_space(time) as stranger:
        plan = replace(IMPATIENT, destination={"ca_file": str(stranger.ca_path)})
        async with at_home(tmp_path, space, time, IMPATIENT) as home:
            await home.welcome(ODILE)
        async with at_home(tmp_path, space, time, plan) as misled:
            misled.people = home.people
            seen = requests_seen(space)
            await misled.weigh(ODILE)
            await misled.until(lambda: is_paused(misled, not_trusted))

            await misled.until(lambda: is_way_of_the_first(misled, WAITS, not_trusted))
            assert requests_seen(space) == seen
    async with at_home(tmp_path, space, time, IMPATIENT) as mended:
        mended.people = home.people
        await mended.hurry_until(lambda: are_settled(mended, ODILE))
        assert_each_arrived_once(space, {ODILE: 1})


async def test_a_search_that_fails_too_is_repeated_before_anything_is_sent(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    in_vain = (
        "The search for a reading that may be there fails (500): check base_url and that the"
        " contract covers searching; the gateway searches again before it sends."
    )
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        space.add_fault(Fault(Kind.RESET_AFTER_COMMIT, count=1))
        space.add_fault(Fault(Kind.SERVER_ERROR, on=Operation.SEARCH, count=1))

        await home.weigh(ODILE)
        await home.hurry_until(lambda: is_way_of_the_first(home, ASKS, in_vain), step_s=5)
        await home.weigh(MARCEL)

        await home.until(lambda: are_settled(home, MARCEL))
        await home.hurry_until(lambda: are_settled(home, ODILE))
        assert_each_arrived_once(space, {ODILE: 1, MARCEL: 1})


async def test_tokens_that_end_early_are_refreshed_and_nobody_notices(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        space.add_fault(Fault(Kind.EXPIRED_TOKEN, count=1))

        await home.weigh(ODILE, times=2)

        await home.until(lambda: are_settled(home, ODILE))
        assert_each_arrived_once(space, {ODILE: 2})


@pytest.mark.parametrize(
    ("fault", "sentence", "matter"),
    [
        (
            Fault(Kind.UNAUTHORISED, on=Operation.TOKEN, count=1),
            "The token endpoint does not accept this gateway: check client_id, client_secret,"
            " client_auth and scope.",
            ShutOut.GATEWAY,
        ),
        (
            None,
            "The pairing with the health space is over: pair this person again.",
            ShutOut.PAIRING,
        ),
    ],
    ids=["refused", "over"],
)
async def test_a_person_who_is_no_longer_known_there_is_named_by_what_to_do_and_pairs_again(
    fault: Fault | None,
    sentence: str,
    matter: ShutOut,
    tmp_path: Path,
    space: HealthSpace,
    time: Passing,
) -> None:
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        space.service.tokens.expire_all()
        if fault is not None:
            space.add_fault(fault)
        else:
            space.service.tokens.revoke(str((await tokens(home, ODILE)).refresh_token))

        await home.weigh(ODILE)
        await home.until(lambda: is_way_of_the_first(home, WAITS, sentence))
        await home.weigh(MARCEL)

        await home.until(lambda: are_settled(home, MARCEL))
        shut_out = [
            home.hub.shuts_out(SubjectId(home.people[who]), "mes") for who in (ODILE, MARCEL)
        ]
        assert shut_out == [matter, None]
        assert [part.held for part in home.hub.status().destinations] == [sentence]
        await home.pair(ODILE)
        await home.until(lambda: are_settled(home, ODILE))
        assert_each_arrived_once(space, {ODILE: 1, MARCEL: 1})


async def test_tokens_of_two_people_mixed_up_send_nothing_until_one_pairs_again(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        mixed = (await tokens(home, ODILE)).model_copy(
            update={"id_token": (await tokens(home, MARCEL)).id_token}
        )
        await home.hub.journal.set_pairing(
            SubjectId(home.people[ODILE]), "mes", mixed.model_dump_json().encode()
        )
        await home.hub.quiesce(SubjectId(home.people[ODILE]), "mes")  # tokens are read anew

        await home.weigh(ODILE)
        await home.until(
            lambda: is_way_of_the_first(
                home,
                WAITS,
                "The health space says that the pairing is another person's (403): pair this"
                " person again.",
            )
        )
        await home.weigh(MARCEL)

        await home.until(lambda: are_settled(home, MARCEL))
        await home.pair(ODILE)
        await home.until(lambda: are_settled(home, ODILE))
        assert_each_arrived_once(space, {ODILE: 1, MARCEL: 1})


async def test_a_person_who_refuses_there_is_left_in_peace_until_they_agree_at_both_ends(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        space.set_consent(ODILE, given=False)

        await home.weigh(ODILE, times=2)
        await home.until(lambda: are_all(home, "withheld", "refused_there"))
        seen = space.person(ODILE).counts.bytes_seen
        await home.weigh(ODILE)
        await home.weigh(MARCEL)
        time.skip(24 * 3600)
        await home.until(lambda: are_settled(home, MARCEL))
        await home.until(lambda: are_all(home, "withheld", "refused_there"))

        assert space.person(ODILE).counts.bytes_seen == seen
        space.set_consent(ODILE, given=True)
        await home.grant(ODILE)
        await home.until(lambda: are_settled(home, ODILE))
        assert_each_arrived_once(space, {ODILE: 3, MARCEL: 1})


IMPATIENT = Plan(destination={"answer_timeout_s": 0.5, "connect_timeout_s": 5})


async def is_way_of_the_first(home: Home, state: str, sentence: str) -> bool:
    """Whether that became of the first of Odile's readings; the API and the outbox say the same."""
    ways = await home.ways(ODILE)
    counted = await home.get("outbox")
    shown = {(line["state"], line["reason"]) for line in counted}
    return ways[-1:] == [(state, sentence)] and (state, sentence) in shown


async def is_state_of_the_second(home: Home, state: str) -> bool:
    return (await home.states(ODILE))[0] == state


async def is_paused(home: Home, sentence: str) -> bool:
    return await home.paused() == sentence


async def are_all(home: Home, state: str, reason: str) -> bool:
    return set(await home.ways(ODILE)) == {(state, reason)}


async def are_settled(home: Home, *names: str) -> bool:
    states = [set(await home.states(name)) for name in names]
    return all(each == {"settled"} for each in states)


async def tokens(home: Home, name: str) -> Pairing:
    kept = await home.hub.journal.pairing(SubjectId(home.people[name]), "mes")
    assert kept is not None
    return Pairing.model_validate_json(kept)


def requests_seen(space: HealthSpace) -> int:
    return sum(person.counts.requests_seen for person in space.service.people)


def assert_each_arrived_once(space: HealthSpace, expected: dict[str, int]) -> None:
    for name, count in expected.items():
        counts = space.person(name).counts
        assert (counts.accepted, counts.duplicates) == (count, 0)


def revoking(space: HealthSpace) -> Plan:
    return replace(IMPATIENT, destination={"revoke_url": f"{space.base_url}/revoke"})


async def kept(home: Home, name: str) -> Pairing:
    """Return the credentials that are kept of somebody."""
    stored = await home.hub.journal.pairing(SubjectId(home.people[name]), "mes")
    assert stored is not None
    return Pairing.model_validate_json(stored)


def alive(space: HealthSpace, given: Any) -> int:
    """Count which of the credentials the health space knows still."""
    owner = space.service.tokens.owner
    return sum(owner(token) is not None for token in (given.refresh_token, given.access_token))


COUNTER = DeviceId("serial:counter")


async def a_guest_pairs(home: Home) -> None:
    """Let Odile sit down at the counter, and pair herself there."""
    await home.hub.journal.adopt(COUNTER, "scale/tanita")
    turn = await home.post("kiosk", "open", devices=[COUNTER])
    home.people[ODILE] = turn["subject"]
    await home.pair(ODILE)


async def test_one_account_is_one_persons_but_for_who_is_at_the_kiosk_and_known_here(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        await home.welcome(ODILE)
        marcel = (await home.post("people", label=MARCEL))["id"]
        account = {"destination": "mes", "code": space.add_person(ODILE)}

        with pytest.raises(Refused, match="paired with another person"):
            await home.post("pairings", subject=marcel, **account)

        assert await home.hub.journal.pairing(SubjectId(marcel), "mes") is None
        await home.hub.journal.adopt(COUNTER, "scale/tanita")
        guest = (await home.post("kiosk", "open", devices=[COUNTER]))["subject"]
        await home.post("kiosk", "keep", label="Odile at the counter")
        await home.post("pairings", subject=guest, **account | {"code": space.add_person(ODILE)})
        assert await home.hub.journal.pairing(SubjectId(guest), "mes") is not None
        await home.pair(ODILE)


@pytest.mark.parametrize("how", ["unpaired", "erased"])
async def test_a_pairing_that_ends_here_ends_there(
    how: str, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, revoking(space)) as home:
        odile = await home.welcome(ODILE)
        await home.weigh(ODILE)
        await home.until(lambda: are_settled(home, ODILE))
        tokens = await kept(home, ODILE)
        assert alive(space, tokens) == 2

        if how == "erased":
            await home.post("people", odile, "erase")
        else:
            ended = await home.post("pairings", "end", subject=odile, destination="mes")
            assert ended == {"revoked": True, "left": 0}
            assert await home.hub.journal.pairing(SubjectId(odile), "mes") is None

        assert alive(space, tokens) == 0


async def test_what_a_guest_was_given_at_the_kiosk_ends_there_with_their_turn(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, revoking(space)) as home:
        await a_guest_pairs(home)
        tokens = await kept(home, ODILE)
        assert alive(space, tokens) == 2

        await home.post("kiosk", "close")

        assert alive(space, tokens) == 0


async def test_a_health_space_that_is_silent_keeps_nobody_at_the_counter(
    tmp_path: Path, space: HealthSpace, time: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_home(tmp_path, space, time, revoking(space)) as home:
        await a_guest_pairs(home)
        tokens = home.hub._paired("mes").tokens

        async def silent(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(tokens._endpoint, "_post", silent)
        monkeypatch.setattr("gateway.api.kiosk._REVOKED_WITHIN_S", 0.05)
        ended = await home.post("kiosk", "close")

        assert ended["erased"] == 0
        assert tokens._known == {}


async def test_who_is_erased_while_their_code_is_exchanged_leaves_no_credentials_behind(
    tmp_path: Path, space: HealthSpace, time: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_home(tmp_path, space, time, revoking(space)) as home:
        home.people[ODILE] = odile = (await home.post("people", label=ODILE))["id"]
        tokens = home.hub._paired("mes").tokens
        ask, given = tokens._endpoint.ask, []

        async def asking(*asked: Any, **more: Any) -> Any:
            granted = await ask(*asked, **more)
            given.append(granted)
            await home.post("people", odile, "erase")
            return granted

        monkeypatch.setattr(tokens._endpoint, "ask", asking)
        with pytest.raises(Exception, match="does not know that person"):
            await home.pair(ODILE)

        assert alive(space, given[0]) == 0
        assert tokens._known == {}


async def test_who_is_paired_while_they_are_erased_leaves_no_credentials_behind(
    tmp_path: Path, space: HealthSpace, time: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_home(tmp_path, space, time, revoking(space)) as home:
        home.people[ODILE] = odile = (await home.post("people", label=ODILE))["id"]
        tokens, given = home.hub._paired("mes").tokens, []
        erase = home.hub.journal.erase

        async def erasing(subject: SubjectId) -> int:
            await home.pair(ODILE)
            given.append(await kept(home, ODILE))
            return await erase(subject)

        monkeypatch.setattr(home.hub.journal, "erase", erasing)
        await home.post("people", odile, "erase")

        assert alive(space, given[0]) == 0
        assert tokens._known == {}


async def test_the_code_of_who_was_erased_is_exchanged_for_nothing(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        home.people[ODILE] = odile = (await home.post("people", label=ODILE))["id"]
        code = space.add_person(ODILE)
        await home.post("people", odile, "erase")

        with pytest.raises(Exception, match="no such person here"):
            await home.post("pairings", subject=odile, destination="mes", code=code)

        assert space.service.tokens.owner(code) is not None  # it was not spent


async def test_what_is_due_waits_for_a_person_who_unpaired(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    not_paired = "This person is not paired with the health space: pair them first."
    async with at_home(tmp_path, space, time, IMPATIENT) as home:
        odile = await home.welcome(ODILE)
        await home.post("pairings", "end", subject=odile, destination="mes")
        with pytest.raises(Exception, match="not paired"):
            await home.post("pairings", "end", subject=odile, destination="mes")

        await home.weigh(ODILE)
        await home.until(lambda: is_way_of_the_first(home, WAITS, not_paired))
        await home.pair(ODILE)

        await home.until(lambda: are_settled(home, ODILE))
