"""What the virtual devices really produced: the ground truth a delivery is checked against."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO


class Kind(StrEnum):
    """What a value is about."""

    BLOOD_PRESSURE = "blood_pressure"
    HEART_RATE = "heart_rate"
    WEIGHT = "weight"
    BODY_COMPOSITION = "body_composition"
    INTERSTITIAL_GLUCOSE = "interstitial_glucose"
    BLOOD_GLUCOSE = "blood_glucose"
    BLOOD_KETONE = "blood_ketone"


def ketone_values(tenths: int) -> dict[str, str]:
    """Return what the ledger says of a ketone, in tenths of a mmol/L."""
    return {"ketone": f"{tenths // 10}.{tenths % 10}", "unit": "mmol/L"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """One kind of value of one record; a record of several kinds makes several.

    Values are what the device shows, as decimal text, with their unit; `measured_at` is true time,
    whatever the device's clock said.
    """

    device: str
    model: str
    record: int
    kind: Kind
    values: Mapping[str, str]
    measured_at: datetime
    slot: int | None = None
    person: str | None = None
    """Who was truly measured, by name, whatever the device was told; None where nobody says."""


class Ledger:
    """Appends what was produced, one JSON object per line, flushed at once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self.produced: list[Produced] = []

    def enter(
        self,
        *,
        device: str,
        model: str,
        record: int,
        measured_at: datetime,
        slot: int | None,
        person: str | None = None,
        kinds: Mapping[Kind, Mapping[str, str]],
    ) -> None:
        """Write the lines of one record, before the device offers it to anybody."""
        for kind, values in kinds.items():
            produced = Produced(
                device=device,
                model=model,
                record=record,
                kind=kind,
                values=values,
                measured_at=measured_at,
                slot=slot,
                person=person,
            )
            self.produced.append(produced)
            if self._stream is not None:
                self._stream.write(_line(produced))
        if self._stream is not None:
            self._stream.flush()


def _line(produced: Produced) -> str:
    row = {
        "device": produced.device,
        "model": produced.model,
        "record": produced.record,
        "kind": produced.kind,
        "values": dict(produced.values),
        "measured_at": produced.measured_at.astimezone(UTC).isoformat(),
        "slot": produced.slot,
    }
    if produced.person is not None:
        row["person"] = produced.person
    return json.dumps(row) + "\n"
