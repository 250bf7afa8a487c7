"""Two hubs that read one device for one person, and a clinic's server: each reading is there once.

What a hub calls a reading is made by a key of its own, so the two have no name of it in common but
what the device says: its own time, and its own key of the record.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from hashlib import blake2s
from typing import Any
from uuid import uuid4

import pytest
from firmware_sims.health_space import Fault, HealthSpace
from firmware_sims.health_space import Kind as Trouble
from firmware_sims.health_space.faults import Operation
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.correction import Wrong
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure
from gateway.errors import OutcomeUnknown, UplinkRejected
from gateway.uplink.fhir import FhirUplink
from tests.uplink.fhir_server import RANDOM, corrected, held, out, stamped, uplink_to
from tests.uplink.samples import ALICE, BOB, MEASURED

Json = dict[str, Any]


@dataclass
class Hub:
    """A hub with a key of its own, and its way to the clinic."""

    uplink: FhirUplink
    key: bytes

    def heard(self, what: Entry) -> Entry:
        """Return the entry as this hub's journal has it."""
        name = blake2s(what.id.encode(), key=self.key, digest_size=16).hexdigest()
        return replace(what, id=ReadingId(name))

    async def send(self, *what: Entry) -> list[str | None]:
        """Bring readings there together; those that do not go so go by themselves."""
        ours = [out(self.heard(each)) for each in what]
        names = []
        for each, receipt in zip(ours, await self.uplink.send_together(ours), strict=True):
            names.append((receipt or await self.uplink.send(each)).reference)
        return names

    async def correct(self, what: Entry, wrong: Wrong, reference: str | None) -> None:
        await self.uplink.correct(corrected(self.heard(what), wrong, reference))


@dataclass
class Clinic:
    """A FHIR server, and two hubs that send to it."""

    mothers: Hub
    fathers: Hub
    all_there: Callable[[], Awaitable[list[Json]]]
    space: HealthSpace | None

    async def there(self, patient: str = "leo") -> list[Json]:
        """Return the Observations in one patient's record."""
        held = await self.all_there()
        return [each["observation"] for each in held if each["patient"] == patient]


@pytest.fixture(params=["a server of others", "the sandbox"])
async def clinic(request: pytest.FixtureRequest) -> AsyncIterator[Clinic]:
    system = f"urn:example:{uuid4()}"
    given = {"patients": {ALICE: "leo", BOB: "zoe"}, "patient_system": system}
    space: HealthSpace | None = None
    async with AsyncExitStack() as stack:
        if request.param == "the sandbox":
            space = await stack.enter_async_context(HealthSpace())
            url = f"{space.base_url}/r4"
            given |= {"allow_loopback_http": False, "ca_file": space.ca_path}
        else:
            url = request.getfixturevalue("server")
        one, other = [
            await stack.enter_async_context(uplink_to(url, gateway="hub1", **given))
            for _ in range(2)  # even where the second is configured as a copy of the first
        ]

        async def all_there() -> list[Json]:
            if space is not None:
                return space.service.generic.observations()
            return [
                {"patient": patient, "observation": each}
                for patient in ("leo", "zoe")
                for known in await held(url, f"Patient?identifier={system}|{patient}")
                for each in await held(url, f"Observation?subject=Patient/{known['id']}&_count=100")
            ]

        yield Clinic(Hub(one, b"one"), Hub(other, b"other"), all_there, space)


def weight(minute: int = 40, record: int = 1, kg: str = "71.3", **given: Any) -> Entry:
    numbers = {Measure.WEIGHT: Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)}
    stamp = f"2026-03-02T07:{minute}:00"
    return stamped(stamp=stamp, record=f"seq:{record}", numbers=numbers, **given)


async def test_what_both_read_is_there_once_whoever_comes_first(clinic: Clinic) -> None:
    readings = [weight(minute, record=minute) for minute in (41, 42, 43)]
    readings.append(stamped(Kind.BLOOD_KETONE, stamp="2026-03-02T08:00:00"))

    first = await clinic.mothers.send(*readings[:2])
    fathers = await clinic.fathers.send(*readings)
    mothers = await clinic.mothers.send(*readings)

    assert first == fathers[:2]
    assert fathers == mothers
    assert len(await clinic.there()) == len(set(fathers)) == 4


@pytest.mark.parametrize("better", ["mothers", "fathers"])
async def test_a_hub_that_knows_the_device_better_knows_the_reading_too(
    clinic: Clinic, better: str
) -> None:
    """It reads a serial number after the first readings, which then have left without it."""
    nameless = RANDOM.model_copy(update={"serial": None})
    known = {"mothers": nameless, "fathers": nameless, better: RANDOM}

    (made,) = await clinic.mothers.send(weight(device=known["mothers"]))
    (found,) = await clinic.fathers.send(weight(device=known["fathers"]))
    await clinic.fathers.correct(weight(device=RANDOM), Wrong.PERSON, found)

    assert made == found
    assert [each["status"] for each in await clinic.there()] == ["entered-in-error"]


