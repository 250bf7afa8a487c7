"""Every Bluetooth device from its bytes on the air to the journal: each record once, as it was.

Simulators and drivers were written apart, from the same sources: where they agree, two readers of
the protocol understood the same.
"""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from firmware_sims.faults import Fault
from firmware_sims.glucose_meter.bluetooth_sig import GlucoseMeter

from tests.end_to_end.passing import Passing
from tests.end_to_end.room import CODE, Case, Room, a_room

CUFF, SCALE = "bp_monitor/bluetooth_sig", "scale/bluetooth_sig"
METER, OMRON = "glucose_meter/bluetooth_sig", "bp_monitor/omron_ble"
LIVELY = "advertise_for_s = inf\n"
TWO = 'users = { 1 = "odile", 2 = "marcel" }\n'
ONE = 'person = "odile"\n'
KEY = "00112233445566778899aabbccddeeff"


def omron(model: str, people: str, **settings: str | bool) -> Case:
    return Case(
        type="omron_bp_monitor",
        driver=OMRON,
        name="BLESmart_0000011F",
        keys=f'{LIVELY}{people}model = "{model}"\npairing_mode = true\n'
        + (f'key = "{KEY}"\n' if "key" in settings else ""),
        settings={"model": model, **settings},
    )


def yonker(keys: str) -> Case:
    """Return a monitor whose clock has minutes, and which nobody can ask what it shows."""
    return Case(
        type="yonker_bp_monitor",
        driver="bp_monitor/yonker",
        name="YK-IBPA1",
        keys=f"{LIVELY}{ONE}{keys}",
        within=timedelta(minutes=1),
    )


def microlife(name: str, keys: str, **settings: str) -> Case:
    """Return a cuff whose records have minutes."""
    return Case(
        type="microlife_bp_monitor",
        driver="bp_monitor/microlife",
        name=name,
        keys=f"{LIVELY}{keys}",
        settings=settings,
        within=timedelta(minutes=1),
    )


def onetouch(keys: str, **settings: str) -> Case:
    """Return a meter that shows a code when it is paired."""
    return Case(
        type="onetouch_meter",
        driver="glucose_meter/onetouch_ble",
        name="OneTouch J7RG",
        keys=f'{LIVELY}{ONE}pairing = "passkey"\npasskey = {CODE}\n{keys}',
        settings=settings,
    )


def caresens(keys: str, **settings: str) -> Case:
    """Return a meter that shows a code when it is paired."""
    return Case(
        type="caresens_meter",
        driver=METER,
        name="CareSens 0131",
        keys=f'{LIVELY}{ONE}pairing = "passkey"\npasskey = {CODE}\n{keys}',
        settings=settings,
    )


def mi_scale(keys: str) -> Case:
    return Case(
        type="mi_scale",
        driver="scale/xiaomi",
        name="MI_SCALE",
        keys=f"{ONE}{keys}\nphase_s = 0.2\n",
    )


def sanitas_scale(name: str, keys: str) -> Case:
    """Return a scale whose clock nobody can read: who stands on it now does so when it is heard."""
    return Case(
        type="sanitas_scale",
        driver="scale/sanitas",
        name=name,
        keys=f"{LIVELY}{keys}phase_s = 0.05\n",
        within=timedelta(minutes=2),
    )


def qn_scale(model: str) -> Case:
    """Return a scale that is heard while somebody stands on it."""
    return Case(
        type="qn_scale",
        driver="scale/qn",
        name="QN-Scale",
        keys=f'{LIVELY}{ONE}model = "{model}"\nphase_s = 0.05\n',
    )


