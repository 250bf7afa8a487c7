"""One specimen of each built-in driver's family, made from what the drivers' own tests have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from gateway.drivers.api import HID, SERIAL, Channel, Driver, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.taidoc_ble.session import PIPE as TAIDOC
from gateway.drivers.bp_monitor.yonker.session import DATA as YONKER
from gateway.drivers.bp_monitor.yonker.session import SERVICE as YONKER_SERVICE
from gateway.drivers.glucose_meter.onetouch_ble.meter import NOTIFIED as ONETOUCH
from gateway.drivers.glucose_meter.onetouch_ble.meter import SERVICE as ONETOUCH_SERVICE
from gateway.drivers.glucose_meter.onetouch_ble.meter import WRITTEN as ONETOUCH_ASKED
from gateway.drivers.scale.bluetooth_sig.consent import CONTROL_POINT
from gateway.drivers.scale.qn.session import TOLD as QN
from gateway.drivers.scale.qn.session import TOLD_SHORT as QN_SHORT
from gateway.drivers.scale.sanitas.session import DATA as SANITAS
from gateway.drivers.scale.xiaomi.session import V1, V2
from gateway.testing.links import Answer, Written
from gateway.testing.specimen import Said, Specimen
from tests.drivers.bp_monitor.and_tm.test_and_tm import BPBIO, TM_2655, TM_2657
from tests.drivers.bp_monitor.beurer_serial.test_beurer_serial import Cuff
from tests.drivers.bp_monitor.bluetooth_sig import test_memory as cuff_memory
from tests.drivers.bp_monitor.bluetooth_sig import test_omron as omron_cuff
from tests.drivers.bp_monitor.microlife import cuff as microlife
from tests.drivers.bp_monitor.omron_ble.test_omron_ble import ASK as OMRON_ASK
from tests.drivers.bp_monitor.omron_ble.test_omron_ble import Cuff as OmronCuff
from tests.drivers.bp_monitor.omron_hbp.test_codec import FAILED, GOOD
from tests.drivers.bp_monitor.taidoc.test_taidoc import OF_A_PRESSURE, TIME, Monitor
from tests.drivers.cgm.bluetooth_sig import sensor
from tests.drivers.cgm.dexcom_receiver.receiver import Receiver
from tests.drivers.cgm.dexcom_receiver.test_session import history
from tests.drivers.cgm.freestyle_libre import reader as libre
from tests.drivers.cgm.freestyle_libre.reader import Reader as LibreReader
from tests.drivers.freestyle_lines import Device as FreeStyle
from tests.drivers.glucose_meter.bluetooth_sig import meter
from tests.drivers.glucose_meter.contour_usb.meter import Meter as Contour
from tests.drivers.glucose_meter.freestyle_neo import meter as neo
from tests.drivers.glucose_meter.freestyle_neo.meter import Meter as Neo
from tests.drivers.glucose_meter.onetouch_ble.meter import Meter as OneTouchBle
from tests.drivers.glucose_meter.onetouch_ultra2.test_onetouch_ultra2 import Meter as Ultra2
from tests.drivers.glucose_meter.onetouch_ultraeasy.test_onetouch_ultraeasy import (
    Meter as UltraEasy,
)
from tests.drivers.scale.and_weighing.test_and_weighing import OVER, STABLE, UNSTABLE
from tests.drivers.scale.bluetooth_sig.test_consent import Scale as UserScale
from tests.drivers.scale.health_o_meter.test_health_o_meter import FULL, NEXT
from tests.drivers.scale.mt_sics.test_mt_sics import EMPTY, MOVING
from tests.drivers.scale.mt_sics.test_mt_sics import STABLE as SICS_STABLE
from tests.drivers.scale.sma.test_sma import STANDING, ZERO
from tests.drivers.scale.tanita.test_codec import PW_650, SC_330

ADDRESS = "C0:FF:EE:00:00:01"

BP, ICP = gatt("1810", "2a35"), gatt("1810", "2a36")
WEIGHT, COMPOSITION = gatt("181d", "2a9d"), gatt("181b", "2a9c")


def named(name: str) -> Driver:
    driver: Driver = import_module(f"gateway.drivers.{name.replace('/', '.')}").DRIVER
    return driver


def spoken(name: str, *lines: bytes, every_s: float = 40.0) -> Specimen:
    """A serial device that sends these by itself, each for another person."""
    says: tuple[Said, ...] = tuple(
        (1 + every_s * number, SERIAL, line) for number, line in enumerate(lines)
    )
    return Specimen(named(name), (_port(name),), says)


def asked(name: str, device: Callable[[], Callable[[bytes], Iterable[bytes]]]) -> Specimen:
    """A serial device that answers from its memory."""

    def answers() -> Mapping[Channel, Answer]:
        answer = device()
        return {SERIAL: lambda data: [(SERIAL, b"".join(answer(data)))]}

    return Specimen(named(name), (_port(name),), answers=answers)


def asked_by_reports(
    name: str, usb: tuple[int, int], device: Callable[[], FreeStyle | Contour]
) -> Specimen:
    """A device on USB that answers from its memory."""

    def answers() -> Mapping[Channel, Answer]:
        answer = device().answer
        return {HID: lambda data: [(HID, report) for report in answer(data)]}

    return Specimen(named(name), (Sighting("/dev/hidraw0", Reach.HID, usb=usb),), answers=answers)


def asked_for_weight(name: str, *shown: bytes) -> Specimen:
    """A serial scale that answers what it shows at the moment, and the last for ever."""

    def answers() -> Mapping[Channel, Answer]:
        left = list(shown)
        return {SERIAL: lambda _: [(SERIAL, left.pop(0) if len(left) > 1 else left[0])]}

    return Specimen(named(name), (_port(name),), answers=answers)


def ble(name: str, service: str, *frames: tuple[Channel, str]) -> Specimen:
    """A device that sends its memory by indications, a tenth of a second apart."""
    says = tuple((0.1 * n, on, bytes.fromhex(data)) for n, (on, data) in enumerate(frames))
    return Specimen(named(name), (seen(service),), says, forgets=True)


def seen(*services: str, name: str | None = None) -> Sighting:
    return Sighting(ADDRESS, Reach.BLE, name=name, services=frozenset(services))


def _port(name: str) -> Sighting:
    return Sighting("/dev/ttyUSB0", Reach.SERIAL, driver=name)


def _cgm() -> Specimen:
    def answers() -> Mapping[Channel, Answer]:
        return {sensor.RACP: sensor.Sensor(sensor.every(5, 1400, 1525))._answer}

    values = dict(sensor.Sensor({}).link().values)
    return Specimen(
        named("cgm/bluetooth_sig"),
        (seen("181f"),),
        values=values,
        answers=answers,
        frames=(*_fixed(values, sensor.MEASUREMENT), (sensor.MEASUREMENT, sensor.sample(5))),
    )


def _cgm_without_filters() -> Specimen:
    """No CRC, no filters, no count, no session start that anyone has set."""
    plain = sensor.Sensor({}, start="0000 00 00 00 00 00 00 00", e2e_crc=False)

    def answers() -> Mapping[Channel, Answer]:
        memory = sensor.every(5, 1400, 1525, crc=False)
        return {sensor.RACP: sensor.Sensor(memory, filters=False, counts=False)._answer}

    return Specimen(
        named("cgm/bluetooth_sig"),
        (seen("181f"),),
        values=plain.link().values,
        answers=answers,
        named_by_hub=True,
    )


def _cuff_with_memory() -> Specimen:
    """Service 1.1.1: records in two segments each, with a CRC."""
    stored = cuff_memory.Cuff(cuff_memory.memory(1, 4), crc=True)

    def answers() -> Mapping[Channel, Answer]:
        cuff = cuff_memory.Cuff(cuff_memory.memory(1, 4), crc=True)
        return {cuff_memory.RACP: cuff._answer}

    return Specimen(
        named("bp_monitor/bluetooth_sig"),
        (seen("1810"),),
        values=stored.link().values,
        answers=answers,
    )


def _omron_cuff() -> Specimen:
    """The standard service, and Omron's own access to the memory."""
    memory = {number: omron_cuff.measured(number) for number in (1, 2, 3)}

    def answers() -> Mapping[Channel, Answer]:
        return {omron_cuff.RECORD_ACCESS: omron_cuff.Cuff(memory)._answer}

    return Specimen(
        named("bp_monitor/bluetooth_sig"),
        (seen("1810", name="BLEsmart_00000123"),),
        values={BP: b"", omron_cuff.TIME: bytes.fromhex(omron_cuff.Cuff({}).shown)},
        answers=answers,
    )


