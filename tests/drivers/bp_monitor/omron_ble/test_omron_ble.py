"""Cuffs whose memory is read, made from the description of their protocol."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reading import Kind, Measure, Quality
from gateway.drivers.api import Channel, Fit, Frame, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.omron_ble import DRIVER, codec
from gateway.drivers.bp_monitor.omron_ble.codec import Order
from gateway.drivers.bp_monitor.omron_ble.models import LAYOUTS
from gateway.drivers.bp_monitor.omron_ble.session import NEW, OLD
from gateway.drivers.registry import installed
from gateway.errors import ConfigError, DecodeError, PairingNeeded, ProtocolError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from gateway.wire.sums import sum8, xor8

KEY = bytes(range(16))


def channels(service: str) -> tuple[Channel, list[Channel], Channel]:
    short = ("49123040", "4d0bf320", "5128ce60", "560f1420")
    tails = ("a74d", "a0d9", "b84b", "8184")
    answers = [
        gatt(service, f"{a}-aee8-11e1-{t}-0002a5d5c51b") for a, t in zip(short, tails, strict=True)
    ]
    return (
        gatt(service, "db5b55e0-aee7-11e1-965e-0002a5d5c51b"),
        answers,
        gatt(service, "b305b680-aee7-11e1-a730-0002a5d5c51b"),
    )


ASK, ANSWERS, _ = channels(NEW)


def slot(systolic: int, minute: int, *, order: Order = Order.LITTLE, octets: int = 14) -> bytes:
    date, time = 3 << 10 | 14 << 5 | 10, minute << 6
    head = (
        bytes((systolic - 25, 80, 72, 26))
        if order is Order.LITTLE
        else bytes((80, systolic - 25, 26, 72))
    )
    body = head + date.to_bytes(2, order.value) + time.to_bytes(2, order.value) + bytes(4)
    return body + bytes(4) if octets == 16 else summed(body, order)


def summed(record: bytes, order: Order = Order.LITTLE) -> bytes:
    """Give a record the sum of its first twelve octets, and the complement of that."""
    body = record[:12]
    sums = bytes((sum8(body), sum8(body) ^ 0xFF))
    return body + (sums if order is Order.LITTLE else sums[::-1])


@dataclass
class Cuff:
    """A memory behind the frames. `key` is of the older kind, which has four answer channels."""

    model: str = "HEM-7142T2"
    slots: list[bytes] = field(default_factory=lambda: [slot(120, 25), slot(130, 30)])
    second_user: list[bytes] = field(default_factory=list)
    key: bytes | None = None
    pairing_mode: bool = False
    deaf: int = 0
    terse: bool = False
    """Whether it gives nothing of what was never written, but its size."""
    asked: list[bytes] = field(default_factory=list)
    greeted: bool | None = None
    """False while it waits for that before it answers; None: it knows nothing of it."""
    greetings: int = 0

    @property
    def service(self) -> str:
        return NEW if self.key is None else OLD

    def link(self) -> ScriptedLink:
        ask, answers, unlock = channels(self.service)
        values = dict.fromkeys(answers if self.key else answers[:1], b"")
        scripted: dict[Channel, Any] = {ask: self.answer}
        if self.key is not None:
            scripted[unlock] = self._unlock
        elif self.greeted is not None:
            values[unlock] = b""
            scripted[unlock] = self._greet
        return ScriptedLink(values, scripted)

    def session(self, **settings: str | bool) -> RecordingSession:
        given = {"model": self.model, **settings}
        return RecordingSession(DRIVER, self.link(), settings=dict(given))

    def answer(self, request: bytes) -> Iterable[Written]:
        self.asked.append(request)
        assert xor8(request) == 0
        if self.greeted is False:
            return []
        if self.deaf:
            self.deaf -= 1
            return []
        kind = request[1:3].hex()
        assert kind in ("0000", "0100", "0f00"), "nothing may be written"
        address = int.from_bytes(request[3:5], "big")
        data = self._memory(address, request[5]) if kind == "0100" else b""
        given = b"" if self.terse and set(data) == {0xFF} else data
        frame = bytes((len(given) + 8, request[1] | 0x80, 0)) + request[3:5]
        frame += bytes((len(data),)) + given + b"\0"
        frame += bytes((xor8(frame),))
        _, answers, _ = channels(self.service)
        if self.key is None:
            return [(answers[0], frame)]
        return [(answers[at // 16], frame[at : at + 16]) for at in range(0, len(frame), 16)]

    def _memory(self, address: int, octets: int) -> bytes:
        layout = LAYOUTS[self.model]
        whole = bytearray(b"\xff" * 0x2000)
        for start, slots in zip(layout.users, (self.slots, self.second_user), strict=False):
            used = b"".join(slots)
            whole[start : start + len(used)] = used
        return bytes(whole[address : address + octets])

    def _greet(self, request: bytes) -> Iterable[Written]:
        assert (request[0], len(request), any(request[5:])) == (0x11, 20, False)
        _, _, unlock = channels(self.service)
        self.greeted = True
        self.greetings += 1
        return [(unlock, b"\x91\x00" + request[1:5])]

    def _unlock(self, request: bytes) -> Iterable[Written]:
        _, _, unlock = channels(self.service)
        if request[0] == 1:
            return [(unlock, b"\x81\x00" if request[1:] == self.key else b"\x81\x01")]
        if request[0] == 2:
            return [(unlock, b"\x82\x00" if self.pairing_mode else b"\x82\x0f")]
        self.key = request[1:]
        return [(unlock, b"\x80\x00")]


def systolic(session: RecordingSession) -> list[int]:
    return [
        int(r.values[Measure.SYSTOLIC].value)
        for r in session.readings
        if r.kind is Kind.BLOOD_PRESSURE
    ]


async def test_the_whole_memory_is_read_and_empty_slots_are_passed_over() -> None:
    cuff = Cuff()
    session = cuff.session()

    await DRIVER.converse(session)

    assert systolic(session) == [120, 130]
    assert {r.slot for r in session.readings} == {"1"}
    assert (cuff.asked[0], cuff.asked[-1]) == (codec.BEGIN, codec.END)


@pytest.mark.parametrize("key", [None, KEY], ids=["new", "old"])
async def test_what_was_never_written_may_be_answered_by_its_size_alone(key: bytes | None) -> None:
    order = LAYOUTS["HEM-7322T"].order
    cuff = (
        Cuff()
        if key is None
        else Cuff("HEM-7322T", [slot(120, 25, order=order), slot(130, 30, order=order)], key=key)
    )
    cuff.terse = True
    session = cuff.session(**({} if key is None else {"key": key.hex()}))

    await DRIVER.converse(session)

    assert (systolic(session), session.aside) == ([120, 130], [])
    assert cuff.asked[-1] == codec.END


@pytest.mark.parametrize("more", [-1, 1, -255])
async def test_another_amount_than_was_asked_for_is_no_answer(more: int) -> None:
    class Other(Cuff):
        def _memory(self, address: int, octets: int) -> bytes:
            return super()._memory(address, max(octets + more, 0))

    with pytest.raises(ProtocolError, match="another amount"):
        await DRIVER.converse(Other().session())


async def test_an_answer_that_comes_once_more_is_none_to_the_next_question() -> None:
    class Twice(Cuff):
        def answer(self, request: bytes) -> Iterable[Written]:
            return 2 * list(super().answer(request))

    session = Twice(slots=[slot(120 + n, n) for n in range(14)]).session()

    await DRIVER.converse(session)

    assert systolic(session) == [120 + n for n in range(14)]


async def test_reading_it_again_is_no_news() -> None:
    cuff = Cuff()
    session = cuff.session()
    await DRIVER.converse(session)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [120, 130]


CAPTURED = {
    "HEM-7142T2": (
        "735d471a68190e1380000c005fa0",
        "645a611a7219041180000d006699",
        "5f5a621a72198c1180000e00eb14",
        "705a361a8b119d10000020008300",
        "5e49441ad411af1900002100d300",
    ),
    "HEM-7600T": ("5b781a4819d71b42000014006996",),
    "HEM-7322T": (
        "58671943109312ef005c7880d013",
        "55601946109313a7005f758006c5",
        "5c6c1945109314ed00565a8039fa",
        "5869194c134c111710d76580ba79",
    ),
}
"""Published logs: eigger/hass-omron issues 71, 74 and 13; a HEM-716BT2 has the first's layout."""