STORING = {
    "cuff of 1.1, its records": Case(type="enhanced_bp_monitor", driver=CUFF, keys=LIVELY + ONE),
    "cuff of 1.1, two users, no check": Case(
        type="enhanced_bp_monitor", driver=CUFF, keys=f"{LIVELY}{TWO}e2e_crc = false\n"
    ),
    "Beurer BM85": Case(
        type="beurer_bp_monitor", driver=CUFF, name="BM85", keys=f"{LIVELY}{TWO}settle_s = 0.05\n"
    ),
    "A&D UA-651BLE": Case(
        type="and_bp_monitor",
        driver=CUFF,
        name="A&D_UA-651BLE_D57B3F",
        keys=f"{LIVELY}{ONE}pairing_mode = true\nsettle_s = 0.05\n",
    ),
    "A&D UC-352BLE, pounds": Case(
        type="and_scale",
        driver=SCALE,
        name="A&D_UC-352BLE_5F0A12",
        keys=f"{LIVELY}{ONE}pairing_mode = true\nimperial = true\nsettle_s = 0.05\n",
    ),
    "A&D UC-352BLE from before the standard service": Case(
        type="and_scale",
        driver=SCALE,
        name="A&D_UC-352BLE_5F0A12",
        keys=f"{LIVELY}{ONE}pairing_mode = true\nolder = true\nsettle_s = 0.05\n",
    ),
    "Omron, standard service": Case(
        type="omron_standard_bp_monitor",
        driver=CUFF,
        name="BLESmart_0000015D",
        keys=f"{LIVELY}{ONE}settle_s = 0.05\n",
    ),
    "Omron HEM-7142T2": omron("HEM-7142T2", ONE),
    "Omron HEM-7322T": omron("HEM-7322T", TWO, key=KEY),
    "Omron HEM-7600T": omron("HEM-7600T", ONE, key=KEY),
    "Omron HEM-7361T": omron("HEM-7361T", TWO, key=KEY),
    "Omron HEM-7322T, never paired": Case(
        type="omron_bp_monitor",
        driver=OMRON,
        name="BLESmart_0000011F",
        keys=f'{LIVELY}{TWO}model = "HEM-7322T"\npairing_mode = true\n',
        settings={"model": "HEM-7322T", "key": KEY, "program_key": True},
    ),
    "FORA D40, pressures, glucose, HI and LO": Case(
        type="taidoc_bp_monitor",
        driver="bp_monitor/taidoc_ble",
        name="FORA D40",
        keys=f"{LIVELY}{ONE}others_every = 2\nextremes_every = 2\n",
        within=timedelta(minutes=1),
    ),
    "FORA GD40, control solution, HI and LO": Case(
        type="taidoc_meter",
        driver="glucose_meter/taidoc_ble",
        name="FORA GD40",
        keys=f"{LIVELY}{ONE}control_every = 3\nextremes_every = 4\n",
        within=timedelta(minutes=1),
    ),
    "Yonker, which tells all it remembers": yonker("tells_all = true\n"),
    "Microlife B3 BT, each user's memory, its clock off": microlife(
        "B3 BT", TWO + "clock_error_s = -7200\n"
    ),
    "Microlife B6 Connect, means of three": microlife("B6 Connect", ONE + "mam = true\n"),
    "Microlife A6 BT, which takes the time as it is asked": microlife(
        "A6 BT", ONE + "older = true\n", set_clock="Europe/Paris"
    ),
    "scale with codes, which sends a guest's weight at once": Case(
        type="scale",
        driver=SCALE,
        keys=f'{LIVELY}users = {{ 255 = "marcel", 1 = "odile" }}\nconsents = {{ 1 = 3752 }}\n'
        "settle_s = 0\n",
        settings={"consents": "1:3752"},
    ),
    "scale that wants a profile committed": Case(
        type="scale",
        driver=SCALE,
        keys=f"{LIVELY}{TWO}consents = {{ 1 = 3752, 2 = 42 }}\nsettle_s = 0.05\n"
        "commits_profile = true\n",
        settings={"consents": "1:3752, 2:0042", "commit_profile": True},
    ),
    "meter": Case(type="glucose_meter", driver=METER, keys=LIVELY + ONE),
    "meter, mmol/L, an offset, a second control point": Case(
        type="glucose_meter",
        driver=METER,
        keys=f"{LIVELY}{ONE}molar = true\ntime_offset_min = 60\nsecond_record_access = true\n"
        f'pairing = "passkey"\npasskey = {CODE}\n',
    ),
    "meter without filters, control solution": Case(
        type="glucose_meter",
        driver=METER,
        keys=f"{LIVELY}{ONE}filters = false\ncontrol_every = 4\n",
    ),
    "Contour Next One": Case(
        type="contour_meter", driver=METER, name="Contour7830H", keys=LIVELY + ONE
    ),
    "CareSens, control solution": caresens("control_every = 4\n"),
    "CareSens, ketone": caresens("ketone_every = 3\n"),
    "CareSens, HI and LO": caresens("extremes_every = 3\n"),
    "CareSens, whose clock is set": caresens("clock_error_s = 7200\n", set_clock="Europe/Paris"),
    "CareSens before 1.5, whose clock is set": caresens(
        "older = true\nclock_error_s = 7200\n", set_clock="Europe/Paris"
    ),
    "CareSens whose clock was lost, and is set": caresens(
        "battery_changed_h_ago = 60\n", set_clock="Europe/Paris"
    ),
    "OneTouch Verio Flex, which answers also who is not paired": onetouch(
        "refuses_by_status = true\n"
    ),
    "OneTouch Verio Flex, whose clock is set": onetouch(
        "clock_error_s = 7200\n", set_clock="Europe/Paris"
    ),
    "OneTouch Verio Flex, entries that are no tests": onetouch("others_every = 2\n"),
    "OneTouch Verio Flex, control solution, HI and LO": onetouch(
        "refuses_by_status = true\ncontrol_every = 4\nextremes_every = 3\n"
    ),
    "Sanitas SBF70": sanitas_scale("SANITAS SBF70", TWO),
    "Beurer BF700": sanitas_scale("BEURER BF700", TWO + "bf700 = true\n"),
}
"""Devices with a memory."""