def _measuring_cuff() -> Specimen:
    """Connected while it measures: the pressure in it, then the result."""
    pumped = [(0.5 * n, ICP, bytes.fromhex("00 9600 ff07 ff07")) for n in range(1, 5)]
    result = bytes.fromhex("1e 7800 5000 5d00 ea07 03 0e 0a 19 00 4800 01 0000")
    return Specimen(
        named("bp_monitor/bluetooth_sig"),
        (seen("1810"),),
        (*pumped, (3.0, BP, result)),
        forgets=True,
    )


def _scale_with_users() -> Specimen:
    """It sends what it has of a user once that user's code was given."""

    def answers() -> Mapping[Channel, Answer]:
        return {CONTROL_POINT: UserScale({1: 3752, 2: 42})._answer}

    return Specimen(
        named("scale/bluetooth_sig"),
        (seen("181d", "181b", "181c", name="BF720"),),
        values={WEIGHT: b""},
        answers=answers,
        settings={"consents": "1:3752, 2:0042"},
    )


def _first_mi_scale() -> Specimen:
    shown = ["02 7017 ea07030e0a1a34", "22 983a ea07030e0a1a35", "a2 983a ea07030e0a1a35"]
    frames = [bytes.fromhex(data) for data in shown]
    return Specimen(
        named("scale/xiaomi"),
        (Sighting(ADDRESS, Reach.BLE, name="MI_SCALE", service_data={"181d": frames[0]}),),
        tuple((0.5 * n, V1, data) for n, data in enumerate(frames)),
    )


