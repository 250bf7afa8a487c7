"""Makes the devices of a scenario's radio: each type from what the scenario says of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from firmware_sims.and_medical import AndDevice, older_uc_352ble, ua_651ble, uc_352ble
from firmware_sims.bp_monitor.bluetooth_sig import blood_pressure_monitor
from firmware_sims.bp_monitor.enhanced import EnhancedCuff
from firmware_sims.bp_monitor.microlife import MicrolifeCuff
from firmware_sims.bp_monitor.omron_ble import OmronCuff
from firmware_sims.bp_monitor.omron_memory import MODELS
from firmware_sims.bp_monitor.omron_option import omron_cuff
from firmware_sims.bp_monitor.taidoc_ble import TaiDocDevice
from firmware_sims.bp_monitor.taidoc_memory import D40, GD40, Habits
from firmware_sims.bp_monitor.yonker import YonkerMonitor
from firmware_sims.cgm.bluetooth_sig import GlucoseSensor, SensorSettings
from firmware_sims.device_clock import UNIX_EPOCH
from firmware_sims.device_spec import TYPES, DeviceSpec
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Faults
from firmware_sims.gatt import is_secure
from firmware_sims.glucose_meter.bluetooth_sig import GlucoseMeter, MeterSettings
from firmware_sims.glucose_meter.caresens import CareSensMeter, CareSensSettings
from firmware_sims.glucose_meter.onetouch_ble import OneTouchMeter, OneTouchSettings
from firmware_sims.identity import Identity, Pairing
from firmware_sims.packing import blood_pressure_beurer
from firmware_sims.packing.date_time import DST_STANDARD
from firmware_sims.packing.microlife import Family
from firmware_sims.packing.sanitas import BF700, SBF70
from firmware_sims.routine import Routine
from firmware_sims.scale.bluetooth_sig import body_scale
from firmware_sims.scale.qn import QnScale
from firmware_sims.scale.qn_models import MODELS as QN_MODELS
from firmware_sims.scale.sanitas import SanitasScale
from firmware_sims.scale.xiaomi import MiScale, MiSettings
from firmware_sims.scenario import ScenarioError
from firmware_sims.staged_device import RadioDevice
from firmware_sims.surroundings import Surroundings
from firmware_sims.user_data import UserData


def made(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    """Make a device of the radio, with its past in its memory."""
    return _MAKERS[spec.type](spec, where)


def identity(spec: DeviceSpec) -> Identity:
    """Return who a device of a scenario is."""
    kind = TYPES[spec.type]
    return Identity(
        name=spec.name,
        address=spec.address,
        manufacturer=kind.manufacturer,
        model=kind.model,
        serial=spec.serial,
        firmware=spec.firmware,
        pairing=spec.pairing,
        passkey=spec.passkey,
    )


class _Remembering(RadioDevice, Protocol):
    def remember(self, count: int, *, every: timedelta) -> None: ...


def _bonding(spec: DeviceSpec, usual: Pairing) -> Identity:
    """Return who a device is that gives nothing away without a bond."""
    who = identity(spec)
    return replace(who, pairing=usual) if who.pairing is Pairing.NONE else who


def _with_past(device: _Remembering, spec: DeviceSpec) -> RadioDevice:
    device.remember(spec.stored, every=timedelta(hours=spec.stored_every_h))
    return device


def _bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    device = blood_pressure_monitor(
        identity(spec), where.people(spec), where.fittings(spec), kilopascal=spec.kilopascal
    )
    return _with_past(device, spec)


def _enhanced_bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    device = EnhancedCuff(
        identity(spec),
        where.people(spec),
        where.fittings(spec),
        e2e_crc=spec.e2e_crc,
        time_offset_min=spec.time_offset_min,
        notification_gap_s=spec.notification_gap_s,
    )
    return _with_past(device, spec)


def _beurer_bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    device = blood_pressure_monitor(
        identity(spec),
        where.people(spec),
        where.fittings(spec),
        encode=blood_pressure_beurer.measurement,
        mean=False,
    )
    return _with_past(device, spec)


def _and_bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    return _paired_and(ua_651ble(*_and(spec, where)), spec)


def _and_scale(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    make = older_uc_352ble if spec.older else uc_352ble
    return _paired_and(make(*_and(spec, where), imperial=spec.imperial), spec)


def _and(spec: DeviceSpec, where: Surroundings) -> tuple[Identity, People, Fittings]:
    who = replace(identity(spec), pairing=Pairing.JUST_WORKS)
    return who, where.people(spec), replace(where.fittings(spec), clock_service=False)


def _paired_and(device: AndDevice, spec: DeviceSpec) -> RadioDevice:
    if spec.pairing_mode:
        device.pairing_mode()
    return _with_past(device, spec)


def _omron_standard_bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    device = omron_cuff(identity(spec), where.people(spec), where.fittings(spec))
    return _with_past(device, spec)


def _omron_bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    model = MODELS.get(spec.model or TYPES[spec.type].model)
    if model is None or len(spec.users) > len(model.users):
        known = ", ".join(f"{one.name} ({len(one.users)} users)" for one in MODELS.values())
        raise ScenarioError(f"device {spec.name!r}: an Omron cuff is one of {known}")
    device = OmronCuff(
        replace(identity(spec), pairing=Pairing.JUST_WORKS),
        where.people(spec),
        where.fittings(spec),
        model,
        key=bytes.fromhex(spec.key) or None,
    )
    if spec.pairing_mode:
        device.pairing_mode()
    return _with_past(device, spec)


def _yonker_bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    who, body, fittings = identity(spec), where.one_body(spec), where.fittings(spec)
    return _with_past(YonkerMonitor(who, body, fittings, tells_all=spec.tells_all), spec)


def _taidoc_bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    who, body = _bonding(spec, Pairing.JUST_WORKS), where.one_body(spec)
    habits = replace(_tests(spec), strip_every=spec.others_every)
    return _with_past(TaiDocDevice(who, body, where.fittings(spec), D40, habits=habits), spec)


def _taidoc_meter(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    who, body = _bonding(spec, Pairing.JUST_WORKS), where.one_body(spec)
    habits = replace(_tests(spec), others_every=spec.others_every)
    return _with_past(TaiDocDevice(who, body, where.fittings(spec), GD40, habits=habits), spec)


def _tests(spec: DeviceSpec) -> Habits:
    return Habits(control_every=spec.control_every, extremes_every=spec.extremes_every)


def _microlife_bp_monitor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    if not spec.users.keys() <= {None, 1, 2}:
        raise ScenarioError(f"device {spec.name!r}: a Microlife cuff knows the users 1 and 2")
    newer = _bonding(spec, Pairing.JUST_WORKS)
    who = replace(identity(spec), model="A6 BT") if spec.older else newer
    device = MicrolifeCuff(
        who,
        where.people(spec),
        where.fittings(spec),
        family=Family.OLDER if spec.older else Family.NEWER,
        mam=spec.mam,
    )
    return _with_past(device, spec)


def _scale(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    who, people = identity(spec), where.people(spec)
    user_data = UserData(
        {slot: body.person for slot, body in people.items()},
        spec.consents,
        where.forbidden,
        secure=is_secure(who),
        lists_users=spec.lists_users,
        commits_profile=spec.commits_profile,
    )
    device = body_scale(
        who,
        people,
        where.fittings(spec),
        imperial=spec.imperial,
        composition=spec.composition,
        user_data=user_data if spec.consents else None,
    )
    return _with_past(device, spec)


def _mi_scale(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    return MiScale(
        identity(spec),
        where.one_body(spec),
        now=where.now,
        clock=where.clock(spec, factory_time=UNIX_EPOCH),
        ledger=where.ledger,
        faults=Faults(spec.faults),
        routine=Routine(spec.interval_s, spec.limit),
        settings=MiSettings(version=spec.version, unit=spec.unit, phase_s=spec.phase_s),
    )


def _sanitas_scale(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    clock = where.clock(spec, factory_time=UNIX_EPOCH, utc=True)
    device = SanitasScale(
        identity(spec),
        where.people(spec),
        replace(where.fittings(spec), clock=clock),
        family=BF700 if spec.bf700 else SBF70,
        pause_s=spec.phase_s,
    )
    return _with_past(device, spec)


def _qn_scale(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    model = QN_MODELS.get(spec.model or TYPES[spec.type].model)
    if model is None:
        known = ", ".join(map(repr, QN_MODELS))
        raise ScenarioError(f"device {spec.name!r}: a QN scale is one of {known}")
    who, body = identity(spec), where.one_body(spec)
    fittings = replace(where.fittings(spec), clock=where.clock(spec, utc=True))
    return _with_past(QnScale(who, body, fittings, model, pause_s=spec.phase_s), spec)


def _glucose_meter(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    settings = MeterSettings(
        molar=spec.molar,
        time_offset_min=spec.time_offset_min,
        filters=spec.filters,
        meals=spec.meals,
        control_every=spec.control_every,
        second_record_access=spec.second_record_access,
        notification_gap_s=spec.notification_gap_s,
    )
    people, fittings = where.people(spec), where.fittings(spec)
    return _with_past(GlucoseMeter(identity(spec), people, fittings, settings), spec)


def _contour_meter(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    who = _bonding(spec, Pairing.JUST_WORKS)
    settings = MeterSettings(
        contour=True,
        time_offset_min=where.utc_offset(spec) // timedelta(minutes=1),
        molar=spec.molar,
        meals=spec.meals,
        control_every=spec.control_every,
        notification_gap_s=spec.notification_gap_s,
    )
    meter = GlucoseMeter(who, where.people(spec), where.fittings(spec), settings)
    return _with_past(meter, spec)


def _caresens_meter(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    who = _bonding(spec, Pairing.PASSKEY)
    settings = CareSensSettings(
        older=spec.older,
        time_offset_min=spec.time_offset_min or 0,
        meals=spec.meals,
        control_every=spec.control_every,
        extremes_every=spec.extremes_every,
        ketone_every=spec.ketone_every,
        notification_gap_s=spec.notification_gap_s,
    )
    meter = CareSensMeter(who, where.people(spec), where.fittings(spec), settings)
    return _with_past(meter, spec)


def _onetouch_meter(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    who = _bonding(spec, Pairing.PASSKEY)
    settings = OneTouchSettings(
        molar=spec.molar,
        meals=spec.meals,
        control_every=spec.control_every,
        extremes_every=spec.extremes_every,
        others_every=spec.others_every,
        refuses_by_status=spec.refuses_by_status,
        first_number=spec.first_number,
    )
    meter = OneTouchMeter(who, where.people(spec), where.fittings(spec), settings)
    return _with_past(meter, spec)


def _sensor(spec: DeviceSpec, where: Surroundings) -> RadioDevice:
    # A session start time has whole seconds.
    now = where.now().replace(microsecond=0)
    until = now - timedelta(minutes=spec.history_ends_min_ago)
    history = timedelta(days=spec.history_days)
    device = GlucoseSensor(
        identity(spec),
        where.one_body(spec),
        started_at=until - history,
        now=where.now,
        clock=where.clock(spec),
        ledger=where.ledger,
        faults=Faults(spec.faults),
        routine=Routine(spec.interval_s, spec.limit),
        settings=SensorSettings(
            e2e_crc=spec.e2e_crc,
            session_control=spec.session_control,
            utc_offset=where.utc_offset(spec),
            dst=DST_STANDARD,
            notification_gap_s=spec.notification_gap_s,
            slow_s=spec.slow_s,
        ),
    )
    gap = timedelta(minutes=spec.gap_min)
    device.remember(until, gap_at=until - history / 2 if gap else None, gap=gap)
    return device


_MAKERS: Mapping[str, Callable[[DeviceSpec, Surroundings], RadioDevice]] = {
    "bp_monitor": _bp_monitor,
    "enhanced_bp_monitor": _enhanced_bp_monitor,
    "beurer_bp_monitor": _beurer_bp_monitor,
    "and_bp_monitor": _and_bp_monitor,
    "omron_standard_bp_monitor": _omron_standard_bp_monitor,
    "omron_bp_monitor": _omron_bp_monitor,
    "yonker_bp_monitor": _yonker_bp_monitor,
    "taidoc_bp_monitor": _taidoc_bp_monitor,
    "microlife_bp_monitor": _microlife_bp_monitor,
    "scale": _scale,
    "and_scale": _and_scale,
    "mi_scale": _mi_scale,
    "sanitas_scale": _sanitas_scale,
    "qn_scale": _qn_scale,
    "glucose_meter": _glucose_meter,
    "contour_meter": _contour_meter,
    "caresens_meter": _caresens_meter,
    "onetouch_meter": _onetouch_meter,
    "taidoc_meter": _taidoc_meter,
    "cgm": _sensor,
}
