from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.device import Device, DeviceId
from gateway.domain.identity import ReadingId, identity
from gateway.drivers.api import HID, SERIAL, Channel, Manifest, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.omron_hbp import DRIVER as OMRON_HBP
from gateway.errors import ConfigError, LinkLost, LinkRefused, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from gateway.transport.api import OpenLink
from gateway.transport.capture import CaptureWriter
from gateway.transport.hid_link import HidLink
from gateway.transport.replay import ReplayTransport
from gateway.transport.settings import ReplaySettings

MANIFEST = Manifest("test/cuff", "A cuff", Reach.BLE, frozenset(), spec="none", models=())
DEVICE = Device(id=DeviceId("ble:C0:FF:EE:00:00:01"), driver="test/cuff", name="cuff")
FEATURE = gatt("1810", "2a49")
MEASUREMENT = gatt("1810", "2a35")
CONTROL = gatt("1808", "2a52")


def capture(tmp_path: Path, *passed: tuple[str, Channel, str]) -> Path:
    path = tmp_path / "cuff.jsonl"
    lines: list[object] = [{"device": DEVICE.model_dump(mode="json"), "driver": "test/cuff"}]
    for second, (direction, channel, data) in enumerate(passed):
        at = f"2026-03-01T08:00:{second:02}+00:00"
        lines.append({"at": at, "dir": direction, "channel": channel, "hex": data})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


async def played(path: Path) -> OpenLink:
    transport = ReplayTransport(ReplaySettings(file=path))
    return await transport.open(Sighting("any", Reach.BLE), MANIFEST)


async def test_frames_come_in_their_order_received_when_they_were(tmp_path: Path) -> None:
    link = await played(
        capture(tmp_path, ("in", SERIAL, "01"), ("in", SERIAL, "02"), ("in", SERIAL, "03"))
    )
    inbox = await link.subscribe(SERIAL)

    frames = [await inbox.get(within=1) for _ in range(3)]

    assert [frame.data for frame in frames] == [b"\x01", b"\x02", b"\x03"]
    assert frames[2].received.utc == datetime(2026, 3, 1, 8, 0, 2, tzinfo=UTC)
    assert frames[2].received.monotonic - frames[0].received.monotonic == 2
    with pytest.raises(LinkLost, match="at its end"):
        await inbox.get(within=1)


async def test_reads_are_answered_from_the_capture_and_the_last_value_stays(
    tmp_path: Path,
) -> None:
    link = await played(capture(tmp_path, ("read", FEATURE, "0a"), ("read", FEATURE, "0b")))

    values = [(await link.read(FEATURE)).data for _ in range(3)]

    assert values == [b"\x0a", b"\x0b", b"\x0b"]
    with pytest.raises(LinkRefused):
        await link.read(MEASUREMENT)


async def test_an_answer_waits_for_its_question_but_not_for_ever(tmp_path: Path) -> None:
    link = await played(
        capture(
            tmp_path,
            ("in", SERIAL, "aa"),
            ("out", SERIAL, "01"),
            ("in", SERIAL, "bb"),
            ("out", SERIAL, "02"),
            ("in", SERIAL, "cc"),
        )
    )
    inbox = await link.subscribe(SERIAL)
    drained = (await inbox.get(within=0)).data

    with pytest.raises(LinkTimeout):
        await inbox.get(within=0)
    await link.write(SERIAL, b"\x09")
    answer = (await inbox.get(within=1)).data
    with pytest.raises(LinkTimeout):
        await inbox.get(within=1)
    insisted = (await inbox.get(within=1)).data

    assert (drained, answer, insisted) == (b"\xaa", b"\xbb", b"\xcc")


async def test_a_silent_channel_times_out_while_another_has_something_to_say(
    tmp_path: Path,
) -> None:
    link = await played(capture(tmp_path, ("in", MEASUREMENT, "01"), ("out", CONTROL, "01")))
    silent = await link.subscribe(CONTROL)
    await link.subscribe(MEASUREMENT)

    with pytest.raises(LinkTimeout):
        await silent.get(within=1)

    assert set(link.channels) == {MEASUREMENT, CONTROL}


async def test_a_closed_replay_is_lost(tmp_path: Path) -> None:
    link = await played(capture(tmp_path, ("read", FEATURE, "0a")))

    await link.close()

    with pytest.raises(LinkLost):
        await link.read(FEATURE)


async def test_the_device_keeps_its_id_and_its_driver(tmp_path: Path) -> None:
    transport = ReplayTransport(ReplaySettings(file=capture(tmp_path, ("in", SERIAL, "01"))))
    seen: list[Sighting] = []

    watching = asyncio.create_task(transport.watch(seen.append))
    await asyncio.sleep(0)
    watching.cancel()

    assert seen == [Sighting(DEVICE.id, Reach.SERIAL, name="cuff", driver="test/cuff")]
    assert transport.device_id(seen[0]) == DEVICE.id
    assert transport.name == "replay:cuff.jsonl"


@pytest.mark.parametrize(
    ("channel", "reach"),
    [
        (SERIAL, Reach.SERIAL),
        (HID, Reach.HID),
        (MEASUREMENT, Reach.BLE),
        (Channel("advertisement/181d"), Reach.ADVERTISEMENT),
    ],
)
async def test_the_channels_say_how_the_device_is_reached(
    tmp_path: Path, channel: Channel, reach: Reach
) -> None:
    transport = ReplayTransport(ReplaySettings(file=capture(tmp_path, ("in", channel, "01"))))
    seen: list[Sighting] = []

    watching = asyncio.create_task(transport.watch(seen.append))
    await asyncio.sleep(0)
    watching.cancel()

    assert seen[0].reach is reach