def _simple_meter() -> Specimen:
    """A meter that knows neither filters nor counts, and keeps its contexts for the end."""
    memory = {n: meter.record(n, 100 + n, announces=n == 3) for n in range(1, 5)}

    def answers() -> Mapping[Channel, Answer]:
        simple = meter.Meter(
            memory, {3: meter.context(3, 2)}, late_contexts=True, filters=False, counts=False
        )
        return {meter.RACP: simple._answer}

    return Specimen(
        named("glucose_meter/bluetooth_sig"),
        (seen("1808", name="meter+"),),
        values={meter.MEASUREMENT: b"", meter.CONTEXT: b""},
        answers=answers,
    )


def _glucose_meter() -> Specimen:
    memory = meter.records(1, 6) | {7: meter.record(7, 140, announces=True)}

    def answers() -> Mapping[Channel, Answer]:
        return {meter.RACP: meter.Meter(memory, {7: meter.context(7, 2)})._answer}

    return Specimen(
        named("glucose_meter/bluetooth_sig"),
        (seen("1808"),),
        values={meter.MEASUREMENT: b"", meter.CONTEXT: b""},
        answers=answers,
        frames=((meter.MEASUREMENT, memory[1]), (meter.CONTEXT, meter.context(7, 2))),
    )


def _caresens() -> Specimen:
    """A meter of which the context alone, after all records, says that one is ketone."""
    memory = {n: meter.record(n, 40 + n, announces=n in (2, 4)) for n in range(1, 6)}

    def answers() -> Mapping[Channel, Answer]:
        contexts = {2: meter.context(2, 6), 4: meter.context(4, 1)}
        return {meter.RACP: meter.Meter(memory, contexts, late_contexts=True)._answer}

    return Specimen(
        named("glucose_meter/bluetooth_sig"),
        (seen("1808", name="CareSens 0131"),),
        values={meter.MEASUREMENT: b"", meter.CONTEXT: b""},
        answers=answers,
    )


