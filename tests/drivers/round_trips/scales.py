"""Weight, body composition, users; of the standard and of makers."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from firmware_sims.packing import (
    and_weight,
    body_composition,
    qn,
    sanitas,
    user_data,
    weight_scale,
    xiaomi,
)
from firmware_sims.packing.body_composition import Composition
from hypothesis import strategies as st

from tests.drivers.round_trips.written import (
    ABSENT,
    BOOLS,
    MOMENTS,
    U8,
    U16,
    U32,
    Written,
    in_steps,
    some,
    written,
)

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a scale's own clock
CODES = st.integers(0, 9999)
OHMS = some(st.integers(1, 2999))


def shown_by_a_qn(who: int, weighing: qn.Weighing, state: qn.State, user: int | None) -> Written:
    ended = state is qn.State.ENDED
    said = {
        "who": who,
        "weight_kg": weighing.weight,
        "ended": ended,
        "user": ABSENT if user is None else user,
        "resistance_1_ohm": weighing.resistances[0] if ended else ABSENT,
        "resistance_2_ohm": weighing.resistances[1] if ended else ABSENT,
        "fat_percent": weighing.fat_percent if ended and user is not None else ABSENT,
    }
    return written(qn.live(who, weighing, state, user=user), said)


def stored_by_a_qn(
    who: int, weighing: qn.Weighing, s: int, place: int, user: int | None
) -> Written:
    said = {
        "who": who,
        "count": 20,
        "number": place,
        "user": ABSENT if user is None else user,
        "seconds": s,
        "weight_kg": weighing.weight,
        "resistance_1_ohm": weighing.resistances[0],
        "resistance_2_ohm": weighing.resistances[1],
    }
    shown = qn.MILLENNIUM + timedelta(seconds=s)
    return written(qn.stored(who, weighing, shown, (place, 20), user=user), said)


QN_WEIGHINGS = st.builds(
    qn.Weighing,
    weight=st.integers(0, 0xFFFF).map(lambda steps: Decimal(steps).scaleb(-2)),
    resistances=st.tuples(U16, U16),
    fat_percent=st.integers(0, 1000).map(lambda steps: Decimal(steps).scaleb(-1)),
)
PLACES = st.integers(1, 20)


@st.composite
def weights(draw: st.DrawFn) -> Written:
    imperial, at, user = draw(BOOLS), draw(some(MOMENTS)), draw(some(U8))
    weight = draw(some(in_steps("0.01" if imperial else "0.005")))
    tall = in_steps("0.1" if imperial else "0.001")
    stature = draw(some(st.builds(weight_scale.Stature, in_steps("0.1"), tall)))
    octets = weight_scale.measurement(
        weight, imperial=imperial, device_local=at, user=user, stature=stature
    )
    said = {
        "unit": "lb" if imperial else "kg",
        "timestamp": at,
        "user_id": user,
        "bmi": stature and stature.bmi,
        "height": stature and stature.height,
        "measurement_unsuccessful": weight is None,
    }
    message = written(octets, said)
    return Written(octets, {**message.said, "weight": weight})


@st.composite
def and_weights(draw: st.DrawFn) -> Written:
    imperial, at, user = draw(BOOLS), draw(some(MOMENTS)), draw(some(U8))
    weight = draw(some(in_steps("0.1")))
    octets = and_weight.measurement(weight, imperial=imperial, device_local=at, user=user)
    said = {
        "unit": "lb" if imperial else "kg",
        "timestamp": at,
        "user_id": user,
        "measurement_unsuccessful": weight is None,
    }
    return Written(octets, {**written(octets, said).said, "weight": weight})


PARTS = (
    "basal_metabolism_kj",
    "muscle_percent",
    "muscle_mass",
    "fat_free_mass",
    "soft_lean_mass",
    "body_water_mass",
    "impedance_ohm",
    "weight",
    "height",
)


def composed(*, imperial: bool) -> st.SearchStrategy[Composition]:
    mass = some(in_steps("0.01" if imperial else "0.005"))
    return st.builds(
        Composition,
        body_fat_percent=some(in_steps("0.1")),
        imperial=st.just(imperial),
        device_local=some(MOMENTS),
        user=some(U8),
        basal_metabolism_kj=some(U16),
        muscle_percent=some(in_steps("0.1")),
        muscle_mass=mass,
        fat_free_mass=mass,
        soft_lean_mass=mass,
        body_water_mass=mass,
        impedance_ohm=some(in_steps("0.1")),
        weight=mass,
        height=some(in_steps("0.1" if imperial else "0.001")),
    )


@st.composite
def compositions(draw: st.DrawFn) -> Written:
    imperial = draw(BOOLS)
    composition = draw(composed(imperial=imperial))
    (octets,) = body_composition.measurement(composition)
    said: dict[str, object] = {name: getattr(composition, name) for name in PARTS}
    said |= {"timestamp": composition.device_local, "user_id": composition.user}
    said |= {"unit": "lb" if imperial else "kg", "multiple_packet": False}
    message = written(octets, said)
    return Written(octets, {**message.said, "body_fat_percent": composition.body_fat_percent})


@st.composite
def weight_features(draw: st.DrawFn) -> Written:
    time, users, bmi = draw(BOOLS), draw(BOOLS), draw(BOOLS)
    weight, height = draw(st.integers(0, 7)), draw(st.integers(0, 3))
    octets = weight_scale.feature(
        time=time, several_users=users, bmi=bmi, weight=weight, height=height
    )
    said = {
        "timestamp": time,
        "multiple_users": users,
        "bmi": bmi,
        "weight_resolution_index": weight,
        "height_resolution_index": height,
    }
    return written(octets, said)


@st.composite
def composition_features(draw: st.DrawFn) -> Written:
    time, users, mass = draw(BOOLS), draw(BOOLS), draw(st.integers(0, 7))
    fields = draw(st.integers(0, 0x1FF)) << 2
    octets = body_composition.feature(time=time, several_users=users, fields=fields, mass=mass)
    raw = fields | time | users << 1 | mass << 11
    return written(octets, {"raw": raw, "mass_resolution_index": mass})


def named(op: str, **said: object) -> dict[str, object]:
    return {"op": op, **said}


REQUESTS = st.one_of(
    CODES.map(
        lambda code: written(
            user_data.request(1, code.to_bytes(2, "little")),
            named("register_new_user", consent_code=code),
        )
    ),
    st.builds(
        lambda user, code: written(
            user_data.request(2, user_data.consent(user, code)),
            named("consent", user_index=user, consent_code=code),
        ),
        U8,
        CODES,
    ),
    st.just(written(user_data.request(3), named("delete_user_data"))),
    st.just(written(user_data.request(4), named("list_all_users"))),
)
RESULTS = {
    user_data.Result.SUCCESS: "success",
    user_data.Result.OP_CODE_NOT_SUPPORTED: "op_code_not_supported",
    user_data.Result.INVALID_PARAMETER: "invalid_parameter",
}
ANSWERS = st.builds(
    lambda result: written(
        user_data.response(user_data.OpCode.CONSENT, result),
        named("response", request_op="consent", result=RESULTS[result]),
    ),
    st.sampled_from(list(RESULTS)),
)


@st.composite
def displays(draw: st.DrawFn, *, version: int) -> Written:
    unit = draw(st.sampled_from(xiaomi.Unit))
    shown = xiaomi.Display(
        weight=draw(in_steps(str(xiaomi.PER_BIT[unit]))),
        unit=unit,
        device_local=draw(MOMENTS),
        still=draw(BOOLS),
        stepped_off=draw(BOOLS),
        thing=draw(BOOLS),
        impedance_ohm=draw(OHMS | st.just(xiaomi.IMPEDANCE_FAILED)) if version == 2 else None,
    )
    said: dict[str, object] = {
        "weight": shown.weight,
        "unit": str(unit),
        "timestamp": shown.device_local,
        "stabilized": shown.still,
        "removed": shown.stepped_off,
        "object": shown.thing,
    }
    if version == 1:
        return written(xiaomi.version_1(shown), said)
    ohm = shown.impedance_ohm if shown.impedance_ohm != xiaomi.IMPEDANCE_FAILED else None
    said |= {"impedance_valid": ohm is not None, "impedance_ohm": ohm}
    return written(xiaomi.version_2(shown), said)


@st.composite
def weighings(draw: st.DrawFn, *, saved: bool = False) -> Written:
    seconds = draw(U32)
    weighing = sanitas.Weighing(
        at_device=_EPOCH + timedelta(seconds=seconds),
        weight=draw(in_steps("0.05")),
        impedance_ohm=draw(U16),
        fat_percent=draw(in_steps("0.1")),
        water_percent=draw(in_steps("0.1")),
        muscle_percent=draw(in_steps("0.1")),
        bone=draw(in_steps("0.05")),
        basal_kcal=draw(U16),
        active_kcal=draw(U16),
        bmi=draw(in_steps("0.1")),
    )
    family = draw(st.sampled_from([sanitas.SBF70, sanitas.BF700]))
    parts = (
        sanitas.saved(family, [weighing]) if saved else sanitas.live(family, weighing, draw(U32))
    )
    said = {
        "unix_time": seconds,
        "weight_kg": weighing.weight,
        "impedance_ohm": weighing.impedance_ohm,
        "fat_percent": weighing.fat_percent,
        "water_percent": weighing.water_percent,
        "muscle_percent": weighing.muscle_percent,
    }
    return written(b"".join(parts), said, parts=[len(part) for part in parts])


TRIPS: dict[str, st.SearchStrategy[Written]] = {
    "2a9d": weights(),
    "and-weight": and_weights(),
    "2a9c": compositions(),
    "2a9e": weight_features(),
    "2a9b": composition_features(),
    "2a9f": REQUESTS | ANSWERS,
    "2a9a": st.just(Written(b"\xff", {"user_index": None, "unknown_user": True}))
    | st.integers(0, 254).map(
        lambda user: written(bytes([user]), {"user_index": user, "unknown_user": False})
    ),
    "2a99": U32.map(lambda count: written(user_data.increment(count), {"increment": count})),
    "2a85": MOMENTS.map(
        lambda at: written(
            user_data.date_of_birth(at.date()),
            {"year": at.year, "month": at.month, "day": at.day},
        )
    ),
    "2a8e": in_steps("0.01").map(lambda it: written(user_data.height(it), {"height_m": it})),
    "mi-v1": displays(version=1),
    "mi-v2": displays(version=2),
    "sbf70": st.builds(
        lambda family, weight, still: written(
            sanitas.live_weight(family, weight, still=still),
            {"weight_kg": weight, "stable": still},
        ),
        st.sampled_from([sanitas.SBF70, sanitas.BF700]),
        in_steps("0.05"),
        BOOLS,
    ),
    "sbf70-3part": weighings(),
    "sbf70-saved": weighings(saved=True),
    "qn-fff0": st.builds(shown_by_a_qn, U8, QN_WEIGHINGS, st.sampled_from(qn.State), some(U8)),
    "qn": st.builds(shown_by_a_qn, U8, QN_WEIGHINGS, st.sampled_from(qn.State), some(U8))
    | st.builds(stored_by_a_qn, U8, QN_WEIGHINGS, U32, PLACES, st.none()),
    "qn-extended": st.builds(stored_by_a_qn, U8, QN_WEIGHINGS, U32, PLACES, U8),
}