PASSING = {
    "Yonker, which tells the latest": yonker(""),
    "Mi scale 1, pounds": mi_scale('version = 1\nunit = "lb"'),
    "Mi scale 2": mi_scale("version = 2"),
    "Sanitas SBF70": sanitas_scale("SANITAS SBF70", TWO),
    "Sanitas SBF70, somebody unknown": sanitas_scale("SANITAS SBF70", ONE),
    "Beurer BF700": sanitas_scale("BEURER BF700", TWO + "bf700 = true\n"),
    "QN scale": qn_scale("ES-CS20M"),
    "QN scale of the older service": qn_scale("CS20M"),
    "QN scale that wants to be told who it is": qn_scale("ES-30M"),
    "QN scale that hides its resistances": qn_scale("R-MSB01"),
}
"""Devices of which what is on them now is heard."""


@pytest.mark.parametrize("case", STORING.values(), ids=STORING.keys())
async def test_a_memory_arrives_although_the_link_drops_in_it_and_what_comes_after_too(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    faults = {Fault.DISCONNECT_MID_RECORD: 1}
    async with a_room(tmp_path, time, case, stored=7, faults=faults) as room:
        await room.all_arrived()
        assert_each_once(room, case)
        assert_its_clock_is_right_if_it_was_set(room, case, time)
        assert not room.device.faults.strikes(Fault.DISCONNECT_MID_RECORD), "it never struck"

        room.device.measure()
        await room.all_arrived()
        assert_each_once(room, case)


@pytest.mark.parametrize("first_number", [0, 1])
async def test_a_onetouch_whose_results_were_deleted_is_read_from_its_new_beginning(
    first_number: int, tmp_path: Path, time: Passing
) -> None:
    case = onetouch(f"first_number = {first_number}\n")
    async with a_room(tmp_path, time, case, stored=7) as room:
        await room.all_arrived()

        room.device.faults.arm(Fault.RENUMBER)
        for _ in range(3):
            time.skip(60)
            room.device.measure()
        await room.all_arrived()
        assert_each_once(room, case)


RENUMBERED = {
    "meter": Case(type="glucose_meter", driver=METER, keys=LIVELY + ONE),
    "CareSens": caresens(""),
    "CareSens before 1.5": caresens("older = true\n"),
}


@pytest.mark.parametrize("is_erased", [True, False], ids=["erased", "renumbered"])
@pytest.mark.parametrize("case", RENUMBERED.values(), ids=RENUMBERED.keys())
async def test_a_meter_whose_numbers_begin_anew_is_read_whether_or_not_it_kept_the_old_ones(
    case: Case, is_erased: bool, tmp_path: Path, time: Passing
) -> None:
    async with a_room(tmp_path, time, case, stored=7) as room:
        await room.all_arrived()

        assert isinstance(room.device, GlucoseMeter)
        for test in room.device.memory if is_erased else ():
            room.device.memory.forget(test)
        room.device.faults.arm(Fault.RENUMBER)
        for _ in range(3):
            time.skip(60)
            room.device.measure()
        await room.all_arrived()
        assert_each_once(room, case)


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING.keys())
async def test_who_stands_on_a_scale_is_heard_once(
    case: Case, tmp_path: Path, time: Passing
) -> None:
    async with a_room(tmp_path, time, case) as room:
        for _ in range(2):
            room.device.measure()
            await room.is_heard()
            time.skip(60)

        assert_each_once(room, case)


def assert_each_once(room: Room, case: Case) -> None:
    """Assert that the journal holds what was produced, and that nothing forbidden was asked."""
    assert (room.missing(case.within), room.extra(case.within)) == ([], [])
    assert room.stage.forbidden.received == []


def assert_its_clock_is_right_if_it_was_set(room: Room, case: Case, time: Passing) -> None:
    zone = case.settings.get("set_clock")
    if isinstance(zone, str):
        right = time.utc().astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert abs(room.device.clock.device_local() - right) < timedelta(minutes=1)