def _libre_with_ketone() -> FreeStyle:
    strips = [libre.result(89, libre.ago(70), 27, what=1), libre.result(90, libre.ago(60), 112)]
    return LibreReader(results=strips).device


def _neo_with_ketone() -> FreeStyle:
    return Neo([neo.ketone_strip(12, neo.ago(10), 27), neo.strip(11, neo.ago(120), 112)]).device


def _onetouch_ble() -> Specimen:
    def answers() -> Mapping[Channel, Answer]:
        return {ONETOUCH_ASKED: OneTouchBle(strict=False).answer}

    return Specimen(
        named("glucose_meter/onetouch_ble"),
        (seen(ONETOUCH_SERVICE), seen(name="OneTouch J7RG")),
        values={ONETOUCH: b""},
        answers=answers,
        frames=((ONETOUCH, bytes.fromhex("01 020c00 04 06 01000000 03 b65c")),),
    )


def _taidoc_ble() -> Specimen:
    def answers() -> Mapping[Channel, Answer]:
        glucose = ((0x04, 0x27, 0x24, 0x0D), (107, 0, 24, 0x40))
        monitor = Monitor((0x61, 0x32), memory=[(OF_A_PRESSURE, (128, 95, 79, 66)), glucose])
        return {TAIDOC: lambda asked: [(TAIDOC, b"".join(monitor.answer(asked))[-8:])]}

    return Specimen(
        named("bp_monitor/taidoc_ble"),
        (seen("1810", name="FORA D40"), seen(name="TAIDOC TD3128")),
        answers=answers,
        frames=((TAIDOC, bytes.fromhex("51 26 805f4f42 a5 8c")),),
    )


def _taidoc_meter() -> Specimen:
    def answers() -> Mapping[Channel, Answer]:
        memory = [(TIME, (107, 0, 24, 0x40)), (TIME, (46, 0, 24, 0x18)), (TIME, (110, 0, 24, 0xC0))]
        monitor = Monitor(memory=memory)
        return {TAIDOC: lambda asked: [(TAIDOC, b"".join(monitor.answer(asked))[-8:])]}

    return Specimen(
        named("glucose_meter/taidoc_ble"),
        (seen(name="FORA GD40"), seen("1808", name="FORA MD6")),
        answers=answers,
        frames=((TAIDOC, bytes.fromhex("51 26 6b000000 a5 87")),),
    )


def _mi_scale() -> Specimen:
    shown = [
        (V2, "02 04 ea07030e0a1a34 0000 7017"),  # still moving
        (V2, "02 24 ea07030e0a1a35 0000 983a"),  # 75.000 kg
        (V2, "02 26 ea07030e0a1a35 f401 983a"),  # and 500 Ohm
        (V2, "02 a6 ea07030e0a1a35 f401 983a"),  # stepped off
    ]
    frames = [(channel, bytes.fromhex(data)) for channel, data in shown]
    first = {"181b": frames[0][1]}
    return Specimen(
        named("scale/xiaomi"),
        (
            Sighting(ADDRESS, Reach.BLE, name="MIBFS", service_data=first),
            Sighting(ADDRESS, Reach.BLE, services=frozenset({"181b"}), service_data=first),
        ),
        tuple((0.5 * n, channel, data) for n, (channel, data) in enumerate(frames)),
    )


def _qn() -> Specimen:
    """An ES-CS20M: two people, one after the other."""
    says = (
        "12 0f 15 3dacc238c1a4 38013800 00 ef",
        "14 0b 15 00000100000000 35",
        "21 05 15 01 3c",
        "10 0b 15 177a 00 0000 0000 c1",  # settling
        "10 0b 15 1c66 01 01fa 01ee 9d",  # 72.7 kg
        "10 0b 15 177a 00 0000 0000 c1",
        "10 0b 15 177a 01 01fa 01ee ac",  # 60.1 kg
    )
    return Specimen(
        named("scale/qn"),
        (seen("ffe0", name="QN-Scale"), seen(name="Renpho-Scale")),
        tuple((1.0 * n, QN["ffe1"], bytes.fromhex(data)) for n, data in enumerate(says)),
        answers=lambda: {QN["ffe3"]: lambda _: (), QN["ffe4"]: lambda _: ()},
        named_by_hub=True,
    )