async def test_equal_numbers_of_one_minute_are_one_each_if_they_were_two(clinic: Clinic) -> None:
    """Of one person who stood on the scale twice, and of another who stood on it too."""
    twice = [weight(record=1), weight(record=2)]
    hers = weight(record=3, subject=BOB)

    mothers = await clinic.mothers.send(*twice)
    fathers = await clinic.fathers.send(*twice[::-1])
    again = [*await clinic.mothers.send(*twice), *await clinic.fathers.send(twice[1])]
    await clinic.fathers.send(hers)

    assert fathers == mothers[::-1]
    assert again == [*mothers, mothers[1]]
    assert len(await clinic.there("leo")) == 2
    assert len(await clinic.there("zoe")) == 1


async def test_hubs_that_differ_over_its_time_tell_it_once_and_the_first_says_when(
    clinic: Clinic,
) -> None:
    """What it is known by is the device's own time, which no hub corrects."""
    first = weight()
    later = replace(first, timing=replace(first.timing, measured_at=MEASURED + timedelta(hours=1)))

    names = [await clinic.mothers.send(first), await clinic.fathers.send(later)]
    (before,) = await clinic.there()
    await clinic.fathers.correct(later, Wrong.TIME, names[1][0])
    (after,) = await clinic.there()

    assert names[0] == names[1]
    assert before["effectiveDateTime"] == MEASURED.isoformat()
    assert (after["status"], after["effectiveDateTime"]) == (
        "amended",
        (MEASURED + timedelta(hours=1)).isoformat(),
    )


@pytest.mark.parametrize("answered", [True, False])
async def test_a_hub_takes_back_what_it_was_told_is_there_whichever_hub_had_told_it(
    clinic: Clinic, *, answered: bool
) -> None:
    (made,) = await clinic.mothers.send(weight())
    (known,) = await clinic.fathers.send(weight())

    await clinic.fathers.correct(weight(), Wrong.PERSON, known if answered else None)
    (gone,) = await clinic.there()
    await clinic.fathers.send(weight())  # it was his after all, says who had taken it back
    (back,) = await clinic.there()
    assert _names(back) >= _names(gone)  # each hub still finds it by its own
    await clinic.mothers.correct(weight(), Wrong.PERSON, made)
    (gone_again,) = await clinic.there()
    await clinic.mothers.send(weight())

    assert made == known
    assert [each["status"] for each in (gone, back, gone_again)] == [
        "entered-in-error",
        "final",
        "entered-in-error",
    ]
    assert "valueQuantity" not in gone
    assert float((await clinic.there())[0]["valueQuantity"]["value"]) == 71.3


def _names(resource: Json) -> set[str]:
    return {each["value"] for each in resource["identifier"]}


async def test_what_one_hub_took_back_the_other_neither_revives_nor_sends_anew(
    clinic: Clinic,
) -> None:
    """A person has said there that it is not his; the other hub only knows whose the device is."""
    (made,) = await clinic.mothers.send(weight())
    await clinic.mothers.correct(weight(), Wrong.PERSON, made)

    with pytest.raises(UplinkRejected, match="Another gateway has taken this reading back"):
        await clinic.fathers.send(weight(), weight(record=2))
    (second,) = await clinic.fathers.send(weight(record=2))  # of the same minute, and his

    there = {f"Observation/{each['id']}": each["status"] for each in await clinic.there()}
    assert there == {made: "entered-in-error", second: "final"}


async def test_another_time_does_not_revive_what_the_other_hub_took_back(clinic: Clinic) -> None:
    (made,) = await clinic.mothers.send(weight())
    (known,) = await clinic.fathers.send(weight())
    await clinic.fathers.correct(weight(), Wrong.PERSON, known)

    await clinic.mothers.correct(weight(), Wrong.TIME, made)

    assert [each["status"] for each in await clinic.there()] == ["entered-in-error"]


async def test_what_is_taken_back_is_not_taken_back_from_another_person(clinic: Clinic) -> None:
    await clinic.mothers.send(weight())
    (hers,) = await clinic.fathers.send(weight(subject=BOB))

    await clinic.fathers.correct(weight(subject=BOB), Wrong.PERSON, hers)

    assert [each["status"] for each in await clinic.there("leo")] == ["final"]
    assert [each["status"] for each in await clinic.there("zoe")] == ["entered-in-error"]


