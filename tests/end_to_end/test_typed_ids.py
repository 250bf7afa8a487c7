"""What people type or scan at a kiosk is theirs: no log, entry, event or error repeats it."""

import json
import logging
from pathlib import Path
from typing import Any

import apsw
import pytest
from firmware_sims.faults import Fault

from tests.end_to_end.counter import TYPED_IDS, Counter, a_counter
from tests.end_to_end.passing import Passing
from tests.end_to_end.serial_devices import FAILING, PUSHING, Case

WITH_IDS = {
    "Omron HBP-9030": PUSHING["Omron HBP-9030"],
    "Omron HBP-9030, failing": FAILING["Omron HBP-9030"],
    "InBody BPBIO320": PUSHING["InBody BPBIO320"],
    "Tanita SC-240": PUSHING["Tanita SC-240"],
    "Tanita MC-780": PUSHING["Tanita MC-780, stray bytes"],
    "Health o meter 500KL": PUSHING["Health o meter 500KL"],
}
SET_ASIDE = "aside"
"""The table of frames that no driver could read: all of each is kept, for a repair of the driver,
and nothing shows it."""


@pytest.mark.parametrize("case", WITH_IDS.values(), ids=WITH_IDS.keys())
async def test_a_typed_id_goes_no_further_than_the_driver(
    case: Case, tmp_path: Path, time: Passing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with a_counter(tmp_path, time, case.driver, case.make, settings=case.settings) as counter:
        await counter.is_heard()
        sent = await measured(counter)
        await counter.until(lambda: counter.entries() or counter.remarks())
        counter.faults.arm(Fault.ERROR_CODE)
        sent += await measured(counter)
        counter.wire.pull_in_frame(0)
        await measured(counter)
        await counter.plug_again()

        told = [caplog.text, str(counter.hub.status()), str(counter.hub.sightings())]
        told += [counter.hub.metrics(), str(counter.hub.reader.devices())]
        told += [str(entry) for entry in counter.entries()] + counter.remarks()
    told += [json.dumps(row) for row in rows(tmp_path / "state" / "journal.db")]

    assert any(typed.encode() in sent for typed in TYPED_IDS)
    for typed in TYPED_IDS:
        for written in (typed, typed.encode().hex()):
            assert not [each for each in told if written in each]


async def measured(counter: Counter) -> bytes:
    frames = counter.device.measure()
    for frame in frames:
        await counter.wire.carry(frame)
    return b"".join(frames)


def rows(journal: Path) -> list[list[Any]]:
    """Return every row of the journal as text, but for what could not be read."""
    database = apsw.Connection(str(journal), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        names = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if name != SET_ASIDE
        ]
        return [
            [_text(column) for column in row]
            for name in names
            for row in database.execute(f'SELECT * FROM "{name}"')
        ]
    finally:
        database.close()


def _text(column: object) -> str:
    return column.decode("latin-1") if isinstance(column, bytes) else str(column)
