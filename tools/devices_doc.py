"""Write docs/devices.md: the devices the drivers' manifests name, and how good the evidence is.

    python tools/devices_doc.py [--check]

The page's own words are in docs/devices.in.md; the line `<!-- devices -->` in it is where the
tables go. With `--check` it writes nothing and fails if the page is not what it would write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.drivers.api import Manifest, Reach, Setting
from gateway.drivers.registry import installed

DOCS = Path(__file__).parents[1] / "docs"
WORDS, PAGE = DOCS / "devices.in.md", DOCS / "devices.md"
PLACE = "<!-- devices -->\n"
NOTICE = "<!-- Written by tools/devices_doc.py from docs/devices.in.md and the manifests. -->\n"

_TITLES = {
    "bp_monitor": "Blood pressure monitors",
    "cgm": "Continuous glucose monitors",
    "glucose_meter": "Blood glucose meters",
    "scale": "Scales",
}
_BONDS_FIRST = ", or at once where a model shows nothing before"
_REACHED = {
    Reach.BLE: "Bluetooth; pairs when the device asks for it",
    Reach.ADVERTISEMENT: "Bluetooth advertisements only; never connected, never paired",
    Reach.SERIAL: "serial port or USB cable, named in the configuration",
    Reach.HID: "USB cable (HID)",
}


def page() -> str:
    """Return the page."""
    before, after = WORDS.read_text(encoding="utf-8").split(PLACE)
    return NOTICE + before + "\n".join(_sections()) + after


def _sections() -> Iterator[str]:
    manifests = sorted((driver.manifest for driver in installed()), key=lambda it: it.name)
    for kind, title in _TITLES.items():
        yield f"## {title}\n"
        for manifest in manifests:
            if manifest.name.startswith(f"{kind}/"):
                yield from _driver(manifest)


def _driver(manifest: Manifest) -> Iterator[str]:
    yield f"### {manifest.title}\n"
    yield f"- Driver: `{manifest.name}`"
    yield f"- Follows: {manifest.spec}"
    yield f"- Reached by: {_reached(manifest)}"
    yield f"- Gives: {', '.join(sorted(_words(kind) for kind in manifest.emits))}"
    yield ""
    yield from _table(("model", "evidence"), ((it.name, it.evidence) for it in manifest.models))
    if manifest.settings:
        yield from _table(("setting", "default", "what for"), map(_setting, manifest.settings))


def _reached(manifest: Manifest) -> str:
    how = _REACHED[manifest.reach] + (_BONDS_FIRST if manifest.bonds_first else "")
    if manifest.usb:
        ids = sorted(f"`{vendor:04x}:{product:04x}`" for vendor, product in manifest.usb)
        how = f"USB cable; found by its USB id {' or '.join(ids)}"
    if (line := manifest.line) is not None:
        how += f"; {line.baud} baud, {line.data_bits}{line.parity}{line.stop_bits:g}"
    return how


def _setting(setting: Setting) -> tuple[str, str, str]:
    default = "unset" if setting.default is None else f"`{str(setting.default).lower()}`"
    return f"`{setting.name}`", default, setting.help


def _words(name: str) -> str:
    return name.replace("_", " ")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |"
    yield ""


def main() -> int:
    """Write or check the page."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/devices.md is not current: run `make docs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
