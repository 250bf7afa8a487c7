"""The driver of QN scales against a simulator that was written by another hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from firmware_sims.device_spec import DeviceSpec
from firmware_sims.making import identity
from firmware_sims.scale.qn import QnScale
from firmware_sims.scale.qn_models import (
    ARBOLEAF,
    ES30MA2,
    ESCS20MA2,
    ESCS20MN,
    RMSB01,
    TENTHS,
    Model,
)
from firmware_sims.surroundings import Surroundings

from tests.conversations.test_simulators import ONE, Met, met, recorded, said

MODELS = {
    "Arboleaf CS20M": ARBOLEAF,
    "ES-30MA2": ES30MA2,
    "ESCS20MA2": ESCS20MA2,
    "ESCS20MN": ESCS20MN,
    "R-MSB01": RMSB01,
    "one that counts in tenths": TENTHS,
}


def making(model: Model) -> Callable[[DeviceSpec, Surroundings], QnScale]:
    def make(spec: DeviceSpec, around: Surroundings) -> QnScale:
        who, body = identity(spec), around.one_body(spec)
        return QnScale(who, body, around.fittings(spec), model, pause_s=0.02)

    return make


async def weighed(model: Model) -> Met:
    kind, make = "sanitas_scale", making(model)  # any scale of a scenario that stores
    return await met(kind, ONE, name="QN-Scale", measures=True, times=3, make=make)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
async def test_a_weighing_is_what_is_recorded(model: Model) -> None:
    found = await weighed(model)

    made = Counter(recorded(reading) for reading in found.session.readings)
    assert made == Counter(map(said, found.ledger.produced))
    assert {kind for kind, *_ in made} >= {"weight"}
    assert found.driver == "scale/qn"
    assert (found.session.aside, found.session.remarks, found.forbidden) == ([], [], [])