@pytest.mark.parametrize(
    ("model", "octets"),
    [(model, octets) for model, records in CAPTURED.items() for octets in records],
)
async def test_a_captured_record_is_read_and_no_damaged_one_of_its_kind(
    model: str, octets: str
) -> None:
    captured = bytes.fromhex(octets)
    swollen = bytearray(captured)
    swollen[LAYOUTS[model].order is Order.BIG] ^= 0x04  # the systolic pressure
    key = KEY if model in {"HEM-7600T", "HEM-7322T"} else None
    cuff = Cuff(model, [bytes(swollen), captured], key=key)
    session = cuff.session(key=KEY.hex())

    await DRIVER.converse(session)

    assert len(systolic(session)) == 1
    assert [(frame.data, error.reason) for frame, error in session.aside] == [
        (bytes(swollen), "checksum")
    ]


async def test_a_layout_of_which_no_record_was_published_is_not_held_to_a_sum() -> None:
    session = Cuff("HEM-7361T", [slot(120, 25, octets=16)], key=KEY).session(key=KEY.hex())

    await DRIVER.converse(session)

    assert (systolic(session), session.aside) == ([120], [])


async def test_each_user_has_a_place_of_their_own_and_answers_come_in_pieces() -> None:
    big = [slot(120, 25, order=Order.BIG)]
    cuff = Cuff("HEM-7322T", big, [slot(140, 26, order=Order.BIG)], key=KEY)
    session = cuff.session(key=KEY.hex())

    await DRIVER.converse(session)

    assert systolic(session) == [120, 140]
    assert [r.slot for r in session.readings] == ["1", "1", "2", "2"]