@pytest.mark.parametrize("clinic", ["the sandbox"], indirect=True)
async def test_an_answer_that_was_lost_is_no_second_reading(clinic: Clinic) -> None:
    assert clinic.space is not None
    await clinic.mothers.send(weight())
    lost = Fault(Trouble.RESET_AFTER_COMMIT, on=Operation.GENERIC, count=1)

    for hub, what in ((clinic.fathers, weight()), (clinic.mothers, weight(50, record=2))):
        clinic.space.add_fault(lost)
        with pytest.raises(OutcomeUnknown):
            await hub.send(what)
        found = await hub.uplink.find(out(hub.heard(what)))
        assert (found is None) is (hub is clinic.fathers)  # who made none finds none of its own
        await hub.send(what)
    await clinic.fathers.send(weight(50, record=2))

    assert len(await clinic.there()) == 2


READINGS = {"once": weight(40), "again": weight(40, record=2), "later": weight(50, record=3)}
"""The first two are of one minute, and of the same value."""
HUBS = ("mothers", "fathers")
happenings = st.lists(
    st.tuples(
        st.sampled_from(HUBS),
        st.sampled_from(sorted(READINGS)),
        st.sampled_from(("sent", "sent, unanswered", "taken back", "timed")),
    ),
    max_size=16,
)


@settings(max_examples=40)
@given(happenings)
def test_in_any_order_each_reading_stands_once_or_is_taken_back(
    story: list[tuple[str, str, str]],
) -> None:
    asyncio.run(_live(story))


@dataclass
class Stands:
    """Whether a reading is to stand there, and which hubs it bears the own name of."""

    is_there: bool
    known_to: set[str]


class Expected:
    """What is to stand there, as simply as it can be said."""

    def __init__(self) -> None:
        self.readings: dict[str, Stands] = {}

    def refuses(self, hub: str, what: str) -> bool:
        """Tell whether another hub has taken it back, and this one has not."""
        stands = self.readings.get(what)
        return stands is not None and not stands.is_there and hub not in stands.known_to

    def sent(self, hub: str, what: str) -> None:
        if not self.refuses(hub, what):
            self.readings.setdefault(what, Stands(is_there=True, known_to={hub})).is_there = True

    def taken_back(self, hub: str, what: str, *, by_name: bool) -> None:
        stands = self.readings.get(what)
        if stands is not None and (stands.is_there or by_name):
            stands.is_there = False
            stands.known_to.add(hub)


async def _live(story: list[tuple[str, str, str]]) -> None:
    given = {"patients": {ALICE: "leo"}, "allow_loopback_http": False}
    expected = Expected()
    called: dict[tuple[str, str], str | None] = {}
    async with HealthSpace() as space, AsyncExitStack() as stack:
        hubs = {}
        for name in HUBS:
            way = uplink_to(f"{space.base_url}/r4", ca_file=space.ca_path, **given)
            hubs[name] = Hub(await stack.enter_async_context(way), name.encode())
        for name, what, happens in story:
            hub, reading, reference = hubs[name], READINGS[what], called.get((name, what))
            with (
                pytest.raises(UplinkRejected)
                if _is_refused(expected, name, what, happens, reference)
                else nullcontext()
            ):
                if happens == "taken back":
                    await hub.correct(reading, Wrong.PERSON, reference)
                elif happens == "timed":
                    await hub.correct(reading, Wrong.TIME, reference)
                else:
                    if happens == "sent, unanswered":
                        await _lose_the_answer(space, hub, reading)
                    (called[name, what],) = await hub.send(reading)
            if happens == "taken back":
                expected.taken_back(name, what, by_name=reference is not None)
            elif happens != "timed" or reference is None:
                expected.sent(name, what)

        there = [each["observation"] for each in space.service.generic.observations()]

    living = [each for each in there if each["status"] != "entered-in-error"]
    assert len(there) == len(expected.readings)
    assert len(living) == sum(each.is_there for each in expected.readings.values())
    assert all("valueQuantity" in each for each in living)


def _is_refused(
    expected: Expected, hub: str, what: str, happens: str, reference: str | None
) -> bool:
    sends = happens.startswith("sent") or (happens == "timed" and reference is None)
    return sends and expected.refuses(hub, what)


async def _lose_the_answer(space: HealthSpace, hub: Hub, reading: Entry) -> None:
    lost = Fault(Trouble.RESET_AFTER_COMMIT, on=Operation.GENERIC, count=1)
    space.add_fault(lost)
    with pytest.raises(OutcomeUnknown):
        await hub.uplink.send(out(hub.heard(reading)))
    await hub.uplink.find(out(hub.heard(reading)))
