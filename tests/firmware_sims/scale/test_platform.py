from datetime import timedelta
from decimal import Decimal

from firmware_sims.scale.platform import Load, Platform, shown_weight

from tests.firmware_sims.people import Time

SOMEBODY = Decimal("64.20")


def test_somebody_steps_on_sways_stands_still_and_steps_off() -> None:
    time = Time()
    platform = Platform(time, settle_s=2, stand_s=8)
    loads = [platform.load()]
    platform.step_on(SOMEBODY)

    for seconds in (1, 1, 5, 1):
        time.pass_by(timedelta(seconds=seconds))
        loads.append(platform.load())

    assert loads == [
        Load(Decimal(0), in_motion=False),
        Load(Decimal("63.80"), in_motion=True),
        Load(SOMEBODY, in_motion=False),
        Load(SOMEBODY, in_motion=False),
        Load(Decimal(0), in_motion=False),
    ]


def test_a_weight_is_shown_in_steps_of_its_unit() -> None:
    assert shown_weight(SOMEBODY, pounds=False, step="0.05") == Decimal("64.20")
    assert shown_weight(SOMEBODY, pounds=True, step="0.2") == Decimal("141.6")