async def test_a_request_that_was_not_heard_is_made_again() -> None:
    cuff = Cuff(deaf=2)
    session = cuff.session()

    await DRIVER.converse(session)

    assert systolic(session) == [120, 130]


async def test_a_newer_cuff_answers_once_it_has_given_back_what_we_chose() -> None:
    session = (cuff := Cuff(greeted=False)).session()

    await DRIVER.converse(session)

    assert (systolic(session), cuff.greetings) == ([120, 130], 1)


async def test_a_newer_cuff_that_gives_nothing_back_is_asked_all_the_same() -> None:
    class Silent(Cuff):
        def _greet(self, request: bytes) -> Iterable[Written]:
            self.greetings += 1
            return [(channels(self.service)[2], b"\x91\x00" + bytes(4))]

    session = (cuff := Silent(greeted=True)).session()

    await DRIVER.converse(session)

    assert (systolic(session), cuff.greetings) == ([120, 130], 2)


async def test_a_deaf_cuff_is_given_up() -> None:
    with pytest.raises(ProtocolError):
        await DRIVER.converse(Cuff(deaf=99).session())


async def test_a_key_it_does_not_know_needs_a_person() -> None:
    with pytest.raises(PairingNeeded, match="key"):
        await DRIVER.converse(Cuff(model="HEM-7322T", key=bytes(16)).session(key=KEY.hex()))


async def test_a_key_is_given_on_order_in_pairing_mode() -> None:
    cuff = Cuff("HEM-7322T", [slot(120, 25, order=Order.BIG)], key=bytes(16), pairing_mode=True)
    session = cuff.session(key=KEY.hex(), program_key=True)

    await DRIVER.converse(session)

    assert cuff.key == KEY
    assert session.remarks == ["key_programmed"]
    assert systolic(session) == [120]


async def test_a_cuff_that_hides_its_service_needs_to_be_paired() -> None:
    session = RecordingSession(DRIVER, ScriptedLink(), settings={"model": "HEM-7142T2"})

    with pytest.raises(PairingNeeded):
        await DRIVER.converse(session)


@pytest.mark.parametrize("settings", [{"model": "M3"}, {"model": ""}])
async def test_a_model_must_be_named(settings: dict[str, str | bool]) -> None:
    with pytest.raises(ConfigError, match="model"):
        await DRIVER.converse(Cuff().session(**settings))


async def test_a_key_must_be_one() -> None:
    with pytest.raises(ConfigError, match="key"):
        await DRIVER.converse(Cuff("HEM-7322T", key=KEY).session(key="beef"))


