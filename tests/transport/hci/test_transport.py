"""The bare controller, over real HCI, ATT and SMP: bumble devices behind a TCP port."""

import asyncio
import gc
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bumble import hci
from pydantic import ValidationError

from gateway import durable
from gateway.clock import SystemClock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Reach, Sighting, gatt
from gateway.errors import (
    ConfigError,
    LinkLost,
    LinkRefused,
    LinkTimeout,
    PairingNeeded,
    RadioTrouble,
    RadioUnavailable,
)
from gateway.transport.hci import HciTransport
from gateway.transport.hci.bonds import Bonds
from gateway.transport.hci.peer import BumblePeer
from gateway.transport.hci.radio import Heard
from gateway.transport.settings import HciSettings
from tests.transport.hci.virtual_air import CUFF, Air, Cuff
from tests.transport.hci.watched import MANIFEST, SOON_S, Watched, soon, watch

LIVE, STORED = gatt("1810", "2a36"), gatt("1810", "2a35")
SECRET, CONTROL, SILENT = gatt("1810", "2a9d"), gatt("1810", "2a52"), gatt("1810", "2a9e")
HIDDEN = "fe4a"


async def test_a_device_is_seen_with_what_it_advertises(air: Air, cuff: Cuff) -> None:
    async with watch(air) as watched:
        seen = await watched.sighting()

        assert seen.address == CUFF
        assert seen.reach is Reach.BLE
        assert (seen.name, seen.services) == ("cuff", {"1810"})
        assert seen.manufacturer_data == {0x020E: b"\1"}
        assert watched.transport.device_id(seen) == f"ble:{CUFF}"


async def test_a_rotating_address_gives_an_id_that_says_so(air: Air) -> None:
    await Cuff(air.link, "7A:FF:EE:00:00:01").advertise()
    async with watch(air) as watched:
        seen = await watched.sighting()

        assert watched.transport.device_id(seen) == "ble-rotating:7A:FF:EE:00:00:01"


async def test_a_device_whose_address_rotates_keeps_its_id_once_it_is_paired(
    air: Air, tmp_path: Path
) -> None:
    cuff = Cuff(air.link, private=True)
    await cuff.advertise()
    ids, addresses = [], set()
    for _ in range(3):
        async with watch(air, tmp_path / "bonds") as watched:
            seen = await watched.sighting()
            ids.append(watched.transport.device_id(seen))
            addresses.add(cuff.device.random_address)
            link = await watched.transport.open(seen, MANIFEST)
            await link.read(SECRET)
            await link.close()
            await cuff.device.stop_advertising()
            await cuff.device.update_rpa()
            await cuff.advertise()

        bonded = watched.transport.is_bonded(ids[0])

    assert len(addresses) == 3
    assert len(set(ids)) == 1
    assert ids[0].startswith("ble-rotating:")
    assert bonded
    assert await watched.transport.forget(ids[0])
    assert not watched.transport.is_bonded(ids[0])


