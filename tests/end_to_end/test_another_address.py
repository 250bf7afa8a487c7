"""The name of a destination is given to another server: nothing goes there unasked."""

from pathlib import Path
from typing import Any

import pytest
from firmware_sims.health_space import Fault, Kind

from gateway.api.hub import ShutOut
from gateway.domain.subject import SubjectId
from tests.end_to_end.home import ODILE, Home, Plan, a_health_space, at_home
from tests.end_to_end.passing import Passing

WITHHELD = ("withheld", "address_changed")
NOT_PAIRED_HERE = (
    "due",
    "This person was paired with the health space at another address: pair them again.",
)


async def is_way(home: Home, way: tuple[str, str | None]) -> bool:
    return await home.ways() == [way]


async def test_nothing_reaches_the_other_server_before_a_person_consents_and_pairs_anew(
    tmp_path: Path, time: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    async with a_health_space(time) as ours, a_health_space(time) as theirs:
        handle = theirs.service.handle
        monkeypatch.setattr(
            theirs.service, "handle", lambda *asked: (heard.append(asked), handle(*asked))[1]
        )
        async with at_home(tmp_path, ours, time, Plan()) as home:
            ours.add_fault(Fault(Kind.TOO_MANY, count=1000))
            people = {ODILE: await home.welcome(ODILE)}
            await home.weigh(ODILE)
            await home.until(home.paused)

        async with at_home(tmp_path, theirs, time, Plan()) as home:
            home.people = people
            await home.hurry_until(lambda: is_way(home, WITHHELD))
            before_consent = len(heard)

            await home.grant(ODILE)
            await home.hurry_until(lambda: is_way(home, NOT_PAIRED_HERE))
            before_pairing = len(heard)
            shut_out = [home.hub.shuts_out(SubjectId(people[ODILE]), "mes")]

            await home.pair(ODILE)
            await home.hurry_until(lambda: is_way(home, ("settled", None)))
            shut_out.append(home.hub.shuts_out(SubjectId(people[ODILE]), "mes"))

        assert (before_consent, before_pairing) == (0, 0)
        assert shut_out == [ShutOut.PAIRING, None]
        assert len(theirs.service.store.accepted) == 1
