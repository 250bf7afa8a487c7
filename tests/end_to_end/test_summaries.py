"""What a health space gets of a sensor: means and GMI of whole periods, once each; no sample."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware_sims.health_space import Fault, HealthSpace, Kind

from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind as ReadingKind
from gateway.domain.reading import Measure, Reading
from tests.end_to_end.home import ODILE, Home, Plan, at_home
from tests.end_to_end.passing import Passing

SENSOR = Device(
    id=DeviceId("serial:sensor"), driver="cgm/dexcom_receiver", serial="SN-1", model="R"
)
PARIS = ZoneInfo("Europe/Paris")
STEP = timedelta(minutes=5)


async def wear(home: Home, days: int, mg_dl: int) -> None:
    """Give the daemon the samples of the days up to now."""
    now = home.time.now()
    amount = Quantity(value=Decimal(mg_dl), unit=Unit.MILLIGRAM_PER_DECILITRE)
    samples = [
        Reading(
            device=SENSOR.id,
            kind=ReadingKind.INTERSTITIAL_GLUCOSE,
            values={Measure.GLUCOSE: amount},
            received=replace(now, utc=now.utc - n * STEP),
            record=f"{int((now.utc - n * STEP).timestamp())}",
        )
        for n in range(int(timedelta(days=days) / STEP))
    ]
    await home.hub.journal.record(SENSOR, samples)


async def test_means_and_gmi_of_whole_periods_arrive_once_and_no_sample_does(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    time.skip_to_noon(PARIS)
    async with at_home(tmp_path, space, time, Plan()) as home:
        await home.hub.journal.describe(SENSOR)
        await home.welcome(ODILE)
        await home.give(SENSOR.id, SENSOR.driver, ODILE)
        space.add_fault(Fault(Kind.RESET_AFTER_COMMIT, count=2))
        await wear(home, 16, 150)

        async def are_there() -> bool:
            return space.person(ODILE).counts.accepted == 3

        await home.hurry_until(are_there, step_s=300)
        for _ in range(10):  # nothing more comes of looking again
            time.skip(300)
            await home.get("status")

    accepted = space.service.store.accepted
    assert Counter(each.measure for each in accepted) == {"interstitial glucose": 2, "GMI": 1}
    assert not any(each.duplicate for each in accepted)
    values = {each.values[0][1] for each in accepted if each.measure == "interstitial glucose"}
    assert values == {Decimal("150.0")}
    ended = {each.effective.astimezone(PARIS) for each in accepted}
    assert {(end.hour, end.minute) for end in ended} == {(0, 0)}
    today = time.utc().astimezone(PARIS).date()
    assert max(ended) <= datetime(today.year, today.month, today.day, tzinfo=PARIS)
    days = {
        extension["valueCodeableConcept"]["coding"][0]["code"]
        for each in accepted
        for extension in each.observation["extension"]
    }
    assert days == {"GEN-275", "GEN-276"}
