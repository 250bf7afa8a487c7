"""What sysfs has of HID devices: those that a driver knows, and not a look at any other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import Reach
from gateway.errors import RadioUnavailable
from gateway.transport.hidraw import hid_devices, open_hidraw, usb_id

USB, BLUETOOTH = 3, 5
METER = (0x1A61, 0x3650)
KEYBOARD, MOUSE = (0x046D, 0xC31C), (0x046D, 0xC077)


@dataclass(frozen=True)
class Sysfs:
    """A folder like /sys, as Linux 6.1 fills it for HID devices (tests/hidraw asks a real one)."""

    folder: Path

    @property
    def listing(self) -> Path:
        return self.folder / "class" / "hidraw"

    def plug(
        self,
        number: int,
        usb: tuple[int, int],
        uniq: str = "",
        name: str = "A thing",
        bus: int = USB,
        parent: str = "usb1/1-1/1-1.3/1-1.3:1.0",
    ) -> Path:
        """Add a device; returns its folder."""
        vendor, product = usb
        bus_device = f"{bus:04X}:{vendor:04X}:{product:04X}.{number + 1:04X}"
        device = self.folder / "devices" / parent / bus_device
        node = device / "hidraw" / f"hidraw{number}"
        node.mkdir(parents=True)
        (node / "device").symlink_to(Path("..", "..", "..", bus_device))
        (device / "uevent").write_text(
            "DRIVER=hid-generic\n"
            f"HID_ID={bus:04X}:{vendor:08X}:{product:08X}\n"
            f"HID_NAME={name}\n"
            "HID_PHYS=usb-0000:00:14.0-1.3/input0\n"
            f"HID_UNIQ={uniq}\n",
            encoding="utf-8",
        )
        self.listing.mkdir(parents=True, exist_ok=True)
        (self.listing / node.name).symlink_to(node)
        return device


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def test_a_known_device_is_listed_with_what_it_says_of_itself(sysfs: Sysfs) -> None:
    sysfs.plug(4, METER, uniq="JGGA001-A0001", name="ABBOTT Meter")

    (device,) = hid_devices({METER}, sysfs.listing)

    assert (device.path, device.usb, device.reach) == ("/dev/hidraw4", METER, Reach.HID)
    assert (device.serial, device.product) == ("JGGA001-A0001", "ABBOTT Meter")
    assert (device.socket, device.plugging) == ("1-1.3", "0003:1A61:3650.0005")


def test_a_device_that_says_nothing_is_known_by_its_socket(sysfs: Sysfs) -> None:
    sysfs.plug(0, METER, name="")

    (device,) = hid_devices({METER}, sysfs.listing)

    assert (device.serial, device.product, device.socket) == (None, None, "1-1.3")


def test_a_device_that_is_on_no_socket_is_known_by_its_node(sysfs: Sysfs) -> None:
    sysfs.plug(2, METER, parent="virtual/misc/uhid")

    (device,) = hid_devices({METER}, sysfs.listing)

    assert device.socket == "hidraw2"


def test_nothing_of_a_keyboard_is_read(sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard, mouse = sysfs.plug(0, KEYBOARD, parent="a"), sysfs.plug(1, MOUSE, parent="b")
    meter = sysfs.plug(2, METER, parent="c")
    read: list[Path] = []
    really = Path.read_text

    def noting(path: Path, *args: str, **named: str) -> str:
        read.append(path.parent)
        return really(path, *args, **named)

    monkeypatch.setattr(Path, "read_text", noting)

    listed = hid_devices({METER}, sysfs.listing)

    assert [device.path for device in listed] == ["/dev/hidraw2"]
    assert read == [meter]
    assert not {keyboard, mouse} & set(read)


def test_the_same_numbers_on_another_bus_are_another_device(sysfs: Sysfs) -> None:
    sysfs.plug(0, METER, bus=BLUETOOTH)

    assert usb_id("hidraw0", sysfs.listing) is None
    assert hid_devices({METER}, sysfs.listing) == []


IDS = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))


@given(there=st.lists(IDS, max_size=8), known=st.sets(IDS, max_size=8), data=st.data())
def test_whatever_is_plugged_in_only_what_is_known_is_listed(
    there: list[tuple[int, int]],
    known: set[tuple[int, int]],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    sysfs = Sysfs(tmp_path_factory.mktemp("sys"))
    ours = data.draw(st.sets(st.sampled_from(there))) if there else set()
    for number, usb in enumerate(there):
        sysfs.plug(number, usb)

    listed = hid_devices(known | ours, sysfs.listing)

    expected = [f"/dev/hidraw{n}" for n, usb in enumerate(there) if usb in known | ours]
    assert [device.path for device in listed] == expected
    assert all(device.usb in known | ours for device in listed)


def test_a_device_that_is_pulled_out_meanwhile_says_nothing(sysfs: Sysfs) -> None:
    device = sysfs.plug(0, METER, uniq="JGGA001-A0001")
    (device / "uevent").unlink()

    (listed,) = hid_devices({METER}, sysfs.listing)

    assert (listed.serial, listed.product) == (None, None)


@pytest.mark.parametrize("known", [{METER}, set()])
def test_a_machine_without_hid_devices_lists_none(
    known: set[tuple[int, int]], tmp_path: Path
) -> None:
    assert hid_devices(known, tmp_path / "hidraw") == []
    assert usb_id("hidraw0", tmp_path / "hidraw") is None


def test_a_file_that_only_has_the_name_of_a_device_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidraw0").touch()
    monkeypatch.setattr("gateway.transport.hidraw.usb_id", lambda name: METER)
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(OSError, match="ioctl"):
        open_hidraw(str(tmp_path / "hidraw0"), {METER})

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_turns_out_to_be_a_keyboard_is_closed_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidraw0").touch()
    monkeypatch.setattr("gateway.transport.hidraw.usb_id", lambda name: METER)
    monkeypatch.setattr("fcntl.ioctl", lambda *_: bytes.fromhex("03000000 6d04 1cc3"))
    monkeypatch.setattr("os.read", lambda *_: pytest.fail("it was read"))
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(RadioUnavailable, match="left alone"):
        open_hidraw(str(tmp_path / "hidraw0"), {METER})

    assert len(list(Path("/proc/self/fd").iterdir())) == before
