"""A glucose report is made, kept, and deposited once, with a consent of its own.

The real daemon, over HTTPS, against the sandbox's documents; and into a folder.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from firmware_sims.health_space import Fault, HealthSpace, Kind, Operation

from gateway import config as configuration
from gateway.app.daemon import daemon
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind as ReadingKind
from gateway.domain.reading import Measure, Reading
from gateway.journal.journal import Journal
from tests.end_to_end.home import LONG_AGO, ODILE, Home, Plan, a_health_space, written
from tests.end_to_end.passing import Passing
from tests.end_to_end.processes import run_here

SENSOR = Device(id=DeviceId("ble:C4:00:00:00:00:02"), driver="cgm/bluetooth_sig", model="CGM1")
CHECKED_EVERY_S = 900


@pytest.fixture
def time() -> Passing:
    return Passing()


@pytest.fixture
async def space(time: Passing) -> AsyncIterator[HealthSpace]:
    async with a_health_space(time) as opened:
        yield opened


def to_the_space(space: HealthSpace) -> dict[str, object]:
    return {
        "base_url": f"{space.base_url}/fhir",
        "ca_file": str(space.ca_path),
        "token": space.settings.client_secret,
        "answer_timeout_s": 2,
    }


@asynccontextmanager
async def a_hub(
    folder: Path, space: HealthSpace, time: Passing, place: Mapping[str, object]
) -> AsyncIterator[Home]:
    """Run the daemon with a place for Odile's documents; she wears the sensor."""
    space.add_person(ODILE)
    state = folder / "state"
    state.mkdir(mode=0o700)
    paris = ZoneInfo("Europe/Paris")
    async with Journal.open(state / "journal.db", clock=time, zone=paris, routes={}) as journal:
        odile = (await journal.add_subject(ODILE)).id
    path = written(folder, space, Plan())
    given = {
        "type": "documents",
        "patient_system": f"urn:oid:{space.settings.oid}",
        **place,
    }
    patients = f'patients = {{ "{odile}" = {json.dumps(space.person(ODILE).id_pe)} }}'
    lines = [f"{key} = {json.dumps(value)}" for key, value in given.items()]
    with path.open("a") as file:
        file.write("\n".join(["[[destinations]]", *lines, patients, ""]))
    config = configuration.load(path)
    async with daemon(config, clock=time, timer=time.timer) as hub:
        home = Home(path, space, time)
        home.hub = hub
        home.people[ODILE] = odile
        await home.hub.journal.describe(SENSOR)
        await home.give(SENSOR.id, SENSOR.driver, ODILE)
        yield home


async def wear(home: Home, days: float) -> None:
    """Fill the days up to now with samples."""
    now = home.time.now()
    step = timedelta(minutes=5)
    count = int(timedelta(days=days) / step)
    samples = [
        Reading(
            device=SENSOR.id,
            kind=ReadingKind.INTERSTITIAL_GLUCOSE,
            values={
                Measure.GLUCOSE: Quantity(
                    value=Decimal(100 + n % 80), unit=Unit.MILLIGRAM_PER_DECILITRE
                )
            },
            received=replace(now, utc=now.utc - n * step),
            record=f"seq:{n}",
        )
        for n in range(count)
    ]
    await home.hub.journal.record(SENSOR, samples)


async def consent_to_documents(home: Home) -> None:
    await home.post(
        *("consents", "grant"),
        subject=home.people[ODILE],
        destination="documents",
        kinds=None,
        covers_from=LONG_AGO,
        given_by=ODILE,
        language="fr",
        purpose="documents",
    )


async def deposit(home: Home) -> dict[str, object]:
    answer: dict[str, object] = await home.post(
        "people", home.people[ODILE], "report", "deposit", days=7
    )
    return answer


def counts(space: HealthSpace) -> tuple[int, int]:
    found = space.person(ODILE).counts
    return found.documents, found.duplicates


