from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from bumble import core, hci
from firmware_sims.device_clock import UNIX_EPOCH
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.scenario import Scenario, load, parse
from firmware_sims.staging import Stage

from tests.firmware_sims.abbott_talk import packet
from tests.firmware_sims.collector import Collector
from tests.firmware_sims.hid_host import Host
from tests.firmware_sims.people import NOON, Time


def demo() -> Scenario:
    return replace(load(Path("demo.toml")), utc_offset=timedelta(hours=1))


async def test_the_demonstration_begins_with_a_past() -> None:
    ledger = Ledger()
    async with Stage(demo(), ledger=ledger, now=Time()) as stage:
        held = {name: device.held for name, device in stage.devices.items()}

    kinds = [row.kind for row in ledger.produced]
    assert held["Cuff A"] == held["Cuff B"] == 3
    assert kinds.count(Kind.BLOOD_PRESSURE) == kinds.count(Kind.HEART_RATE) == 6
    # A fortnight at five minutes, without a gap of 90 minutes.
    assert kinds.count(Kind.INTERSTITIAL_GLUCOSE) == held["Sensor A"] == 4032 - 18


async def test_the_history_of_a_sensor_ends_where_the_scenario_says() -> None:
    ledger = Ledger()
    async with Stage(demo(), ledger=ledger, now=Time()):
        glucose = [row for row in ledger.produced if row.kind is Kind.INTERSTITIAL_GLUCOSE]

    assert glucose[-1].measured_at == NOON - timedelta(hours=10)
    assert glucose[0].measured_at == NOON - timedelta(hours=10, days=14) + timedelta(minutes=5)


async def test_the_same_seed_produces_the_same_records() -> None:
    first, second = Ledger(), Ledger()
    async with Stage(demo(), ledger=first, now=Time()):
        pass
    async with Stage(demo(), ledger=second, now=Time()):
        pass

    assert first.produced == second.produced


async def test_the_scale_is_shared_and_the_cuff_of_the_second_person_is_an_hour_behind() -> None:
    ledger = Ledger()
    async with Stage(demo(), ledger=ledger, now=Time()) as stage:
        stage.devices["Scale"].measure()
        stage.devices["Scale"].measure()
        behind = stage.devices["Cuff A"].clock.device_local() - (
            stage.devices["Cuff B"].clock.device_local()
        )

    slots = [row.slot for row in ledger.produced if row.kind is Kind.WEIGHT]
    assert slots == [1, 2]
    assert behind == timedelta(hours=1)


async def test_a_staged_device_talks_on_the_radio() -> None:
    async with Stage(demo(), ledger=Ledger(), now=Time()) as stage:
        central = await stage.radio.central()
        async with Collector(central, "C4:00:00:00:00:03") as collector:
            await collector.discover()
            await collector.subscribe(0x1810, 0x2A35)

            assert len(await collector.received(0x2A35, 3)) == 3


async def test_a_quiet_stage_measures_no_more() -> None:
    text = """
        [people.odile]
        [[device]]
        type = "scale"
        name = "Scale"
        address = "C4:00:00:00:00:01"
        person = "odile"
        interval_s = 0.2
    """
    ledger = Ledger()
    async with Stage(parse(text), ledger=ledger, now=Time()) as stage:
        stage.be_quiet()
        central = await stage.radio.central()
        await central.start_scanning()

    assert ledger.produced == []


async def test_a_mi_scale_is_staged_as_the_scenario_says() -> None:
    text = """
        [people.odile]
        [[device]]
        type = "mi_scale"
        name = "MI_SCALE"
        address = "C4:00:00:00:00:01"
        person = "odile"
        version = 1
        unit = "lb"
        battery_changed_h_ago = 2
    """
    ledger = Ledger()
    async with Stage(parse(text), ledger=ledger, now=Time()) as stage:
        scale = stage.devices["MI_SCALE"]
        scale.measure()

    assert scale.clock.device_local() == UNIX_EPOCH + timedelta(hours=2)
    assert (scale.identity.manufacturer, list(scale.advertised)) == ("Xiaomi", [0x181D])
    assert [row.values["unit"] for row in ledger.produced] == ["lb"]


HOUR = timedelta(hours=1)
STORY = """
    utc_offset_min = 60
    [people.odile]
    name = "Odile"
    [people.marcel]
    name = "Marcel"
    [[device]]
    type = "bp_monitor"
    name = "Cuff"
    address = "C4:00:00:00:00:01"
    users = { 1 = "odile", 2 = "marcel" }
    happens = [
        { at_h = -2, what = "measured", who = "marcel" },
        { at_h = 1, what = "left" },
        { at_h = 2, what = "battery_changed" },
        { at_h = 3, what = "measured", who = "odile", user = 2 },
        { at_h = 4, what = "clock_set", by_s = -60 },
        { at_h = 5, what = "clock_moved", by_s = 3600 },
        { at_h = 6, what = "returned" },
    ]
"""