async def test_movement_makes_a_measurement_questionable() -> None:
    moved = bytearray(slot(120, 25))
    moved[5] |= 0x80
    session = Cuff(slots=[summed(moved)]).session()

    await DRIVER.converse(session)

    assert {r.quality for r in session.readings} == {Quality.QUESTIONABLE}


async def test_a_slot_with_an_impossible_date_is_set_aside() -> None:
    odd = bytearray(slot(120, 25))
    odd[4:6] = b"\xff\x03"
    session = Cuff(slots=[bytes(odd), slot(130, 30)]).session()

    await DRIVER.converse(session)

    assert systolic(session) == [130]
    assert [error.reason for _, error in session.aside] == ["timestamp"]


@given(st.sampled_from(sorted(DRIVER.manifest.decodes)), st.binary(max_size=40))
def test_any_bytes_are_a_message_or_a_decode_error(name: str, data: bytes) -> None:
    fault = None
    try:
        DRIVER.decode(Frame(DRIVER.manifest.decodes[name], data, ManualClock().now()))
    except DecodeError as error:
        fault = error

    assert fault is None or 0 <= fault.offset <= len(data)


def test_it_goes_by_the_service_not_by_the_name() -> None:
    def seen(*services: str) -> Sighting:
        return Sighting("x", Reach.BLE, name="BLEsmart_0000", services=frozenset(services))

    assert [DRIVER.match(seen(it)) for it in (OLD, NEW, "1810")] == [
        Fit.FAMILY,
        Fit.FAMILY,
        Fit.NONE,
    ]


@pytest.mark.parametrize("model", ["HEM-7142T2", "HEM-7600T"])
async def test_a_pressure_as_high_as_of_an_empty_slot_is_kept_where_its_sum_is_right(
    model: str,
) -> None:
    order = LAYOUTS[model].order
    crisis = slot(255, 25, order=order)
    damaged = bytes((crisis[0] ^ 1,)) + crisis[1:]
    never_written = b"\xff" * 14
    key = None if model == "HEM-7142T2" else KEY
    cuff = Cuff(model, [crisis, damaged, never_written], key=key)
    session = cuff.session(key=KEY.hex())

    await DRIVER.converse(session)

    pressure = session.readings[0]
    assert int(pressure.values[Measure.SYSTOLIC].value) == 255
    assert pressure.quality is Quality.GOOD
    assert len(session.readings) == 2
    assert session.aside == []


async def test_where_records_have_no_sum_such_a_pressure_is_kept_if_it_has_a_time() -> None:
    crisis = slot(255, 25, octets=16)
    half_written = b"\xff" + crisis[1:4] + bytes(12)
    cuff = Cuff("HEM-7361T", [crisis, half_written, b"\xff" * 16], key=KEY)
    session = cuff.session(key=KEY.hex())

    await DRIVER.converse(session)

    assert systolic(session) == [255]
    assert session.aside == []


@pytest.mark.parametrize("service", [OLD, NEW])
@pytest.mark.parametrize(
    "name",
    ["BLEsmart_0001000CECB1D7A2B3C4", "BLESmart_00010112ECB1D7A2B3C4", "HBF-222T", "VIVA"],
)
def test_a_scale_with_the_cuffs_service_is_no_cuff(name: str, service: str) -> None:
    scale = Sighting("x", Reach.BLE, name=name, services=frozenset({service}))

    assert DRIVER.match(scale) is Fit.NONE


@pytest.mark.parametrize("name", [None, "", "BLESmart_0000021FECB1D7A2B3C4", "HEM-7142T2"])
def test_a_cuff_is_one_whatever_its_model_and_without_a_name(name: str | None) -> None:
    cuff = Sighting("x", Reach.BLE, name=name, services=frozenset({OLD}))

    assert DRIVER.match(cuff) is Fit.FAMILY


def test_a_scale_with_the_standard_services_too_is_left_to_their_driver() -> None:
    offered = frozenset({OLD, "181b", "181d"})
    scale = Sighting("x", Reach.BLE, name="BLEsmart_00010208ECB1D7A2B3C4", services=offered)

    best = installed().best(scale)

    assert best is not None
    assert best.manifest.name == "scale/bluetooth_sig"