async def test_a_power_cut_right_after_a_bond_is_kept_costs_no_name(
    air: Air, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    put = Bonds.put

    def put_and_cut(bonds: Bonds, address: str, keys: dict[str, Any]) -> None:
        put(bonds, address, keys)
        shutil.copytree(before, after)

    monkeypatch.setattr(Bonds, "put", put_and_cut)
    cuff = Cuff(air.link, private=True)
    await cuff.advertise()
    async with watch(air, before / "bonds") as watched:
        seen = await watched.sighting()
        link = await watched.transport.open(seen, MANIFEST)
        await link.read(SECRET)
        await link.close()
    async with watch(air, after / "bonds") as watched:
        again = await watched.sighting()
        device = watched.transport.device_id(again)
        bonded = watched.transport.is_bonded(device)

    assert again.address == CUFF
    assert (device, bonded) == (f"ble-rotating:{seen.address}", True)


async def test_a_device_that_was_forgotten_is_called_as_it_was_adopted_anew(
    air: Air, tmp_path: Path
) -> None:
    """It may be somebody else's by now, and is theirs under that name."""
    cuff = Cuff(air.link, private=True)
    await cuff.advertise()
    ids = []
    for _ in range(2):
        async with watch(air, tmp_path / "bonds") as watched:
            seen = await watched.sighting()
            ids.append(watched.transport.device_id(seen))
            link = await watched.transport.open(seen, MANIFEST)
            await link.read(SECRET)
            await link.close()
        await cuff.device.stop_advertising()
        await cuff.device.update_rpa()
        await cuff.advertise()
        async with watch(air, tmp_path / "bonds") as watched:
            ids.append(watched.transport.device_id(await watched.sighting()))
            assert await watched.transport.forget(ids[-1])
        cuff.device.keystore.all_keys.clear()

    assert len(set(ids)) == 2
    assert ids[:2] == [ids[0]] * 2
    assert ids[2:] == [ids[2]] * 2


async def test_a_device_whose_address_begins_to_rotate_after_it_was_paired_keeps_its_id(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        await read_secret(watched)
        await cuff.device.stop_advertising()
        cuff.device.le_privacy_enabled = True
        await cuff.advertise()
        seen = await watched.sighting()

        assert cuff.device.random_address != hci.Address(CUFF)
        assert watched.transport.device_id(seen) == f"ble:{CUFF}"


async def test_devices_know_us_by_the_address_that_is_configured(air: Air, cuff: Cuff) -> None:
    settings = HciSettings(url=air.url, address="C4:5A:6B:7C:8D:9E")
    watched = Watched(HciTransport(settings, SystemClock()))
    link = await watched.open()
    connection = await cuff.connections.get()
    await link.close()
    watched.watching.cancel()

    assert str(connection.peer_address) == settings.address


async def test_a_bond_with_a_public_address_is_forgotten_too(air: Air) -> None:
    async with watch(air) as watched:
        watched.transport._bonds.put(f"{CUFF}/P", {})

        assert await watched.transport.forget(DeviceId(f"ble:{CUFF}"))
        assert not watched.transport.is_bonded(DeviceId(f"ble:{CUFF}"))


async def test_a_device_that_is_heard_again_and_again_is_remembered_among_strangers(
    air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.transport.hci.transport.NEIGHBOURS", 2)
    transport = HciTransport(HciSettings(url=air.url), SystemClock())
    for address in (CUFF, "7A:00:00:00:00:01", CUFF, "7A:00:00:00:00:02"):
        transport._remember(Heard(Sighting(address, Reach.BLE), address, rotating=False))

    assert list(transport._heard) == [CUFF, "7A:00:00:00:00:02"]


async def test_a_device_that_claims_to_be_another_that_is_paired_is_refused(
    air: Air, cuff: Cuff
) -> None:
    stranger = Cuff(air.link, private=True)
    stranger.device.irk = bytes(16)
    async with watch(air) as watched:
        await read_secret(watched)
        await cuff.device.stop_advertising()
        await stranger.advertise()
        seen = await watched.sighting()
        link = await watched.transport.open(seen, MANIFEST)
        with pytest.raises(PairingNeeded, match="says that it is another device"):
            await link.read(SECRET)
        await link.close()
        await stranger.device.stop_advertising()
        await cuff.advertise()

        assert watched.transport.device_id(seen) == f"ble-rotating:{seen.address}"
        assert await read_secret(watched) == b"secret"


async def test_a_device_that_claims_to_be_another_that_is_adopted_is_refused(air: Air) -> None:
    """That one has no bond: a scale that is read from what it advertises, a cuff without a code."""
    stranger = Cuff(air.link, private=True)
    await stranger.advertise()
    ours = {DeviceId(f"ble:{CUFF}"): "scale/test"}
    async with watch(air, adopted=ours.get) as watched:
        seen = await watched.sighting()
        link = await watched.transport.open(seen, MANIFEST)
        with pytest.raises(PairingNeeded, match="another device, which is adopted already"):
            await link.read(SECRET)
        await link.close()
        its_own = watched.transport.device_id(seen)
        that_ones = watched.transport.device_id(Sighting(CUFF, Reach.BLE))

    assert its_own == f"ble-rotating:{seen.address}"
    assert that_ones == f"ble:{CUFF}"


async def test_a_device_under_its_own_address_is_taken_for_no_other(air: Air, cuff: Cuff) -> None:
    stranger = Cuff(air.link, "C0:FF:EE:00:00:02")
    async with watch(air) as watched:
        await read_secret(watched)
        await cuff.device.stop_advertising()
        await stranger.advertise()
        stranger.device.static_address = hci.Address(CUFF)
        await read_secret(watched)
        bonded = watched.transport.is_bonded(DeviceId("ble:C0:FF:EE:00:00:02"))
        await stranger.device.stop_advertising()
        await cuff.advertise()

        assert bonded
        assert await read_secret(watched) == b"secret"


async def test_a_device_with_the_address_of_a_paired_one_but_of_another_type_is_not_paired(
    air: Air, cuff: Cuff
) -> None:
    bonds = {"bonds": {f"{CUFF}/P": {}}}
    async with watch(air) as watched:
        watched.transport._bonds._content.update(bonds)
        with pytest.raises(LinkLost, match="encrypting the connection"):
            await watched.open()


async def read_secret(watched: Watched) -> bytes:
    link = await watched.open()
    value: bytes = (await link.read(SECRET)).data
    await link.close()
    return value


async def test_channels_are_read_and_written(air: Air, cuff: Cuff) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        await link.write(CONTROL, b"\1\2")
        await link.write(CONTROL, b"\3", acknowledged=False)
        name = await link.read(gatt("1800", "2a00"))
        await soon(lambda: len(cuff.written) == 2)
        await link.close()

        assert {LIVE, STORED, CONTROL} <= set(link.channels)
        assert name.data == b"cuff"
        assert cuff.written == [b"\1\2", b"\3"]


async def test_notifications_arrive(air: Air, cuff: Cuff) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        inbox = await link.subscribe(LIVE)
        for number in range(3):
            await cuff.notify(bytes([number]))
        frames = [await inbox.get(within=SOON_S) for _ in range(3)]
        await link.close()

        assert [frame.data for frame in frames] == [b"\0", b"\1", b"\2"]


async def test_the_device_may_forget_only_when_the_next_frame_is_asked_for(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        inbox = await link.subscribe(STORED)
        async with asyncio.TaskGroup() as group:
            group.create_task(cuff.indicate(b"record"))
            frame = await inbox.get(within=SOON_S)
            await link.read(gatt("1800", "2a00"))  # round trips in which a confirmation would show
            await link.read(gatt("1800", "2a00"))
            while_unsafe = cuff.confirmed
            with pytest.raises(LinkTimeout):
                await inbox.get(within=0.01)
            await soon(lambda: cuff.confirmed == 1)
        await link.close()

        assert (frame.data, while_unsafe) == (b"record", 0)


async def test_records_follow_each_other_as_fast_as_they_are_taken(air: Air, cuff: Cuff) -> None:
    async def send_all() -> None:
        for number in range(20):
            await cuff.indicate(bytes([number]))

    async with watch(air) as watched:
        link = await watched.open()
        inbox = await link.subscribe(STORED)
        async with asyncio.TaskGroup() as group:
            group.create_task(send_all())
            taken = [(await inbox.get(within=SOON_S)).data for _ in range(20)]
            await link.write(CONTROL, b"done")
        await link.close()

        assert taken == [bytes([number]) for number in range(20)]
        assert cuff.confirmed == 20


async def test_services_that_change_while_a_record_is_awaited_do_not_hold_it_up(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        inbox = await link.subscribe(STORED)
        waiting = asyncio.ensure_future(inbox.get(within=SOON_S))
        await asyncio.sleep(0)
        await cuff.changes_its_services()
        async with asyncio.TaskGroup() as group:
            group.create_task(cuff.indicate(b"record"))
            frame = await waiting
            await link.write(CONTROL, b"done")
        await link.close()

        assert frame.data == b"record"


async def test_an_error_of_the_device_comes_with_its_code(air: Air, cuff: Cuff) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        with pytest.raises(LinkRefused) as refusal:
            await link.read(CONTROL)
        await link.close()

        assert refusal.value.code == 0xFE


@pytest.mark.conformance("GLP/COL/GLF/BV-14", "R-WSP-6")
async def test_an_encrypted_value_is_paired_for_and_the_bond_is_used_after_a_restart(
    air: Air, cuff: Cuff, tmp_path: Path
) -> None:
    pairings: list[object] = []
    cuff.device.on("pairing_start", pairings.append)
    values = []
    for _ in range(2):
        async with watch(air, tmp_path / "bonds") as watched:
            link = await watched.open()
            values.append((await link.read(SECRET)).data)
            await link.close()

    assert values == [b"secret", b"secret"]
    assert len(pairings) == 1


async def test_a_device_that_forgot_its_bond_needs_a_person_and_is_paired_anew_after_forgetting(
    air: Air, cuff: Cuff, tmp_path: Path
) -> None:
    async with watch(air, tmp_path / "bonds") as watched:
        link = await watched.open()
        await link.read(SECRET)
        await link.close()
        device = watched.transport.device_id(await watched.sighting())
        bonded = watched.transport.is_bonded(device)
        cuff.device.keystore.all_keys.clear()
        with pytest.raises(PairingNeeded, match="forget it and pair it again"):
            await watched.open()
        known = await watched.transport.forget(device)
        still_bonded = watched.transport.is_bonded(device)
        link = await watched.open()
        value = await link.read(SECRET)
        await link.close()

        assert (bonded, known, still_bonded) == (True, True, False)
        assert value.data == b"secret"


async def test_a_device_that_is_to_be_bonded_first_is_paired_once_and_before_anything_else(
    air: Air, cuff: Cuff, tmp_path: Path
) -> None:
    pairings: list[object] = []
    cuff.device.on("pairing_start", pairings.append)
    first = replace(MANIFEST, bonds_first=frozenset({"1810"}))
    for _ in range(2):
        async with watch(air, tmp_path / "bonds") as watched:
            link = await watched.transport.open(await watched.sighting(), first)
            await link.close()
            assert len(pairings) == 1


async def test_a_service_that_only_a_bonded_partner_sees_is_found(air: Air, cuff: Cuff) -> None:
    shy = replace(MANIFEST, services=frozenset({HIDDEN}), bonds_first=frozenset({HIDDEN}))
    cuff.shows_once_bonded(HIDDEN)
    async with watch(air) as watched:
        seen = await watched.sighting()
        seen = replace(seen, services=frozenset({*seen.services, HIDDEN}))
        link = await watched.transport.open(seen, shy)
        await link.close()

    assert gatt(HIDDEN, "2a9d") in link.channels


async def test_a_device_that_refuses_to_pair_needs_a_person(air: Air, cuff: Cuff) -> None:
    class Unwilling:
        async def __call__(self) -> bool:
            return False

    def refuse(_connection: Any) -> Any:
        from bumble.pairing import PairingConfig, PairingDelegate

        delegate = PairingDelegate()
        delegate.accept = Unwilling()
        return PairingConfig(delegate=delegate)

    cuff.device.pairing_config_factory = refuse
    async with watch(air) as watched:
        link = await watched.open()
        with pytest.raises(PairingNeeded, match="pairing mode"):
            await link.read(SECRET)
        await link.close()


async def test_a_device_that_asks_to_be_paired_is_paired_once(
    air: Air, cuff: Cuff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []

    def ask(connection: Any) -> None:
        connection.request_pairing()
        connection.on("pairing", sent.append)

    cuff.device.on("connection", ask)
    slow = durable.write
    monkeypatch.setattr(durable, "write", lambda *what: (time.sleep(0.05), slow(*what)))
    for _ in range(2):  # the second time it is bonded, and encrypted without being asked
        async with watch(air, tmp_path / "bonds") as watched:
            link = await watched.open()
            await soon(lambda: sent)
            assert (await link.read(SECRET)).data == b"secret"
            await link.close()

    assert len(sent) == 1


async def test_a_bond_that_cannot_be_written_down_is_told(
    air: Air, cuff: Cuff, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    async with watch(air, state / "bonds") as watched:
        link = await watched.open()
        shutil.rmtree(state)
        with pytest.raises(ConfigError, match="cannot be kept"):
            await link.read(SECRET)
        await link.close()


async def test_the_late_answer_to_a_read_that_was_given_up_is_not_taken_for_another(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        reading = asyncio.ensure_future(link.read(SILENT))
        await asyncio.wait({reading}, timeout=0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        cuff.never.set()
        with pytest.raises(LinkLost, match="unanswered"):
            await link.read(gatt("1800", "2a00"))
        await link.close()


async def test_a_device_that_goes_away_ends_every_wait(air: Air, cuff: Cuff) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        live, stored = await link.subscribe(LIVE), await link.subscribe(STORED)
        waits = [
            asyncio.ensure_future(wait)
            for wait in (live.get(within=60), stored.get(within=60), link.read(SILENT))
        ]
        await asyncio.wait(waits, timeout=0.05)
        await (await cuff.connections.get()).disconnect()
        async with asyncio.timeout(SOON_S):
            ends = await asyncio.gather(*waits, return_exceptions=True)
        await link.close()

        assert [type(end) for end in ends] == [LinkLost] * 3
        with pytest.raises(LinkLost):
            await link.read(CONTROL)


async def test_an_unanswered_read_times_out(air: Air, cuff: Cuff) -> None:
    async with watch(air, read=0.05) as watched:
        link = await watched.open()
        with pytest.raises(LinkTimeout):
            await link.read(SILENT)
        await link.close()
        cuff.never.set()

        assert await watched.sighting()  # it was disconnected, and advertises again


async def test_a_device_that_is_out_of_reach_does_not_keep_others_from_connecting(
    air: Air, cuff: Cuff
) -> None:
    other = Cuff(air.link, "C0:FF:EE:00:00:02")
    async with watch(air, connect=0.3) as watched:
        gone = await watched.sighting()
        await cuff.device.stop_advertising()
        await other.advertise()
        with pytest.raises(LinkTimeout, match="connecting"):
            await watched.transport.open(gone, MANIFEST)
        link = await watched.open()
        await link.close()

        assert LIVE in link.channels


async def test_two_devices_are_connected_at_the_same_time(air: Air, cuff: Cuff) -> None:
    other = Cuff(air.link, "C0:FF:EE:00:00:02")
    await other.advertise()
    async with watch(air) as watched:
        seen: dict[str, Sighting] = {}
        while len(seen) < 2:
            sighting = await watched.next()
            seen[sighting.address] = sighting
        links = await asyncio.gather(
            *(watched.transport.open(sighting, MANIFEST) for sighting in seen.values())
        )
        names = [(await link.read(gatt("1800", "2a00"))).data for link in links]
        for link in links:
            await link.close()

        assert names == [b"cuff", b"cuff"]


async def test_a_controller_that_goes_away_is_noticed_and_one_that_comes_back_is_used(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        seen = await watched.sighting()
        link = await watched.transport.open(seen, MANIFEST)
        inbox = await link.subscribe(LIVE)
        waiting = asyncio.ensure_future(inbox.get(within=60))
        await air.unplug()
        with pytest.raises(RadioUnavailable, match="is gone") as trouble:
            await asyncio.wait_for(watched.watching, SOON_S)
        with pytest.raises(LinkLost, match="so did its controller"):
            await waiting
        with pytest.raises(RadioUnavailable):
            await watched.transport.open(seen, MANIFEST)
        await link.close()
        await air.plug_in()
        again = Watched(watched.transport)
        link = await again.open()
        await link.close()
        again.watching.cancel()

        assert trouble.value.reason is RadioTrouble.NO_ADAPTER
        assert LIVE in link.channels


async def test_closing_the_radio_ends_what_is_still_connected(air: Air, cuff: Cuff) -> None:
    async with watch(air) as watched:
        await watched.open()
        connection = await cuff.connections.get()
        ended = asyncio.Event()
        connection.on("disconnection", lambda _reason: ended.set())

    await asyncio.wait_for(ended.wait(), SOON_S)


async def test_connections_and_failures_leave_nothing_behind(air: Air, cuff: Cuff) -> None:
    async with watch(air, connect=0.3) as watched:
        left = []
        for _ in range(4):
            await connect_in_every_way(watched, cuff)
            await soon(lambda: not watched.transport._radio._connecting._leaving)
            gc.collect()
            known = sum(isinstance(each, BumblePeer) for each in gc.get_objects())
            left.append((len(list(Path("/proc/self/fd").iterdir())), known, asyncio.all_tasks()))

    descriptors, peers, tasks = zip(*left[1:], strict=True)
    assert set(descriptors) == {descriptors[0]}
    assert set(peers) <= {0, 1}
    assert max(map(len, tasks)) - min(map(len, tasks)) <= 2  # what the cuff is at


async def connect_in_every_way(watched: Watched, cuff: Cuff) -> None:
    """To its end, broken off by the device, with a read that is given up, and to nobody."""
    link = await watched.open()
    await link.read(SECRET)
    await link.close()
    link = await watched.open()
    while not cuff.connections.empty():
        connection = cuff.connections.get_nowait()
    await connection.disconnect()
    await link.close()
    link = await watched.open()
    reading = asyncio.ensure_future(link.read(SILENT))
    await asyncio.wait({reading}, timeout=0.01)
    reading.cancel()
    await asyncio.wait({reading})
    await link.close()
    cuff.never.set()
    cuff.never.clear()
    gone = await watched.sighting()
    await cuff.device.stop_advertising()
    with pytest.raises(LinkTimeout):
        await watched.transport.open(gone, MANIFEST)
    await cuff.advertise()


async def test_without_a_controller_the_radio_is_unavailable() -> None:
    transport = HciTransport(HciSettings(url="tcp-client:127.0.0.1:1"), SystemClock())

    with pytest.raises(RadioUnavailable, match="no Bluetooth controller") as trouble:
        await transport.watch(lambda _: None)
    assert trouble.value.reason is RadioTrouble.NO_ADAPTER


async def test_what_was_never_seen_cannot_be_opened(air: Air) -> None:
    async with watch(air) as watched:
        await soon(lambda: watched.transport._radio)
        with pytest.raises(LinkLost, match="not been seen"):
            await watched.transport.open(Sighting(CUFF, Reach.BLE), MANIFEST)


async def test_without_bumble_the_operator_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "gateway.transport.hci.radio", raising=False)
    monkeypatch.setitem(sys.modules, "bumble", None)
    transport = HciTransport(HciSettings(url="usb:0"), SystemClock())

    with pytest.raises(RadioUnavailable, match=r"install healthspace-gateway\[hci\]"):
        await transport.watch(lambda _: None)


@pytest.mark.parametrize(
    "given", [{"url": "hci0"}, {"url": "usb:0", "address": "02:00:00:00:00:01"}]
)
def test_settings_that_cannot_work_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        HciSettings.model_validate(given)