def _qn_with_users() -> Specimen:
    """An ESCS20MA2, which measures once it was told for whom."""
    says = (
        "12 12 ff 0fac140004ff 0f070a0000059f30 e9",
        "21 05 ff 01 26",
        "a1 06 02 fe 01 a8",
        "10 0e ff fe 02 1d47 01f9 01f7 00d2 45",  # 74.95 kg
        "15 10 ff 0147 01e8 0282 0f 3d 0779 009a 3f",
    )
    return Specimen(
        named("scale/qn"),
        (seen("fff0", name="QN-Scale"),),
        tuple((1.0 * n, QN_SHORT["fff1"], bytes.fromhex(data)) for n, data in enumerate(says)),
        answers=lambda: {QN_SHORT["fff2"]: lambda _: ()},
        named_by_hub=True,
    )


def _sanitas() -> Specimen:
    says = (
        "e7 58 01 0680",  # settling
        "e7 58 00 0687",  # 83.55 kg
        "e7 59 03 01 010000000000000065",
        "e7 59 03 02 6a21f4c6 0687 01b5 00df 02",
        "e7 59 03 03 09 018d 00e9 0717 0aa2 0108",
    )
    return Specimen(
        named("scale/sanitas"),
        (seen("ffe0", name="SANITAS SBF70"), seen(name="Beurer BF800")),
        tuple((1.0 * n, SANITAS, bytes.fromhex(data)) for n, data in enumerate(says)),
        answers=lambda: {SANITAS: lambda _: ()},
    )


def _microlife() -> Specimen:
    def answers() -> Mapping[Channel, Answer]:
        memory = {1: [microlife.EARLIER, microlife.TAKEN], 2: [microlife.THEIRS]}
        return {microlife.COMMANDS: microlife.Cuff(memory).answer}

    return Specimen(
        named("bp_monitor/microlife"),
        (seen("fff0", name="BP3GY1-2N"), seen(name="B6 Connect")),
        values=microlife.Cuff().link().values,
        answers=answers,
    )


def _omron_ble() -> Specimen:
    def answers() -> Mapping[Channel, Answer]:
        return {OMRON_ASK: OmronCuff().answer}

    return Specimen(
        named("bp_monitor/omron_ble"),
        (seen("fe4a", name="BLEsmart_00000123"), seen("fe4a", "1810")),
        values=dict.fromkeys(OmronCuff().link().values, b""),
        answers=answers,
        settings={"model": "HEM-7142T2"},
    )


def _fixed(values: Mapping[Channel, bytes], *but: Channel) -> Iterable[Written]:
    return ((channel, data) for channel, data in values.items() if channel not in but)