async def test_a_story_takes_its_course_as_time_gets_there() -> None:
    now, ledger = Time(), Ledger()
    async with Stage(parse(STORY), ledger=ledger, now=now) as stage:
        cuff = stage.devices["Cuff"]
        first = cuff.held
        now.pass_by(4.5 * HOUR)
        await stage.catch_up()
        away, shown = stage.away, cuff.clock.device_local(NOON + 3 * HOUR)
        set_right = cuff.clock.device_local()
        now.pass_by(1.5 * HOUR)
        await stage.catch_up()

        assert (first, cuff.held, stage.next_at) == (1, 2, None)
        assert (away, stage.away) == ({"Cuff"}, frozenset())
        assert shown == datetime.fromisoformat("2000-01-01T01:00:00")
        assert set_right == datetime.fromisoformat("2026-03-10T17:29:00")
        assert cuff.clock.device_local() == datetime.fromisoformat("2026-03-10T19:59:00")

    whose = [(row.person, row.slot, row.measured_at - NOON) for row in ledger.produced[::2]]
    assert whose == [("Marcel", 2, -2 * HOUR), ("Odile", 2, 3 * HOUR)]


async def test_a_device_that_left_is_not_heard_until_it_returns() -> None:
    now = Time()
    async with Stage(parse(STORY), ledger=Ledger(), now=now) as stage:
        now.pass_by(3 * HOUR)
        await stage.catch_up()
        central = await stage.radio.central()
        with pytest.raises(core.TimeoutError):
            await central.connect(hci.Address("C4:00:00:00:00:01"), timeout=0.2)

        now.pass_by(3 * HOUR)
        await stage.catch_up()
        async with Collector(central, "C4:00:00:00:00:01") as collector:
            await collector.discover()
            await collector.subscribe(0x1810, 0x2A35)

            assert len(await collector.received(0x2A35, 2)) == 2


CABLED = """
    utc_offset_min = 60
    [people.odile]
    name = "Odile"
    [[device]]
    type = "libre_reader"
    name = "Libre"
    address = "libre"
    person = "odile"
    history_days = 1
    history_ends_min_ago = 120
    happens = [
        { at_h = -1, what = "clock_moved", by_s = -3600 },
        { at_h = 0, what = "measured" },
        { at_h = 1, what = "left" },
        { at_h = 2, what = "measured" },
        { at_h = 3, what = "returned" },
        { at_h = 4, what = "battery_changed" },
        { at_h = 5, what = "clock_set" },
        { at_h = 6, what = "erased" },
    ]
"""


async def test_a_story_of_a_device_on_a_cable(tmp_path: Path) -> None:
    now, ledger, link = Time(), Ledger(), tmp_path / "libre"
    async with Stage(parse(CABLED), ledger=ledger, now=now, sockets=tmp_path) as stage:
        libre = stage.devices["Libre"]
        scanned = libre.held
        with Host(link) as host:
            now.pass_by(2.5 * HOUR)
            await stage.catch_up()
            assert await host.read() == b""
        away, there = stage.away, link.exists()
        held = libre.held
        now.pass_by(HOUR)
        await stage.catch_up()
        with Host(link) as host:
            await host.write(packet(0x01))
            assert (await host.read())[0] in (0x71, 0x22)
            now.pass_by(1.5 * HOUR)
            await stage.catch_up()
            set_right = libre.clock.device_local()
            before = libre.held
            now.pass_by(HOUR)
            await stage.catch_up()

        assert (away, there, held - scanned) == ({"Libre"}, False, 4 * 2 + 1)
        assert set_right == datetime.fromisoformat("2026-03-10T18:00:00")
        assert (before, libre.held) == (held, 0)

    assert not link.exists()
    assert {row.person for row in ledger.produced} == {"Odile"}


async def test_what_cannot_be_erased_is_said() -> None:
    story = STORY.replace("battery_changed", "erased")
    now = Time()
    async with Stage(parse(story), ledger=Ledger(), now=now) as stage:
        now.pass_by(3 * HOUR)
        with pytest.raises(TypeError, match="Cuff cannot be erased"):
            await stage.catch_up()


@pytest.mark.parametrize("stamps", ["zeros", "none"])
async def test_a_clock_that_was_never_set_and_none_at_all(stamps: str) -> None:
    text = f"""
        [people.odile]
        [[device]]
        type = "scale"
        name = "Scale"
        address = "C4:00:00:00:00:01"
        person = "odile"
        composition = false
        stored = 1
        stamps = "{stamps}"
    """
    async with Stage(parse(text), ledger=Ledger(), now=Time()) as stage:
        central = await stage.radio.central()
        async with Collector(central, "C4:00:00:00:00:01") as collector:
            await collector.discover()
            (weight,) = await collector.told(0x181D, 0x2A9D, 1)

    assert (weight[0], weight[3:]) == ((2, bytes(7)) if stamps == "zeros" else (0, b""))
