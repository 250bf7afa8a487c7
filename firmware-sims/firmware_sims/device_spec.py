"""What a scenario may say of one device, by its type: the keys, their defaults, the faults."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from firmware_sims.device_clock import Stamps
from firmware_sims.faults import Fault
from firmware_sims.happenings import Happening
from firmware_sims.identity import Pairing
from firmware_sims.packing.xiaomi import Unit

_IMAGINARY = "Imaginary Devices"

_COMMON = {
    "type", "name", "address", "person", "users", "serial", "firmware", "faults", "clock_error_s",
    "drift_ppm", "clock_moved_s", "clock_moved_h_ago", "battery_changed_h_ago", "interval_s",
    "limit",
}  # fmt: skip
_CONNECTED = _COMMON | {"pairing", "passkey", "slow_s"}
_STORING = _CONNECTED | {
    "stored", "stored_every_h", "clock_service", "advertise_for_s", "idle_s", "settle_s"
}  # fmt: skip
_AND = _STORING - {"clock_service", "pairing"} | {"pairing_mode"}
_STORIED = {"happens", "factory_time", "utc_offset_min"}
_METERING = _STORING - {"clock_service", "settle_s"} | {
    "molar", "meals", "control_every", "notification_gap_s"
}  # fmt: skip
_CABLED = _COMMON | _STORIED | {"molar", "ketone_every", "notes"}
_SENSING = _CONNECTED | {
    "e2e_crc", "session_control", "history_days", "history_ends_min_ago", "gap_min",
    "notification_gap_s",
}  # fmt: skip

_CONNECTED_FAULTS = {
    Fault.DISCONNECT_MID_RECORD, Fault.DROP_CLOCK, Fault.GARBAGE_FRAME, Fault.NAN_MEASUREMENT,
    Fault.REFUSE, Fault.SLOW,
}  # fmt: skip
_STORING_FAULTS = _CONNECTED_FAULTS | {Fault.DUPLICATE_INDICATION, Fault.REFUSE_CLOCK}
_REPORTING_FAULTS = _STORING_FAULTS | {Fault.BUSY, Fault.CANNOT_ABORT}
_AND_FAULTS = _STORING_FAULTS - {Fault.REFUSE_CLOCK} | {Fault.NOT_HEARD}
_CABLED_FAULTS = {
    Fault.DROP_CLOCK, Fault.ERROR_CODE, Fault.FLIPPED_BIT, Fault.GARBAGE_FRAME, Fault.SILENCE,
    Fault.UNPLUG_MID_FRAME, Fault.WRONG_CHECKSUM,
}  # fmt: skip
_BROADCAST_FAULTS = {
    Fault.DROP_CLOCK, Fault.GARBAGE_FRAME, Fault.IMPEDANCE_FAILED, Fault.NAN_MEASUREMENT,
    Fault.SMALL_OBJECT,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceType:
    """What all devices of a type have in common."""

    model: str
    keys: Set[str]
    faults: Set[Fault]
    manufacturer: str = _IMAGINARY
    one_person: str = ""  # why it cannot have users by number
    on_cable: bool = False  # a USB HID device, whose address is the path of a socket


TYPES: Mapping[str, DeviceType] = {
    "bp_monitor": DeviceType(
        model="Cuff One",
        keys=_STORING | _STORIED | {"kilopascal", "stamps"},
        faults=_STORING_FAULTS,
    ),
    "enhanced_bp_monitor": DeviceType(
        model="Cuff Five",
        keys=_STORING - {"settle_s"} | {"e2e_crc", "time_offset_min", "notification_gap_s"},
        faults=_REPORTING_FAULTS,
    ),
    "beurer_bp_monitor": DeviceType(
        manufacturer="Beurer", model="BM85", keys=_STORING, faults=_STORING_FAULTS
    ),
    "and_bp_monitor": DeviceType(
        manufacturer="A&D Medical", model="UA-651BLE", keys=_AND, faults=_AND_FAULTS
    ),
    "omron_standard_bp_monitor": DeviceType(
        manufacturer="OMRONHEALTHCARE",
        model="BP5250",
        keys=_STORING,
        faults=_REPORTING_FAULTS,
    ),
    "omron_bp_monitor": DeviceType(
        manufacturer="OMRONHEALTHCARE",
        model="HEM-7142T2",
        keys=_STORING - {"clock_service", "settle_s", "pairing"} | {"pairing_mode", "model", "key"},
        faults=_CONNECTED_FAULTS | {Fault.SILENCE},
    ),
    "yonker_bp_monitor": DeviceType(
        manufacturer="Yonker",
        model="YK-IBPA1",
        keys=_STORING - {"clock_service", "settle_s", "pairing", "passkey"} | {"tells_all"},
        faults=_STORING_FAULTS - {Fault.REFUSE_CLOCK},
        one_person="a Yonker monitor knows no users",
    ),
    "taidoc_bp_monitor": DeviceType(
        manufacturer="TaiDoc",
        model="TD-3261",
        keys=_STORING - {"clock_service", "settle_s"}
        | {"others_every", "control_every", "extremes_every"},
        faults=_STORING_FAULTS - {Fault.REFUSE_CLOCK} | {Fault.SILENCE, Fault.WRONG_CHECKSUM},
        one_person="a D40 tells the memory of the person who is chosen on it",
    ),
    "microlife_bp_monitor": DeviceType(
        manufacturer="Microlife",
        model="B3 BT",
        keys=_STORING - {"clock_service", "settle_s"} | {"older", "mam", "stamps"},
        faults=_STORING_FAULTS - {Fault.GARBAGE_FRAME, Fault.REFUSE_CLOCK}
        | {Fault.BUSY, Fault.SILENCE, Fault.WRONG_CHECKSUM},
    ),
    "scale": DeviceType(
        model="Scale Two",
        keys=_STORING
        | _STORIED
        | {"imperial", "composition", "consents", "lists_users", "commits_profile", "stamps"},
        faults=_STORING_FAULTS,
    ),
    "and_scale": DeviceType(
        manufacturer="A&D Medical",
        model="UC-352BLE",
        keys=_AND | {"imperial", "older"},
        faults=_AND_FAULTS,
    ),
    "mi_scale": DeviceType(
        manufacturer="Xiaomi",
        model="Mi Scale",
        keys=_COMMON | {"version", "unit", "phase_s"},
        faults=_BROADCAST_FAULTS,
        one_person="a Mi scale knows no users",
    ),
    "sanitas_scale": DeviceType(
        manufacturer="Sanitas",
        model="SBF70",
        keys=_STORING - {"clock_service", "settle_s", "pairing", "passkey"} | {"bf700", "phase_s"},
        faults=_STORING_FAULTS - {Fault.REFUSE_CLOCK},
    ),
    "qn_scale": DeviceType(
        manufacturer="Renpho",
        model="ES-CS20M",
        keys=_STORING - {"clock_service", "settle_s", "pairing", "passkey"} | {"model", "phase_s"},
        faults=_CONNECTED_FAULTS | {Fault.IMPEDANCE_FAILED, Fault.SILENCE, Fault.WRONG_CHECKSUM},
        one_person="a QN scale is told who stands on it, and tells nobody",
    ),
    "glucose_meter": DeviceType(
        model="Meter Four",
        keys=_METERING
        | _STORIED
        | {"clock_service", "time_offset_min", "filters", "second_record_access"},
        faults=_REPORTING_FAULTS | {Fault.RENUMBER},
        one_person="a meter knows no users",
    ),
    "contour_meter": DeviceType(
        manufacturer="Ascensia Diabetes Care",
        model="Contour Next One",
        keys=_METERING,
        faults=_REPORTING_FAULTS - {Fault.REFUSE_CLOCK} | {Fault.RENUMBER},
        one_person="a meter knows no users",
    ),
    "caresens_meter": DeviceType(
        manufacturer="i-SENS",
        model="CareSens Dual",
        keys=_METERING - {"molar"} | {"older", "time_offset_min", "extremes_every", "ketone_every"},
        faults=_REPORTING_FAULTS - {Fault.REFUSE_CLOCK} | {Fault.RENUMBER, Fault.SILENCE},
        one_person="a meter knows no users",
    ),
    "onetouch_meter": DeviceType(
        manufacturer="LifeScan",
        model="OneTouch Verio Flex",
        keys=_METERING - {"notification_gap_s"}
        | {"extremes_every", "others_every", "refuses_by_status", "first_number"},
        faults=_STORING_FAULTS - {Fault.REFUSE_CLOCK}
        | {Fault.RENUMBER, Fault.SILENCE, Fault.WRONG_CHECKSUM},
        one_person="a meter knows no users",
    ),
    "taidoc_meter": DeviceType(
        manufacturer="TaiDoc",
        model="TD-4272",
        keys=_STORING - {"clock_service", "settle_s"}
        | {"others_every", "control_every", "extremes_every"},
        faults=_STORING_FAULTS - {Fault.REFUSE_CLOCK} | {Fault.SILENCE, Fault.WRONG_CHECKSUM},
        one_person="a meter knows no users",
    ),
    "cgm": DeviceType(
        model="Sensor Three",
        keys=_SENSING | _STORIED,
        faults=_CONNECTED_FAULTS | {Fault.BUSY, Fault.CANNOT_ABORT},
        one_person="a sensor is worn by one person",
    ),
    "libre_reader": DeviceType(
        manufacturer="Abbott",
        model="FreeStyle Libre",
        keys=_CABLED | {"history_days", "history_ends_min_ago", "scan_every_h", "strip_every"},
        faults=_CABLED_FAULTS | {Fault.NAN_MEASUREMENT},
        one_person="a reader is one person's",
        on_cable=True,
    ),
    "libre_2_reader": DeviceType(
        manufacturer="Abbott",
        model="FreeStyle Libre 2",
        keys=_COMMON,
        faults={Fault.FLIPPED_BIT, Fault.SILENCE, Fault.UNPLUG_MID_FRAME},
        one_person="a reader is one person's",
        on_cable=True,
    ),
    "freestyle_neo": DeviceType(
        manufacturer="Abbott",
        model="FreeStyle Optium Neo",
        keys=_CABLED | {"stored", "stored_every_h", "control_every"},
        faults=_CABLED_FAULTS,
        one_person="a meter knows no users",
        on_cable=True,
    ),
    "contour_usb": DeviceType(
        manufacturer="Bayer",
        model="Contour Next USB",
        keys=_CABLED - {"ketone_every"}
        | {"stored", "stored_every_h", "model", "meals", "control_every", "extremes_every"},
        faults=_CABLED_FAULTS,
        one_person="a meter knows no users",
        on_cable=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """One device of a scenario. Keys that its type has no use for are refused."""

    type: str
    name: str
    address: str
    users: Mapping[int | None, str]  # by user id; None: a device without users
    serial: str = "000001"
    firmware: str = "1.0.0"
    pairing: Pairing = Pairing.NONE
    passkey: int = 123456
    faults: Mapping[Fault, int] = field(default_factory=dict)
    clock_error_s: float = 0
    drift_ppm: float = 0
    clock_moved_s: float = 0  # by its user, for summer time or on a journey
    clock_moved_h_ago: float = 0
    battery_changed_h_ago: float = inf  # then its clock began at its factory's time
    factory_time: datetime | None = None  # None: its type's
    utc_offset_min: int | None = None  # of its clock; None: as the scenario's
    happens: tuple[Happening, ...] = ()
    interval_s: float = inf  # between measurements; a sensor also waits until a sample is due
    limit: int | None = None  # measurements, then no more
    slow_s: float = 3
    # cuffs and scales
    stored: int = 0  # measurements in memory at the start
    stored_every_h: float = 8
    clock_service: bool = True
    stamps: Stamps = Stamps.CLOCK
    advertise_for_s: float = 30
    idle_s: float = 5
    settle_s: float = 0.3
    kilopascal: bool = False
    model: str = ""  # another than its type's, of the MODELS of Omron cuffs, QN scales, Contours
    key: str = ""  # 32 hexadecimal digits that a classic Omron cuff was given before
    older: bool = False  # Microlife: an A6 or A7; CareSens: below 1.5; A&D scales: no 181D
    mam: bool = False  # a Microlife: each measurement is the mean of three
    tells_all: bool = False  # a Yonker: who subscribes gets all it remembers, not the latest
    imperial: bool = False
    pairing_mode: bool = False  # whether it lets itself be paired at the start
    composition: bool = True
    consents: Mapping[int, int] = field(default_factory=dict)  # codes by user; none: not asked for
    lists_users: bool = False
    commits_profile: bool = False  # compositions are zeros until the user's profile was committed
    phase_s: float = 1  # for which a scale shows each thing while somebody stands on it
    bf700: bool = False  # a Sanitas scale that speaks as a Beurer BF700 does
    version: int = 2  # of Mi scales, and their unit
    unit: Unit = Unit.KILOGRAM
    # meters
    molar: bool = False  # mmol/L
    time_offset_min: int | None = None  # of what the user sees; None: not sent
    filters: bool = True  # whether records can be asked for by number and by time
    second_record_access: bool = False  # in a service of the maker's
    meals: bool = True
    control_every: int | None = None  # how many tests, one is of a control solution
    extremes_every: int | None = None  # how many tests, one shows HI or LO
    others_every: int | None = None  # and after one there is an entry that is no test
    refuses_by_status: bool = False  # a OneTouch that answers who is not paired, and says no
    first_number: int = 1  # of the records of a OneTouch, or 0
    # sensors
    e2e_crc: bool = True
    session_control: bool = False
    history_days: float = 14
    history_ends_min_ago: float = 0  # what lies between then and now is sampled every interval_s
    gap_min: float = 0  # in the middle of the history
    # readers and meters on a USB cable
    scan_every_h: float = 3  # in the history; a sensor remembers eight hours
    strip_every: int | None = None  # scans, after which its owner uses a strip too
    ketone_every: int | None = None  # scans, strips or tests, and one for ketone
    notes: bool = True  # food and insulin, entered now and then
    notification_gap_s: float = 0.001