def specimens() -> dict[str, tuple[Specimen, ...]]:
    """By the name of the driver."""
    return {
        "bp_monitor/and_tm": (spoken("bp_monitor/and_tm", TM_2657, TM_2655, BPBIO),),
        "bp_monitor/beurer_serial": (
            asked("bp_monitor/beurer_serial", lambda: Cuff(cut=64).answer),
        ),
        "bp_monitor/bluetooth_sig": (
            ble(
                "bp_monitor/bluetooth_sig",
                "1810",
                (BP, "06 8200 5500 6400 ea07 03 0d 14 00 00 4600"),  # 130/85, pulse 70
                (BP, "16 ff07 ff07 ff07 ea07 03 0e 0a 18 00 ff07 0000"),  # failed
                (BP, "1e 7800 5000 5d00 ea07 03 0e 0a 19 00 4800 01 0000"),  # 120/80, user 1
            ),
            _cuff_with_memory(),
            _omron_cuff(),
            _measuring_cuff(),
        ),
        "bp_monitor/microlife": (_microlife(),),
        "bp_monitor/omron_ble": (_omron_ble(),),
        "bp_monitor/omron_hbp": (spoken("bp_monitor/omron_hbp", GOOD, FAILED),),
        "bp_monitor/taidoc_ble": (_taidoc_ble(),),
        "bp_monitor/yonker": (
            ble(
                "bp_monitor/yonker",
                YONKER_SERVICE,
                (YONKER, "81 82 55 46 0000 0d 03 1a 14 00 00000000"),  # 130/85, pulse 70
                (YONKER, "81 00 00 00 0000 0e 03 1a 0a 18 00000000"),  # failed
                (YONKER, "81 78 50 48 0000 0e 03 1a 0a 19 00000000"),  # 120/80, pulse 72
            ),
        ),
        "bp_monitor/taidoc": (asked("bp_monitor/taidoc", lambda: Monitor().answer),),
        "cgm/bluetooth_sig": (_cgm(), _cgm_without_filters()),
        "cgm/dexcom_receiver": (
            asked("cgm/dexcom_receiver", lambda: Receiver(history(50)).answer),
        ),
        "cgm/freestyle_libre": (
            asked_by_reports("cgm/freestyle_libre", (0x1A61, 0x3650), lambda: LibreReader().device),
            asked_by_reports("cgm/freestyle_libre", (0x1A61, 0x3650), _libre_with_ketone),
        ),
        "glucose_meter/bluetooth_sig": (_glucose_meter(), _simple_meter(), _caresens()),
        "glucose_meter/onetouch_ble": (_onetouch_ble(),),
        "glucose_meter/taidoc_ble": (_taidoc_meter(),),
        "glucose_meter/contour_usb": (
            asked_by_reports("glucose_meter/contour_usb", (0x1A79, 0x7410), Contour),
            asked_by_reports(
                "glucose_meter/contour_usb",
                (0x1A79, 0x7800),
                lambda: Contour(announces="nothing", stops=False, says_eot=False),
            ),
        ),
        "glucose_meter/freestyle_neo": (
            asked_by_reports("glucose_meter/freestyle_neo", (0x1A61, 0x3850), lambda: Neo().device),
            asked_by_reports("glucose_meter/freestyle_neo", (0x1A61, 0x3850), _neo_with_ketone),
        ),
        "glucose_meter/onetouch_ultra2": (
            asked("glucose_meter/onetouch_ultra2", lambda: Ultra2().answer),
        ),
        "glucose_meter/onetouch_ultraeasy": (
            asked("glucose_meter/onetouch_ultraeasy", lambda: UltraEasy().answer),
        ),
        "scale/and_weighing": (
            spoken("scale/and_weighing", UNSTABLE, STABLE, STABLE, OVER, every_s=1.0),
        ),
        "scale/bluetooth_sig": (
            ble(
                "scale/bluetooth_sig",
                "181d",
                (WEIGHT, "06 983a ea07 03 0e 0a 19 00 01"),  # 75.000 kg, user 1
                (COMPOSITION, "1602 fa00 ea07 03 0e 0a 19 00 01 9001 8813"),  # its composition
                (WEIGHT, "06 7017 ea07 03 0e 0a 19 1e 02"),  # 30.000 kg, user 2
            ),
            _scale_with_users(),
        ),
        "scale/health_o_meter": (spoken("scale/health_o_meter", FULL, NEXT, every_s=1.0),),
        "scale/mt_sics": (
            asked_for_weight("scale/mt_sics", EMPTY, MOVING, SICS_STABLE, SICS_STABLE, EMPTY),
        ),
        "scale/sma": (asked_for_weight("scale/sma", ZERO, STANDING, STANDING, ZERO),),
        "scale/qn": (_qn(), _qn_with_users()),
        "scale/sanitas": (_sanitas(),),
        "scale/xiaomi": (_mi_scale(), _first_mi_scale()),
        "scale/tanita": (spoken("scale/tanita", SC_330, PW_650),),
    }