async def test_once_played_it_is_offered_no_more(tmp_path: Path) -> None:
    paused = 0

    async def pause(seconds: float) -> None:
        nonlocal paused
        paused += 1
        await transport.open(seen[0], MANIFEST)

    transport = ReplayTransport(ReplaySettings(file=capture(tmp_path, ("in", SERIAL, "01"))), pause)
    seen: list[Sighting] = []

    watching = asyncio.create_task(transport.watch(seen.append))
    for _ in range(5):
        await asyncio.sleep(0)
    watching.cancel()

    assert (len(seen), paused) == (1, 1)


async def test_what_passed_over_a_link_is_written_down_and_plays_the_same(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new.jsonl"
    clock = ManualClock()
    device = ScriptedLink(
        values={FEATURE: b"\x07"},
        answers={CONTROL: lambda data: [(MEASUREMENT, b"\x10" + data)]},
        clock=clock,
    )
    original = await talk(CaptureWriter(device, DEVICE, path, clock))

    replayed = await talk(await played(path))

    assert replayed == original == [b"\x07", b"\x10\x01\x01"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


SOON = 5.0  # s


async def test_reports_are_written_down_one_by_one_and_play_the_same(tmp_path: Path) -> None:
    path = tmp_path / "meter.jsonl"
    told = [b"\x60\x3e" + bytes([number]) * 62 for number in range(3)]
    host, firmware = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host.setblocking(False)
    clock = ManualClock()
    meter = HidLink(host.detach(), "hid:meter", clock, hidraw=False)

    async def ask(link: OpenLink) -> list[bytes]:
        inbox = await link.subscribe(HID)
        await link.write(HID, b"\x21\x04$sn?")
        reports = [(await inbox.get(within=SOON)).data for _ in told]
        await link.close()
        return reports

    with firmware:
        for report in told:
            firmware.send(report)
        live = await ask(CaptureWriter(meter, DEVICE, path, clock))

    assert live == told
    assert await ask(await played(path)) == told


async def test_a_conversation_replayed_twice_gives_the_same_identities(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.jsonl"
    line = b"2026,07,11,09,05,                    ,0,120,080,072,0\r\n"
    clock = ManualClock()
    device = ScriptedLink(pending=[(SERIAL, line[:30]), (SERIAL, line[30:])], then=LinkLost)
    kiosk = Device(id=DeviceId("serial:kiosk"), driver=OMRON_HBP.manifest.name)

    live = await listened_to(CaptureWriter(device, kiosk, path, clock), kiosk)
    replays = [await listened_to(await played(path), kiosk) for _ in range(2)]

    assert len(live) == 2
    assert replays == [live, live]


async def listened_to(link: OpenLink, device: Device) -> list[ReadingId]:
    session = RecordingSession(driver=OMRON_HBP, link=link, device=device)
    with pytest.raises(LinkLost):
        await OMRON_HBP.converse(session)
    await link.close()
    return [identity(reading) for reading in session.readings]


async def test_a_second_session_is_appended_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    for _ in range(2):
        clock = ManualClock()
        device = ScriptedLink(pending=[(SERIAL, b"\x01")], clock=clock)
        link = CaptureWriter(device, DEVICE, path, clock)
        await (await link.subscribe(SERIAL)).get(within=1)
        await link.close()

    link_again = await played(path)
    inbox = await link_again.subscribe(SERIAL)

    assert [(await inbox.get(within=1)).data for _ in range(2)] == [b"\x01"] * 2


async def test_a_full_disk_ends_the_capture_and_not_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "capture.jsonl"
    link = ScriptedLink({FEATURE: b"\x01"}, pending=[(MEASUREMENT, b"one"), (MEASUREMENT, b"two")])
    writer = CaptureWriter(link, DEVICE, path, ManualClock())
    inbox = await writer.subscribe(MEASUREMENT)
    first = await inbox.get(within=1)
    before = path.read_text()
    write = os.write

    def is_full(descriptor: int, data: bytes) -> int:
        write(descriptor, data[:7])  # a part of a line still had room
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "write", is_full)
    heard = [first.data, (await inbox.get(within=1)).data]
    monkeypatch.undo()
    await writer.read(FEATURE)
    await writer.close()

    assert heard == [b"one", b"two"]
    assert path.read_text() == before


async def talk(link: OpenLink) -> list[bytes]:
    feature = await link.read(FEATURE)
    inbox = await link.subscribe(MEASUREMENT)
    await link.write(CONTROL, b"\x01\x01")
    frame = await inbox.get(within=1)
    assert FEATURE in link.channels
    await link.close()
    return [feature.data, frame.data]


def test_a_line_cut_off_by_a_power_cut_is_left_out(tmp_path: Path) -> None:
    path = capture(tmp_path, ("in", SERIAL, "01"))
    with path.open("a") as file:
        file.write('{"at": "2026-03-01T08:0')

    assert ReplayTransport(ReplaySettings(file=path)).name == "replay:cuff.jsonl"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ('{"driver": "x"}\n', "line 1: device: Field required"),
        ('{"at": "now"}\n', "line 1"),
    ],
)
def test_a_file_that_is_no_capture_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)

    with pytest.raises(ConfigError, match=complaint):
        ReplayTransport(ReplaySettings(file=path))


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = capture(tmp_path, ("in", SERIAL, "01"), ("in", SERIAL, "0"))

    with pytest.raises(ConfigError, match=r"line 3: hex: .*capture-format"):
        ReplayTransport(ReplaySettings(file=path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        ReplayTransport(ReplaySettings(file=tmp_path / "none.jsonl"))
