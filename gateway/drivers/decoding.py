"""The `decode` command's answers: bytes and a name in, what they mean out. Pure.

    {"id": ..., "characteristic": "2a35", "hex": "..."}        a GATT characteristic or data type
    {"id": ..., "driver": "scale/tanita", "hex": "..."}        a driver, or a device it decodes
    {"id": ..., "driver": "scale/tanita", "text": "..."}       a line protocol (Latin-1)

Optional in each: `ctx`, what the bytes alone cannot say (`{"e2e_crc": true}`), and `direction`.
The answer is `{"id": ..., "ok": true, "message": {...}}`, or with `"ok": false` an `error` and the
`offset` of the byte that could not be used. Nothing that is asked raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from gateway.clock import Instant
from gateway.drivers.api import CABLES, Channel, Driver, Frame
from gateway.drivers.data_types import DATA_TYPES
from gateway.drivers.message import printed
from gateway.drivers.registry import Registry
from gateway.errors import DecodeError

_NO_TIME = Instant(datetime(1970, 1, 1, tzinfo=UTC), 0.0, "decode")
"""When the bytes came is not known here, and no decoder looks at it."""


class Decoding:
    """Everything that can be decoded with these drivers, by name."""

    def __init__(self, drivers: Registry) -> None:
        self._known: dict[str, tuple[Driver, Channel]] = {}
        for driver in drivers:
            for name, channel in _names(driver):
                self._known.setdefault(name.lower(), (driver, channel))

    @property
    def names(self) -> tuple[str, ...]:
        """What can be asked for, in lower case, sorted."""
        return tuple(sorted({*DATA_TYPES, *self._known}))

    def line(self, line: str | bytes) -> str:
        """Answer one line of JSON with one line of JSON."""
        try:
            asked = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return _json({"id": None, "ok": False, "error": "bad_json", "offset": error.pos})
        if not isinstance(asked, dict):
            return _json({"id": None, "ok": False, "error": "not_an_object", "offset": 0})
        return _json(self.answer(asked))

    def answer(self, asked: Mapping[str, object]) -> dict[str, object]:
        """Answer one question. Numbers in the message are int or Decimal, digits kept."""
        answer: dict[str, object] = {"id": asked.get("id")}
        try:
            message = self._message(asked)
        except DecodeError as error:
            return {**answer, "ok": False, "error": error.reason, "offset": error.offset}
        return {**answer, "ok": True, "message": message}

    def _message(self, asked: Mapping[str, object]) -> object:
        name = str(asked.get("characteristic") or asked.get("driver") or "").lower()
        data = _bytes(asked)
        if name in self._known:
            driver, channel = self._known[name]
            hints = _hints(asked, name)
            return printed(driver.decode(Frame(channel, data, _NO_TIME, hints)))
        if name in DATA_TYPES:
            return printed(DATA_TYPES[name](data))
        raise DecodeError("unknown_name", data)


def _names(driver: Driver) -> list[tuple[str, Channel]]:
    manifest = driver.manifest
    names = list(manifest.decodes.items())
    if manifest.reach in CABLES:
        names.append((manifest.name, CABLES[manifest.reach]))
    return names


def _hints(asked: Mapping[str, object], name: str) -> dict[str, object]:
    """Collect what was said beside the bytes; `name` tells apart formats that share a channel."""
    hints: dict[str, object] = {"name": name}
    ctx = asked.get("ctx")
    if isinstance(ctx, Mapping):
        hints.update(ctx)
    if "direction" in asked:
        hints["direction"] = asked["direction"]
    return hints


def _bytes(asked: Mapping[str, object]) -> bytes:
    digits, text = asked.get("hex"), asked.get("text")
    if isinstance(digits, str):
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise DecodeError("bad_hex") from None
    if isinstance(text, str):
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError as error:
            raise DecodeError("not_latin_1", offset=error.start) from None
    raise DecodeError("no_bytes")


def _json(answer: dict[str, object]) -> str:
    return orjson.dumps(answer, default=_number).decode()


def _number(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} cannot be printed")
    return orjson.Fragment(format(value, "f"))
