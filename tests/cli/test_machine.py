"""What `doctor` says of a port that cannot be opened: one sentence, with the remedy."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from firmware_sims.port import Port

from gateway.cli.machine import cables, port_problem
from gateway.cli.port_names import lasting
from gateway.config import parse

NOBODY = 65534


@pytest.fixture
def port() -> Iterator[Path]:
    """A pty under a name of its own, seen by somebody who is neither root nor its owner."""
    with TemporaryDirectory(prefix="gateway-") as folder, Port(Path(folder) / "cuff") as plugged:
        Path(folder).chmod(0o755)
        os.chown(plugged.link, 0, 20)
        before = os.geteuid()
        groups = os.getgroups()
        os.setgroups([])
        os.seteuid(NOBODY)
        try:
            yield plugged.link
        finally:
            os.seteuid(before)
            os.setgroups(groups)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@needs_root
def test_a_port_of_a_group_one_is_not_in_names_the_group_and_the_command(port: Path) -> None:
    mode(port, 0o660)

    assert port_problem(port) == (
        f"{port} may not be opened by nobody: run 'sudo usermod -aG dialout nobody' and start the"
        " gateway again."
    )


@needs_root
def test_a_port_that_is_closed_to_its_group_names_the_rules(port: Path) -> None:
    mode(port, 0)

    assert port_problem(port) == (
        f"{port} is closed to its group dialout too: install the udev rules of deploy/ and plug the"
        " device in again."
    )


@needs_root
def test_a_port_that_may_be_opened_is_no_problem(port: Path) -> None:
    mode(port, 0o666)

    assert port_problem(port) is None


def test_a_port_that_is_not_there_is_to_be_plugged_in(tmp_path: Path) -> None:
    assert port_problem(tmp_path / "cuff") == (
        f"{tmp_path / 'cuff'} is not there: plug the device in, or correct the port's path."
    )


def test_two_cables_that_may_change_places_are_to_be_named_by_what_stays() -> None:
    table = '[[ports]]\nname = "{}"\npath = "{}"\ndriver = "bp_monitor/omron_hbp"\n'
    numbered = [table.format(f"cuff-{n}", f"/dev/ttyUSB{n}") for n in range(2)]
    named = table.format("scale", "/dev/serial/by-id/usb-scale")

    said = [
        [each.sentence for each in cables(parse(text), ()) if "after a restart" in each.sentence]
        for text in ("".join(numbered), numbered[0] + named)
    ]

    assert said == [
        [
            f"/dev/ttyUSB{n} may be another cable after a restart: name it {lasting(path)}."
            for n, path in enumerate(("/dev/ttyUSB0", "/dev/ttyUSB1"))
        ],
        [],
    ]


def test_the_name_that_stays_is_found_where_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "by-id"
    folder.mkdir()
    for name in ("ttyUSB0", "ttyUSB1"):
        (tmp_path / name).touch()
    (folder / "usb-cuff").symlink_to("../ttyUSB1")

    assert lasting(str(tmp_path / "ttyUSB1"), [tmp_path / "none", folder]) == f"{folder}/usb-cuff"
    assert lasting(str(tmp_path / "ttyUSB0"), [folder]) == "/dev/serial/by-id/..."


def mode(port: Path, bits: int) -> None:
    """Set the mode of the port as its owner, root."""
    us = os.geteuid()
    os.seteuid(0)
    port.resolve().chmod(bits)
    os.seteuid(us)
