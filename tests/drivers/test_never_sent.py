"""Nothing that decides over a therapy, or destroys what a device keeps, is ever sent to it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gateway.drivers import and_medical
from gateway.drivers.api import HID, Channel, gatt
from gateway.drivers.bp_monitor.taidoc_ble.session import PIPE as TAIDOC
from gateway.drivers.freestyle_text import request
from gateway.drivers.never_sent import refuse_forbidden
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.specimen import Specimen, SpecimenLink, Trouble
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import Characteristic, Deadlines, GattLink
from tests.conformance.specimens import specimens
from tests.transport.test_gatt_link import TablePeer

GATEWAY = Path(__file__).parents[2] / "gateway"
SENSOR, START = gatt("181f", "2aac"), gatt("181f", "2aaa")
RACP, OMRON_RACP = gatt("1808", "2a52"), gatt("5df5e817-a945-4f81-89c0-3d4e9759c07c", "2a52")
SANITAS = gatt("ffe0", "ffe1")
MICROLIFE = gatt("fff0", "fff2")
ONETOUCH = gatt("af9df7a1-e595-11e3-96b4-0002a5d5c51b", "af9df7a2-e595-11e3-96b4-0002a5d5c51b")
USERS, BONDS = gatt("181c", "2a9f"), gatt("181e", "2aa4")

FORBIDDEN = [
    *((SENSOR, f"{op:02x}") for op in range(0x01, 0x1D)),  # set and get alike
    (START, "ea07 03 0e 0a 19 00 04 00"),
    *((racp, octets) for racp in (RACP, OMRON_RACP) for octets in ("0201", "020101 0500")),
    (USERS, "03"),
    (USERS, "05 ff"),
    (BONDS, "03"),
    (BONDS, "06"),
    (and_medical.CUSTOM, "02 01 10"),
    (and_medical.CUSTOM, "02 01 12"),
    *(
        (SANITAS, f"{start} {op}" + " 00" * 8)
        for start in ("e7", "f7")
        for op in ("32", "43", "49")
    ),
    (TAIDOC, "51 52 00000000 a3 46"),
    *(
        (channel, octets)
        for channel in (gatt("ffe0", "ffe3"), gatt("ffe0", "ffe4"), MICROLIFE)
        for octets in ("22 04 15 3b", "22 06 ff 00 01 28", "a0 0d 02 01 ffee 00 2b 06a4 03 02 77")
    ),
    (MICROLIFE, "4dff0003 03 01 52"),
    (MICROLIFE, "4dff0017 06 01" + " 41" * 14),  # the first part of a longer one
    (MICROLIFE, "4dff0002 08 56"),
    (MICROLIFE, "4dff0008 0a 010203040506 6e"),
    *(
        (ONETOUCH, f"{pieces} 02{octets}00 {prefix} {asked}")
        for prefix in ("03", "04", "05")
        for pieces, octets, asked in (
            ("01", "08", "1a 03 0000"),
            ("01", "0e", "0a 01 0a b4000000 03 0000"),
            ("02", "18", "11 5ac6276f1c1cf23f83e87f13c60c"),
        )
    ),
    *(
        (HID, request(kind, text).hex())
        for kind in (0x21, 0x60)
        for text in (b"$resetpatient", b"$swreset", b"$time,12,30", b"$ptname,X", b"$a,1?", b"$")
    ),
    *(
        (HID, (start + bytes((len(said),)) + said).ljust(64, b"\0").hex())
        for start in (b"ABC", bytes(3))
        for said in (b"\x05", b"W|", b"D|", b"260314|\r", b"\x06\x05", b"X")
    ),
]
ALLOWED = [
    *((RACP, octets) for octets in ("0101", "0103010500", "0401", "0300")),
    (USERS, "02 01 a80e"),
    (USERS, "01 a80e"),
    (and_medical.CUSTOM, "02 01 03"),
    (and_medical.CUSTOM, "08 01 01 1a 03 0e 0a 19 00"),
    (gatt("1805", "2a2b"), "ea07 03 0e 0a 19 00 06 00 01"),
    *((SANITAS, octets) for octets in ("e601", "e733", "e7410000000000000065", "e7f1430201", "")),
    *(
        (ONETOUCH, octets)
        for octets in (
            "81",
            "01 020900 03 20 02 03 0000",
            "01 020a00 03 0a 02 06 03 0000",
            "01 020d00 03 20 01 e2240b22 03 0000",
            "",
        )
    ),
    (MICROLIFE, "a0 0d 02 fe ffee 00 00 0000 00 02 9c"),
    (gatt("ffe0", "ffe3"), "13 09 15 01 10 000000 42"),
    (SANITAS, "a7 43"),  # another device behind the same serial module
    *((MICROLIFE, octets) for octets in ("4dff00020553", "4dff00020452", "4dff", "0103030303")),
    *((HID, request(kind, b"$history?").hex()) for kind in (0x21, 0x60)),
    *((HID, octets) for octets in ("01" + "00" * 63, "60", "6001", "60 02 41 42", "")),
    *((HID, f"{start} 01 {said}") for start in ("414243", "000000") for said in ("04", "06", "15")),
    (HID, "414243"),
    (RACP, ""),
    (USERS, ""),
]


def ids(case: object) -> str:
    return case.replace(" ", "") if isinstance(case, str) else ""


@pytest.mark.conformance("R-CGMP-D8", "R-CGMP-D9", "R-CGMP-O6", "R-UDS-2")
@pytest.mark.parametrize(("channel", "octets"), FORBIDDEN, ids=ids)
async def test_a_link_refuses_it_before_a_byte_is_sent(channel: Channel, octets: str) -> None:
    peer = TablePeer()
    offered = [Characteristic(channel, 1, notifies=False, indicates=True)]
    link = GattLink(peer, Arrivals(ManualClock()), offered, ManualClock(), Deadlines())

    with pytest.raises(ValueError, match="no driver may write this"):
        await link.write(channel, bytes.fromhex(octets))

    assert peer.done == []


@pytest.mark.parametrize(("channel", "octets"), FORBIDDEN, ids=ids)
async def test_the_links_for_authors_of_drivers_refuse_it_too(
    channel: Channel, octets: str
) -> None:
    scripted = ScriptedLink({channel: b""})
    specimen = Specimen(next(iter(specimens().values()))[0].driver, (), values={channel: b""})
    for link in (scripted, SpecimenLink(specimen, ManualClock(), Trouble())):
        with pytest.raises(ValueError, match="no driver may write this"):
            await link.write(channel, bytes.fromhex(octets))

    assert scripted.written == []


@pytest.mark.parametrize(("channel", "octets"), ALLOWED, ids=ids)
def test_what_drivers_need_is_not_refused(channel: Channel, octets: str) -> None:
    refuse_forbidden(channel, bytes.fromhex(octets))


def test_what_would_write_it_is_used_by_nothing() -> None:
    """The codec can write these bytes, for tools in the hands of a person; the gateway has none."""
    writers = {"control_point.encode", "session_start_octets", "codec.session_start_octets"}
    used = {
        f"{path.relative_to(GATEWAY)}: {ast.unparse(node.func)}"
        for path in GATEWAY.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in writers
    }

    assert used == set()
