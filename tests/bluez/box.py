"""A Linux with the real Bluetooth stack, in QEMU: its controller is ours, its D-Bus reaches us."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections import deque
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".tools" / "bluez-box"
BOOT_WITHIN_S = 90.0
"""An idle machine boots the box in 5 to 7 s; one that runs the rest of the suite as well, in 20."""
COMMAND_WITHIN_S = 60.0
_EXIT_WITHIN_S = 5.0
_KERNEL = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check"
"""A busy machine runs the box too seldom for its kernel to find that its timer works."""


class BoxTrouble(Exception):
    """The box does not do what it should; the message ends with what it said last."""


def build() -> str | None:
    """Make the box if it is not there yet; returns why it cannot be made, None if it is there."""
    try:
        made = subprocess.run(
            [ROOT / "tools" / "bluez-box.sh"], capture_output=True, text=True, timeout=600
        )
    except subprocess.TimeoutExpired:
        return "the box took longer than ten minutes to build"
    return None if made.returncode == 0 else made.stderr.strip()


class Box:
    """One running virtual machine. `do` calls a function of `tools/bluez_box/faults` in it."""

    def __init__(self, process: asyncio.subprocess.Process, bus_port: int) -> None:
        self.bus_address = f"tcp:host=127.0.0.1,port={bus_port}"
        """For DBUS_SYSTEM_BUS_ADDRESS."""
        self.bus_port = bus_port
        self._process = process
        self._said: deque[str] = deque(maxlen=60)
        self._up = asyncio.Event()
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._commands = 0
        self._listening = asyncio.ensure_future(self._listen())

    @classmethod
    async def boot(cls, hci: str) -> Box:
        """Start it on the controller served at `hci` (host:port), once more if it dies."""
        try:
            return await cls._boot(hci)
        except BoxTrouble:
            return await cls._boot(hci)

    @classmethod
    async def _boot(cls, hci: str) -> Box:
        port = _free_port()
        process = await asyncio.create_subprocess_exec(
            *_command(hci, port),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        box = cls(process, port)
        try:
            async with asyncio.timeout(BOOT_WITHIN_S):
                up = asyncio.ensure_future(box._up.wait())
                await asyncio.wait({up, box._listening}, return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
            if not box._up.is_set():
                raise box.trouble("the box died while it started")
        except TimeoutError:
            await box.off()
            raise box.trouble("the box did not start in time") from None
        except BaseException:
            await box.off()
            raise
        return box

    async def do(self, command: str) -> None:
        """Run a command in the box and wait until it is done. Raises BoxTrouble if it fails."""
        self._commands += 1
        number = self._commands
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number} {command}\n".encode())
        try:
            status = await asyncio.wait_for(answer, COMMAND_WITHIN_S)
        except TimeoutError:
            raise self.trouble(f"{command} did not end") from None
        if status != 0:
            raise self.trouble(f"{command} failed ({status})")

    async def off(self) -> None:
        """Switch it off; what it wrote is gone."""
        if self._process.returncode is None:
            self._process.kill()
        await asyncio.wait_for(self._process.wait(), _EXIT_WITHIN_S)
        await self._listening

    def trouble(self, what: str) -> BoxTrouble:
        """Make an error that tells what the console said last."""
        return BoxTrouble("\n| ".join([what, *self._said]))

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            text = line.decode(errors="replace").strip()
            self._said.append(text)
            if text == "box: up":
                self._up.set()
            elif text.startswith("box: done "):
                number, status = text.removeprefix("box: done ").split()
                self._answers.pop(int(number)).set_result(int(status))


def _command(hci: str, bus_port: int) -> list[str]:
    host, _, port = hci.rpartition(":")
    return [
        *("setpriv", "--pdeathsig", "KILL"),  # a run that is killed leaves no machine behind
        "qemu-system-x86_64",
        # Emulated, wherever we are: /dev/kvm may exist and not work. `-cpu max` is far slower.
        *("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem-v1", "-smp", "2"),
        *("-m", "256", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-kernel", str(FOLDER / "vmlinuz"), "-initrd", str(FOLDER / "initramfs.gz")),
        *("-append", f"{_KERNEL} box.user={os.getuid()}"),
        *("-serial", "stdio"),
        *("-chardev", f"socket,id=h0,host={host},port={port}"),
        *("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=h0"),
        *("-netdev", f"user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{bus_port}-:5555"),
        *("-device", "virtio-net-pci,netdev=n0,romfile="),
    ]


def _free_port() -> int:
    """Find a port that was free a moment ago; QEMU 7 cannot be asked which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