async def test_a_fortnight_on_the_arm_becomes_one_page_in_the_space(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    time.skip_to_noon(ZoneInfo("Europe/Paris"))
    async with a_hub(tmp_path, space, time, to_the_space(space)) as home:
        await consent_to_documents(home)
        await wear(home, 16)

        async def is_there() -> bool:
            return counts(space)[0] > 0

        await home.hurry_until(is_there, step_s=CHECKED_EVERY_S)
        for _ in range(10):  # nothing more comes of looking again
            time.skip(CHECKED_EVERY_S)
            await home.get("status")

    assert counts(space) == (1, 0)
    (kept,) = space.service.documents.kept
    page = kept.publication.data
    assert page is not None
    assert page.startswith(b"%PDF-")
    assert ODILE not in json.dumps(kept.resource)
    assert ODILE.encode("utf-16-be").hex().encode() not in page.lower()
    assert "AGP" in kept.publication.attachment["title"]


async def test_a_page_is_deposited_on_demand_and_not_made_twice(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_hub(tmp_path, space, time, to_the_space(space)) as home:
        await consent_to_documents(home)
        await wear(home, 2)

        answer = await deposit(home)
        with pytest.raises(Exception, match="made before"):
            await deposit(home)

        assert (answer["destinations"], answer["without_consent"]) == (["documents"], [])
        await home.until(lambda: settled(home))
    assert counts(space) == (1, 0)


async def settled(home: Home) -> bool:
    reports = await home.get("readings", subject=home.people[ODILE], kind="glucose_report")
    return [d["state"] for r in reports for d in r["deliveries"]] == ["settled"]


FAULTS = [
    Fault(Kind.SERVER_ERROR, on=Operation.DOCUMENT, count=1),
    Fault(Kind.SERVER_ERROR, on=Operation.DOCUMENT, count=1, commit=True),
    Fault(Kind.UNAVAILABLE, on=Operation.DOCUMENT, count=1),
    Fault(Kind.TOO_MANY, on=Operation.DOCUMENT, count=1, retry_after_s=30),
    Fault(Kind.TOO_MANY, on=Operation.DOCUMENT, count=1),
    Fault(Kind.RESET_BEFORE_COMMIT, on=Operation.DOCUMENT, count=1),
    Fault(Kind.RESET_AFTER_COMMIT, on=Operation.DOCUMENT, count=1),
    Fault(Kind.TRUNCATED_BODY, on=Operation.DOCUMENT, count=1),
    Fault(Kind.GARBAGE_BODY, on=Operation.DOCUMENT, count=1),
    Fault(Kind.EMPTY_REPLY, on=Operation.DOCUMENT, count=1, commit=False),
    Fault(Kind.UNAUTHORISED, on=Operation.DOCUMENT, count=1),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.kind}-{f.commits}-{f.retry_after_s}")
async def test_whatever_happens_on_the_way_the_page_is_there_once(
    fault: Fault, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_hub(tmp_path, space, time, to_the_space(space)) as home:
        await consent_to_documents(home)
        await wear(home, 1)
        space.add_fault(fault)

        await deposit(home)

        await home.hurry_until(lambda: settled(home), step_s=60)
    assert counts(space) == (1, 0)


async def test_a_search_that_fails_settles_nothing(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_hub(tmp_path, space, time, to_the_space(space)) as home:
        await consent_to_documents(home)
        await wear(home, 1)
        space.add_fault(Fault(Kind.RESET_AFTER_COMMIT, on=Operation.DOCUMENT, count=1))
        space.add_fault(Fault(Kind.SERVER_ERROR, on=Operation.DOCUMENT_SEARCH, count=2))

        await deposit(home)

        await home.hurry_until(lambda: settled(home), step_s=60)
    assert counts(space) == (1, 0)


async def test_a_page_waits_for_a_consent_of_its_own(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_hub(tmp_path, space, time, to_the_space(space)) as home:
        await home.grant(ODILE)  # to readings, at the other destination
        await wear(home, 1)

        answer = await deposit(home)
        with pytest.raises(Exception, match="another text"):
            await home.post(
                *("consents", "grant"),
                subject=home.people[ODILE],
                destination="documents",
                covers_from=LONG_AGO,
                given_by=ODILE,
                language="fr",
            )

        async def is_withheld() -> bool:
            reports = await home.get("readings", kind="glucose_report")
            return [d["reason"] for r in reports for d in r["deliveries"]] == ["no_grant"]

        await home.until(is_withheld)
        assert answer["without_consent"] == ["documents"]
        assert counts(space) == (0, 0)
        assert space.person(ODILE).counts.mentions == 0
        await consent_to_documents(home)
        await home.until(lambda: settled(home))
    assert counts(space) == (1, 0)


async def test_a_withdrawal_during_an_outage_is_honoured(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_hub(tmp_path, space, time, to_the_space(space)) as home:
        await consent_to_documents(home)
        await wear(home, 1)
        await space.link.cut()
        await deposit(home)

        withdrawn = await home.post(
            *("consents", "withdraw"),
            subject=home.people[ODILE],
            destination="documents",
            withdrawn_by=ODILE,
        )
        await space.link.restore()
        for _ in range(5):
            time.skip(600)
            await home.get("status")

        assert withdrawn["dropped"] == 1
        assert space.person(ODILE).counts.mentions == 0


async def test_the_spaces_own_refusal_holds_the_page_until_a_new_consent(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_hub(tmp_path, space, time, to_the_space(space)) as home:
        await consent_to_documents(home)
        await wear(home, 1)
        space.set_consent(ODILE, given=False)
        await deposit(home)

        async def is_refused() -> bool:
            reports = await home.get("readings", kind="glucose_report")
            return [d["reason"] for r in reports for d in r["deliveries"]] == ["refused_there"]

        await home.until(is_refused)
        seen = space.person(ODILE).counts.requests_seen
        time.skip(3600)
        assert space.person(ODILE).counts.requests_seen == seen
        space.set_consent(ODILE, given=True)
        await consent_to_documents(home)
        await home.until(lambda: settled(home))
    assert counts(space) == (1, 0)


async def test_a_folder_receives_the_page_and_what_is_said_of_it(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    shelf = tmp_path / "shelf"
    async with a_hub(tmp_path, space, time, {"folder": str(shelf)}) as home:
        await consent_to_documents(home)
        await wear(home, 1)
        await deposit(home)

        async def is_paused() -> bool:
            status = await home.get("status")
            return any("mounted" in (d["problem"] or "") for d in status["destinations"])

        await home.until(is_paused)
        shelf.mkdir()
        await home.hurry_until(lambda: settled(home))

    metadata, page = sorted(shelf.iterdir())
    assert page.read_bytes().startswith(b"%PDF-")
    assert json.loads(metadata.read_text())["subject"]["identifier"]["value"] == (
        space.person(ODILE).id_pe
    )


async def test_the_command_deposits_too(tmp_path: Path, space: HealthSpace, time: Passing) -> None:
    async with a_hub(tmp_path, space, time, to_the_space(space)) as home:
        await wear(home, 1)

    asked = ("report", ODILE, "--days", "7", "--deposit")
    ran = await asyncio.to_thread(run_here, home.path, *asked)

    assert (ran.status, ran.error) == (0, "")
    assert "to be deposited at: Mes documents de santé." in ran.output
    assert "documents: it waits for consent" in ran.output
