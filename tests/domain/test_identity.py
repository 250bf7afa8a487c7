from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Instant
from gateway.domain.device_time import corrected
from gateway.domain.identity import identity
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Limit, Measure, Reading
from gateway.testing.clock import START
from tests.domain.readings import instants, readings
from tests.journal.making import glucose


def _weighing(reading: Reading, value: Decimal) -> Reading:
    quantity = Quantity(value=value, unit=Unit.KILOGRAM)
    return reading.model_copy(update={"values": {Measure.WEIGHT: quantity}})


@given(readings())
def test_an_identity_is_32_hex_digits(reading: Reading) -> None:
    assert len(bytes.fromhex(identity(reading))) == 16


def test_too_low_and_too_high_are_two_readings_and_neither_is_one_without_a_limit() -> None:
    low, high, neither = (
        identity(glucose(1, None, START, limit)) for limit in (Limit.BELOW, Limit.ABOVE, None)
    )

    assert len({low, high, neither}) == 3


@given(readings())
def test_in_which_order_the_values_of_a_reading_are_told_does_not_matter(reading: Reading) -> None:
    turned = dict(reversed(list(reading.values.items())))

    assert identity(reading.model_copy(update={"values": turned})) == identity(reading)


@given(readings())
def test_a_reading_that_was_stored_keeps_its_identity(reading: Reading) -> None:
    stored = Reading.model_validate_json(reading.model_dump_json())

    assert identity(stored) == identity(reading)


@given(readings(), instants())
def test_a_record_key_makes_live_and_backfilled_the_same(reading: Reading, at: Instant) -> None:
    live = reading.model_copy(update={"record": "seq:7"})

    backfilled = live.model_copy(update={"received": at, "live": not live.live})

    assert identity(backfilled) == identity(live)


@given(readings().filter(lambda r: r.device_time is not None and r.record is None), instants())
def test_the_device_time_makes_them_the_same_where_there_is_no_key(
    reading: Reading, at: Instant
) -> None:
    assert reading.device_time is not None
    sampled = reading.device_time.model_copy(update={"clock": None})

    again = reading.model_copy(update={"received": at, "device_time": sampled})

    assert identity(again) == identity(reading)


@given(readings())
def test_without_key_and_device_time_the_moment_of_reception_tells_apart(reading: Reading) -> None:
    bare = reading.model_copy(update={"record": None, "device_time": None})
    later = Instant(bare.received.utc + timedelta(seconds=1), 0.0, "boot-1")

    assert identity(bare.model_copy(update={"received": later})) != identity(bare)


@given(readings(), st.decimals(-1000, 1000, places=2))
def test_equal_numbers_count_as_equal_however_they_are_written(
    reading: Reading, value: Decimal
) -> None:
    longer = value.quantize(Decimal("0.0001"))

    assert identity(_weighing(reading, longer)) == identity(_weighing(reading, value))


@given(readings())
def test_minus_zero_is_zero(reading: Reading) -> None:
    zero, minus_zero = Decimal("0.0"), Decimal("-0.0")

    assert identity(_weighing(reading, minus_zero)) == identity(_weighing(reading, zero))


@given(readings(), st.decimals(0, 500, places=1), st.decimals(0, 500, places=1))
def test_other_values_make_another_reading(reading: Reading, one: Decimal, two: Decimal) -> None:
    same = identity(_weighing(reading, one)) == identity(_weighing(reading, two))

    assert same == (one == two)


@given(readings(), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_no_text_of_a_device_can_pass_for_another_part(
    reading: Reading, slot: str, record: str, tail: str
) -> None:
    one = reading.model_copy(update={"slot": slot, "record": f"{record}\x1frecord:{tail}"})
    two = reading.model_copy(update={"slot": f"{slot}\x1frecord:{record}", "record": tail})

    assert identity(one) != identity(two)


@given(readings(), readings())
def test_a_correction_of_time_makes_no_new_reading(reading: Reading, other: Reading) -> None:
    before = identity(reading)

    corrected(reading, other.received.utc.tzinfo)  # type: ignore[arg-type]

    assert identity(reading) == before
