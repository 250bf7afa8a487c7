"""The devices that `firmware-sims serial` can play: their options, and how they are made of them.

Each is made only when it is played, and imports what it needs then: help answers at once.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from firmware_sims.placement import Placement
    from firmware_sims.serial_device import SerialDevice

_Parser = argparse.ArgumentParser
_Arguments = argparse.Namespace


@dataclass(frozen=True, slots=True)
class Offer:
    """One device: what it is, the speed of its line, its own options, and how it is made.

    Speed 0 is USB without a line behind it: bytes go at once, and what the host sets is ignored.
    """

    help: str
    baud: int
    add_options: Callable[[_Parser], None]
    make: "Callable[[_Arguments, Placement], SerialDevice]"


class _Remembering(Protocol):
    def remember(self, count: int, every: timedelta) -> None: ...


def _fill(device: _Remembering, arguments: _Arguments) -> None:
    device.remember(arguments.stored, timedelta(hours=arguments.stored_every))


def _memory_options(parser: _Parser) -> None:
    parser.add_argument("--stored", type=int, default=0, help="measurements in memory at the start")
    parser.add_argument("--stored-every", type=float, default=8.0, metavar="HOURS")


def _pounds_option(parser: _Parser) -> None:
    parser.add_argument("--pounds", action="store_true")


def _platform_options(parser: _Parser) -> None:
    _pounds_option(parser)
    parser.add_argument("--settle", type=float, default=2.0, metavar="SECONDS", help="in motion")
    parser.add_argument("--stand", type=float, default=8.0, metavar="SECONDS", help="on the scale")


def _omron_options(parser: _Parser) -> None:
    parser.add_argument(
        "--error-rate", type=float, default=0.0, help="share of failed measurements"
    )
    parser.add_argument("--other-format", action="store_true", help="function item 32 is not 5")
    parser.add_argument("--model", choices=["HBP-9030", "HBP-9020"], default="HBP-9030")


def _omron(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.bp_monitor.omron_hbp import Frame, OmronHbp
    from firmware_sims.serial_device import Deaf

    said_by = {"HBP-9030": Frame.encode, "HBP-9020": Frame.encode_csv}
    encode = Frame.encode_id_format if arguments.other_format else said_by[arguments.model]

    monitor = OmronHbp(
        where,
        error_rate=arguments.error_rate,
        model=arguments.model,
        encode=encode,
    )
    return Deaf(monitor)


def _tanita_options(parser: _Parser) -> None:
    parser.add_argument("--model", choices=["SC-240", "MC-780"], default="SC-240")
    _pounds_option(parser)
    parser.add_argument("--weight-only", action="store_true")
    parser.add_argument("--afterglow", action="store_true", help="stray bytes after each line")


def _tanita(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.scale.tanita import MC_780, SC_240, Tanita
    from firmware_sims.serial_device import Deaf

    scale = Tanita(
        where,
        model=MC_780 if arguments.model == MC_780.name else SC_240,
        pounds=arguments.pounds,
        composition=not arguments.weight_only,
        afterglow=arguments.afterglow,
    )
    return Deaf(scale)


def _dexcom_options(parser: _Parser) -> None:
    parser.add_argument(
        "--model", choices=["G4", "G4 Share", "G5", "G5 touchscreen", "G6"], default="G6"
    )
    parser.add_argument("--history-days", type=float, default=1.0)
    parser.add_argument("--signal-loss", type=int, default=0, help="values missed in mid-history")
    parser.add_argument("--backfill-in-egv", action="store_true", help="not in partition 18")
    parser.add_argument("--display-only", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--first-page", type=int, default=0)
    parser.add_argument("--pages-kept", type=int)
    parser.add_argument("--battery", type=int, default=80, metavar="PERCENT")
    parser.add_argument("--blinded", action="store_true")
    parser.add_argument("--mmol", action="store_true", help="on the display")


def _dexcom(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.cgm import dexcom_receiver as dexcom
    from firmware_sims.cgm.dexcom_sensor import SAMPLING

    models = (dexcom.G4, dexcom.G4_SHARE, dexcom.G5, dexcom.G5_TOUCHSCREEN, dexcom.G6)
    receiver = dexcom.DexcomReceiver(
        where,
        model=next(model for model in models if model.name == arguments.model),
        # The system clock is off, and its user has set the display right.
        display_offset=timedelta(seconds=-arguments.clock_error),
        battery_percent=arguments.battery,
        blinded=arguments.blinded,
        mmol=arguments.mmol,
        display_only_share=arguments.display_only,
        first_page=arguments.first_page,
        pages_kept=arguments.pages_kept,
        backfill_partition=dexcom.EGV if arguments.backfill_in_egv else dexcom.BACKFILLED_EGV,
    )
    until = where.now() - SAMPLING
    halfway = until - timedelta(days=arguments.history_days / 2)
    receiver.remember(until - timedelta(days=arguments.history_days), halfway)
    receiver.lose_signal(arguments.signal_loss)
    receiver.remember(halfway + SAMPLING, until)
    return receiver


def _tm_options(parser: _Parser) -> None:
    parser.add_argument("--model", choices=["TM2655", "TM2657", "BPBIO320"], default="TM2657")


def _tm(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.bp_monitor.and_tm import Model, TmKiosk

    return TmKiosk(where, model=Model(arguments.model))


def _beurer_options(parser: _Parser) -> None:
    parser.add_argument("--model", choices=["BM55", "BM58", "BM65"], default="BM65")
    parser.add_argument("--newest-first", action="store_true")
    _memory_options(parser)


def _beurer(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.bp_monitor.beurer import Beurer

    cuff = Beurer(where, model=arguments.model, newest_first=arguments.newest_first)
    _fill(cuff, arguments)
    return cuff


def _taidoc_options(parser: _Parser) -> None:
    parser.add_argument("--model", choices=["TD-3128", "P30", "D40"], default="TD-3128")
    parser.add_argument(
        "--strip-every", type=int, metavar="N", help="of a D40: every Nth measures glucose"
    )
    _memory_options(parser)


def _taidoc(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.bp_monitor.taidoc import TaiDoc
    from firmware_sims.bp_monitor.taidoc_memory import D40, P30, TD_3128, Habits

    models = {model.name: model for model in (TD_3128, P30, D40)}
    habits = Habits(strip_every=arguments.strip_every)
    cuff = TaiDoc(where, model=models[arguments.model], habits=habits)
    _fill(cuff, arguments)
    return cuff


def _health_o_meter_options(parser: _Parser) -> None:
    parser.add_argument("--model", choices=["500KL", "500KL-L", "600KL", "597KL"], default="500KL")
    _pounds_option(parser)
    parser.add_argument("--packets", type=int, default=4, help="of one weighing")
    parser.add_argument("--bmi-button", action="store_true")
    parser.add_argument("--join-mid-stream", action="store_true")


def _health_o_meter(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.scale.health_o_meter import KL_500, KL_500_L, KL_597, KL_600, HealthOMeter

    models = {"500KL": KL_500, "500KL-L": KL_500_L, "600KL": KL_600, "597KL": KL_597}
    return HealthOMeter(
        where,
        model=models[arguments.model],
        pounds=arguments.pounds,
        packets=arguments.packets,
        bmi_button=arguments.bmi_button,
        join_mid_stream=arguments.join_mid_stream,
    )


def _health_o_meter_binary(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.scale.health_o_meter_binary import HealthOMeterBinary

    return HealthOMeterBinary(where, pounds=arguments.pounds)


def _rice_lake(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.scale.rice_lake import RiceLake

    return RiceLake(
        where, pounds=arguments.pounds, settle_s=arguments.settle, stand_s=arguments.stand
    )


def _and_options(parser: _Parser) -> None:
    parser.add_argument("--only-asked", action="store_true", help="nobody presses PRINT")
    _platform_options(parser)


def _and_weighing(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.scale.and_weighing import AndWeighing

    return AndWeighing(
        where,
        pounds=arguments.pounds,
        prints=not arguments.only_asked,
        settle_s=arguments.settle,
        stand_s=arguments.stand,
    )


def _sma_options(parser: _Parser) -> None:
    parser.add_argument("--detecto-758c", action="store_true", help="W01, before the status")
    _platform_options(parser)


def _sma(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.scale.sma import SmaScale

    return SmaScale(
        where,
        pounds=arguments.pounds,
        detecto_758c=arguments.detecto_758c,
        settle_s=arguments.settle,
        stand_s=arguments.stand,
    )


def _solo_options(parser: _Parser) -> None:
    parser.add_argument("--kilograms", action="store_true")


def _detecto_solo(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.scale.detecto_solo import DetectoSolo

    return DetectoSolo(where, pounds=not arguments.kilograms)


def _mt_sics(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.scale.mt_sics import MtSics

    return MtSics(
        where, pounds=arguments.pounds, settle_s=arguments.settle, stand_s=arguments.stand
    )


def _meter_options(parser: _Parser) -> None:
    parser.add_argument("--mmol", action="store_true", help="on the display")
    _memory_options(parser)


def _ultra2(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.glucose_meter.onetouch_ultra2 import OneTouchUltra2

    meter = OneTouchUltra2(where, mmol=arguments.mmol)
    _fill(meter, arguments)
    return meter


def _ultraeasy(arguments: _Arguments, where: "Placement") -> "SerialDevice":
    from firmware_sims.glucose_meter.onetouch_ultraeasy import OneTouchUltraEasy

    meter = OneTouchUltraEasy(where, mmol=arguments.mmol)
    _fill(meter, arguments)
    return meter


OFFERS: Mapping[str, Offer] = {
    "dexcom-receiver": Offer("Dexcom G4, G5, G6 receiver", 0, _dexcom_options, _dexcom),
    "omron-hbp": Offer("Omron HBP-9030 kiosk monitor", 9600, _omron_options, _omron),
    "and-tm": Offer("A&D TM-2655P, TM-2657P; InBody BPBIO320", 2400, _tm_options, _tm),
    "beurer": Offer("Beurer BM55, BM58, BM65 (serial)", 4800, _beurer_options, _beurer),
    "taidoc": Offer("TaiDoc TD-3128, FORA P30, D40", 19200, _taidoc_options, _taidoc),
    "tanita": Offer("Tanita line of keys and values", 9600, _tanita_options, _tanita),
    "health-o-meter": Offer(
        "Health o meter, streaming", 9600, _health_o_meter_options, _health_o_meter
    ),
    "health-o-meter-2595kl": Offer(
        "Health o meter 2595KL, binary", 2400, _pounds_option, _health_o_meter_binary
    ),
    "rice-lake": Offer("Rice Lake health scale, polled", 9600, _platform_options, _rice_lake),
    "and-weighing": Offer("A&D standard format", 2400, _and_options, _and_weighing),
    "sma": Offer("SMA SCP-0499: Detecto, Cardinal and others", 9600, _sma_options, _sma),
    "detecto-solo": Offer("Detecto solo", 9600, _solo_options, _detecto_solo),
    "mt-sics": Offer("Mettler-Toledo MT-SICS", 9600, _platform_options, _mt_sics),
    "onetouch-ultra2": Offer("OneTouch Ultra2 meter", 9600, _meter_options, _ultra2),
    "onetouch-ultraeasy": Offer("OneTouch UltraEasy meter", 9600, _meter_options, _ultraeasy),
}
