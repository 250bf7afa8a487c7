"""The serial devices that the simulators play, each with the driver that its port names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from firmware_sims.bp_monitor.and_tm import Model as TmModel
from firmware_sims.bp_monitor.and_tm import TmKiosk
from firmware_sims.bp_monitor.beurer import Beurer
from firmware_sims.bp_monitor.omron_hbp import Frame, OmronHbp
from firmware_sims.bp_monitor.taidoc import TaiDoc
from firmware_sims.bp_monitor.taidoc_memory import D40, OLDER_D40, P30, TD_3128, Habits
from firmware_sims.cgm import dexcom_receiver as dexcom
from firmware_sims.glucose_meter.onetouch_ultra2 import OneTouchUltra2
from firmware_sims.glucose_meter.onetouch_ultraeasy import OneTouchUltraEasy
from firmware_sims.placement import Placement
from firmware_sims.scale import health_o_meter as hom
from firmware_sims.scale.and_weighing import AndWeighing
from firmware_sims.scale.detecto_solo import DetectoSolo
from firmware_sims.scale.health_o_meter_binary import BABY_522, HealthOMeterBinary
from firmware_sims.scale.mt_sics import MtSics
from firmware_sims.scale.rice_lake import RiceLake
from firmware_sims.scale.sma import SmaScale
from firmware_sims.scale.tanita import MC_780, Tanita
from firmware_sims.scale.tanita import SC_240 as TANITA_SC_240
from firmware_sims.serial_device import Deaf, SerialDevice

from tests.end_to_end.counter import Make

MONTHS_BEHIND = timedelta(days=-213)
A_YEAR_AHEAD = timedelta(days=365)
RIGHT = timedelta()


@dataclass(frozen=True, kw_only=True)
class Case:
    """A device, the driver of its port, and how far off its clock may be without harm."""

    driver: str
    make: Make
    settings: Mapping[str, str | int | bool] = field(default_factory=dict)
    clock_error: timedelta = RIGHT
    time_within: timedelta = timedelta(seconds=10)


def _omron(placement: Placement) -> SerialDevice:
    return Deaf(OmronHbp(placement))


def omron_9020(placement: Placement) -> SerialDevice:
    return Deaf(OmronHbp(placement, model="HBP-9020", encode=Frame.encode_csv))


def _tanita(**options: object) -> Make:
    return lambda placement: Deaf(Tanita(placement, **options))  # type: ignore[arg-type]


def _dexcom(model: dexcom.Model, **options: object) -> Case:
    return Case(
        driver="cgm/dexcom_receiver",
        make=lambda placement: dexcom.DexcomReceiver(placement, model=model, **options),  # type: ignore[arg-type]
        clock_error=MONTHS_BEHIND,
    )


def _taidoc(make: Make) -> Case:
    return Case(
        driver="bp_monitor/taidoc",
        make=make,
        clock_error=MONTHS_BEHIND,
        time_within=timedelta(seconds=70),  # it has minutes
    )


def _beurer(**options: bool) -> Case:
    return Case(
        driver="bp_monitor/beurer_serial",
        make=lambda placement: Beurer(placement, **options),  # type: ignore[arg-type]
        time_within=timedelta(seconds=70),  # it has minutes, and its clock cannot be asked for
    )


REMEMBERING = {
    "Dexcom G4": _dexcom(dexcom.G4),
    "Dexcom G4 Share": _dexcom(dexcom.G4_SHARE, blinded=False),
    "Dexcom G5": _dexcom(dexcom.G5, display_only_share=0.2),
    "Dexcom G5 touchscreen": _dexcom(dexcom.G5_TOUCHSCREEN),
    "Dexcom G6": _dexcom(dexcom.G6, first_page=7),
    "Dexcom G6, backfills among the others": _dexcom(dexcom.G6, backfill_partition=dexcom.EGV),
    "Beurer BM65": _beurer(),
    "Beurer BM65, newest first": _beurer(newest_first=True),
    "TaiDoc TD-3128": _taidoc(lambda placement: TaiDoc(placement, model=TD_3128)),
    "FORA P30": _taidoc(lambda placement: TaiDoc(placement, model=P30)),
    "FORA D40": _taidoc(
        lambda placement: TaiDoc(placement, model=D40, habits=Habits(strip_every=3, code=11))
    ),
    "FORA D40, systolic in two octets": _taidoc(
        lambda placement: TaiDoc(placement, model=OLDER_D40)
    ),
    "OneTouch Ultra2": Case(
        driver="glucose_meter/onetouch_ultra2", make=OneTouchUltra2, clock_error=MONTHS_BEHIND
    ),
    "OneTouch UltraEasy": Case(
        driver="glucose_meter/onetouch_ultraeasy",
        make=lambda placement: OneTouchUltraEasy(placement, mmol=True),
        clock_error=MONTHS_BEHIND,
    ),
}
"""Devices with a memory, which is read."""


def _tm(model: TmModel) -> Case:
    return Case(
        driver="bp_monitor/and_tm",
        make=lambda placement: TmKiosk(placement, model=model),
        clock_error=A_YEAR_AHEAD,
    )


def _health_o_meter(**options: object) -> Case:
    return Case(
        driver="scale/health_o_meter",
        make=lambda placement: hom.HealthOMeter(placement, **options),  # type: ignore[arg-type]
    )


PUSHING = {
    "Omron HBP-9030": Case(driver="bp_monitor/omron_hbp", make=_omron, clock_error=A_YEAR_AHEAD),
    "Omron HBP-9020": Case(
        driver="bp_monitor/omron_hbp", make=omron_9020, settings={"experimental": True}
    ),
    "A&D TM-2655P": _tm(TmModel.TM2655),
    "A&D TM-2657P": _tm(TmModel.TM2657),
    "InBody BPBIO320": _tm(TmModel.BPBIO320),
    "Tanita SC-240": Case(
        driver="scale/tanita", make=_tanita(model=TANITA_SC_240), clock_error=MONTHS_BEHIND
    ),
    "Tanita MC-780, stray bytes": Case(
        driver="scale/tanita", make=_tanita(model=MC_780, afterglow=True)
    ),
    "Tanita SC-240, pounds": Case(driver="scale/tanita", make=_tanita(pounds=True)),
    "Tanita SC-240, weight only": Case(driver="scale/tanita", make=_tanita(composition=False)),
    "Health o meter 500KL": _health_o_meter(bmi_button=True),
    "Health o meter 500KL-L": _health_o_meter(model=hom.KL_500_L),
    "Health o meter 600KL, pounds": _health_o_meter(model=hom.KL_600, pounds=True),
    "Health o meter 597KL": _health_o_meter(model=hom.KL_597),
    "Health o meter 500KL, port opened late": _health_o_meter(join_mid_stream=True),
    "Health o meter 2595KL": Case(
        driver="scale/health_o_meter", make=HealthOMeterBinary, settings={"protocol": "baby"}
    ),
    "Health o meter 522KL, a baby": Case(
        driver="scale/health_o_meter",
        make=lambda placement: HealthOMeterBinary(placement, model=BABY_522),
        settings={"protocol": "baby"},
    ),
    "A&D scale, PRINT": Case(driver="scale/and_weighing", make=AndWeighing),
    "Detecto solo": Case(driver="scale/sma", make=DetectoSolo, settings={"ask": False}),
}
"""Devices that send by themselves; nothing is ever written to them."""

ASKED = {
    "Rice Lake": Case(
        driver="scale/health_o_meter", make=RiceLake, settings={"protocol": "rice_lake"}
    ),
    "A&D scale, asked": Case(
        driver="scale/and_weighing",
        make=lambda placement: AndWeighing(placement, prints=False),
        settings={"ask": True},
    ),
    "SMA scale": Case(driver="scale/sma", make=SmaScale),
    "SMA scale, pounds": Case(
        driver="scale/sma", make=lambda placement: SmaScale(placement, pounds=True)
    ),
    "Detecto 758C": Case(
        driver="scale/sma", make=lambda placement: SmaScale(placement, detecto_758c=True)
    ),
    "MT-SICS scale": Case(driver="scale/mt_sics", make=MtSics),
}
"""Scales that say what stands on them when asked, again and again."""

FAILING = {
    **{
        name: PUSHING[name]
        for name in (
            "Omron HBP-9030",
            "A&D TM-2655P",
            "A&D TM-2657P",
            "InBody BPBIO320",
            "A&D scale, PRINT",
        )
    },
    **ASKED,
}
"""Devices that say it when a measurement failed."""

PRESSED_TWICE = {
    name: PUSHING[name]
    for name in (
        "A&D TM-2655P",
        "A&D TM-2657P",
        "InBody BPBIO320",
        "Health o meter 500KL",
        "A&D scale, PRINT",
        "Detecto solo",
    )
}
"""Devices with a key that sends the last result again."""
