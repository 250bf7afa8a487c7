"""Which file of bonds is whose, while tables of controllers come, go and change places."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.app.parts import bonds, transports
from gateway.config import Config
from gateway.testing.clock import ManualClock
from gateway.transport.hci.bonds import Bonds


def who_we_are(state: Path, *urls: str) -> list[str]:
    """Start over these controllers; return the address that we have over each."""
    config = Config.model_validate(
        {"hub": {"state": str(state)}, "hci": [{"url": url} for url in urls]}
    )
    list(transports(config, [], ManualClock(), asyncio.sleep))
    files = zip(bonds(config).values(), urls, strict=True)
    return [Bonds(path, url).address for path, url in files]


def test_a_controller_keeps_its_bonds_when_one_is_added_before_it(tmp_path: Path) -> None:
    first, second = who_we_are(tmp_path, "usb:0", "usb:1")

    added, *others = who_we_are(tmp_path, "usb:2", "usb:0", "usb:1")
    assert others == [first, second]
    assert added not in others
    assert who_we_are(tmp_path, "usb:1", "usb:2") == [second, added]
    assert who_we_are(tmp_path, "usb:0") == [first]


def test_a_controller_in_another_port_keeps_its_bonds(tmp_path: Path) -> None:
    first, second = who_we_are(tmp_path, "usb:0", "usb:1")

    assert who_we_are(tmp_path, "usb:7", "usb:1") == [first, second]
    assert who_we_are(tmp_path, "usb:1", "usb:7") == [second, first]


def test_files_that_do_not_say_whose_they_are_go_by_their_order(tmp_path: Path) -> None:
    old = [Bonds(tmp_path / f"bonds-{number}.json").address for number in range(2)]

    assert who_we_are(tmp_path, "usb:0", "usb:1") == old
    assert who_we_are(tmp_path, "usb:1", "usb:0") == old[::-1]


@pytest.mark.parametrize("content", ["", "[]", '{"controller": "usb:0"}'])
def test_a_damaged_file_is_left_for_whoever_it_was_given_to(tmp_path: Path, content: str) -> None:
    (tmp_path / "bonds-0.json").write_text(content)
    config = Config.model_validate({"hub": {"state": str(tmp_path)}, "hci": [{"url": "usb:0"}]})

    assert list(bonds(config).values()) == [tmp_path / "bonds-0.json"]
