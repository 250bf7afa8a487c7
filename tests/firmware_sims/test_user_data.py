from collections.abc import Sequence

import pytest
from bumble import att
from firmware_sims.body import Body
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.radio import VirtualRadio
from firmware_sims.scale.bluetooth_sig import body_scale
from firmware_sims.user_data import ACCESS_NOT_PERMITTED, GUEST, UserData

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import PACE, Time, body, identity

RIGHT, WRONG = "0201a80e", "0201d204"  # user 1: 3752, 1234


def scale(
    *, weighings: int = 2, lists_users: bool = False, commits_profile: bool = False
) -> tuple[EpisodicDevice, UserData]:
    """Return a scale of user 1, whose code is 3752, and a guest; they take turns."""
    now = Time()
    people: dict[int | None, Body] = {1: body("Odile"), GUEST: body("Guest")}
    data = UserData(
        {slot: one.person for slot, one in people.items()},
        {1: 3752},
        ForbiddenCommands(),
        lists_users=lists_users,
        commits_profile=commits_profile,
    )
    fittings = Fittings(now=now, clock=DeviceClock(now), ledger=Ledger(), pace=PACE)
    device = body_scale(identity(), people, fittings, user_data=data)
    for _ in range(weighings):
        device.measure()
    return device, data


async def asked(collector: Collector, octets: str) -> str:
    answers = collector.values.get(0x2A9F)
    if answers is None:
        await collector.subscribe(0x181C, 0x2A9F)
        answers = collector.values[0x2A9F]
    before = len(answers)
    await collector.write(0x181C, 0x2A9F, bytes.fromhex(octets))
    await collector.until(lambda: len(answers) > before)
    return answers[-1].hex()


def users(weights: Sequence[bytes]) -> list[int]:
    return [frame[10] for frame in weights]


async def test_before_the_code_only_a_guests_weight_is_sent_and_then_the_users_too() -> None:
    device, _ = scale()
    async with discovered(device) as collector:
        await collector.subscribe(0x181D, 0x2A9D)
        before = users(await collector.received(0x2A9D, 1))
        answer = await asked(collector, RIGHT)
        after = users(await collector.received(0x2A9D, 2))

    assert before == [GUEST]
    assert answer == "200201"
    assert after == [GUEST, 1]


async def test_a_wrong_code_is_refused_and_nothing_is_sent() -> None:
    device, _ = scale(weighings=1)
    async with discovered(device) as collector:
        await collector.subscribe(0x181D, 0x2A9D)
        answer = await asked(collector, WRONG)
        await collector.until_lost()

    assert answer == "200205"
    assert collector.values[0x2A9D] == []
    assert device.held == 2


async def test_after_three_wrong_codes_the_right_one_is_refused_until_the_button() -> None:
    device, data = scale()
    async with discovered(device) as collector:
        wrong = [await asked(collector, WRONG) for _ in range(3)]
        locked = await asked(collector, RIGHT)
        data.press_button()
        unlocked = await asked(collector, RIGHT)

    assert wrong == ["200205"] * 3
    assert (locked, unlocked) == ("200205", "200201")


async def test_a_consent_holds_for_its_link_only() -> None:
    device, _ = scale(weighings=1)
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        async with Collector(central, device.identity.address) as collector:
            await collector.discover()
            await asked(collector, RIGHT)
        async with Collector(central, device.identity.address) as collector:
            await collector.discover()
            await collector.subscribe(0x181D, 0x2A9D)
            await collector.until_lost()

    assert collector.values[0x2A9D] == []


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        ("01d204", "20010102"),
        ("011127", "200103"),  # 10001
        ("01d2", "200103"),
        ("0201d2", "200203"),
        ("0203d204", "200205"),
        ("04", "200402"),
        ("03", "200302"),
        ("05ff", "200502"),
        ("77", "207702"),
    ],
)
async def test_every_request_is_answered(octets: str, answer: str) -> None:
    device, _ = scale()
    async with discovered(device) as collector:
        assert await asked(collector, octets) == answer


async def test_a_scale_that_lists_its_users_counts_them() -> None:
    device, _ = scale(lists_users=True)
    async with discovered(device) as collector:
        assert await asked(collector, "04") == "20040101"


async def test_who_registers_may_consent_with_their_code() -> None:
    device, _ = scale()
    async with discovered(device) as collector:
        assert await asked(collector, "01d204") == "20010102"
        assert await asked(collector, "0202d204") == "200201"
        assert await collector.read(0x181C, 0x2A9A) == b"\x02"


async def test_a_profile_is_read_only_after_consent() -> None:
    device, _ = scale()
    async with discovered(device) as collector:
        unknown = await collector.read(0x181C, 0x2A9A)
        with pytest.raises(att.ATT_Error) as refused:
            await collector.read(0x181C, 0x2A8E)
        await asked(collector, RIGHT)
        height = await collector.read(0x181C, 0x2A8E)
        weight = await collector.read(0x181C, 0x2A98)
        increment = await collector.read(0x181C, 0x2A99)

    assert (unknown, refused.value.error_code) == (b"\xff", ACCESS_NOT_PERMITTED)
    assert (height.hex(), weight.hex(), increment.hex()) == ("aa00", "0032", "00000000")


@pytest.mark.parametrize("commit", [False, True])
async def test_a_composition_is_zeros_until_the_profile_was_committed(commit: bool) -> None:
    device, _ = scale(weighings=1, commits_profile=True)
    async with discovered(device) as collector:
        await collector.grow(185)
        await asked(collector, RIGHT)
        if commit:
            await collector.write(0x181C, 0x2A99, b"\x01\x00\x00\x00")
        (frame,) = await collector.told(0x181B, 0x2A9C, 1)

    fat = int.from_bytes(frame[2:4], "little")
    assert (fat > 0) is commit


async def test_without_a_subscription_the_control_point_cannot_answer() -> None:
    device, _ = scale()
    async with discovered(device) as collector:
        with pytest.raises(att.ATT_Error):
            await collector.write(0x181C, 0x2A9F, bytes.fromhex(RIGHT))
