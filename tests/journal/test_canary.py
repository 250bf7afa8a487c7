"""What tells something about a person is put in everywhere, and looked for everywhere."""

import logging
import sqlite3
import traceback
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.domain.device import Device, DeviceId
from gateway.drivers.api import SERIAL, Frame
from gateway.errors import DecodeError, GatewayError
from gateway.journal import backup
from gateway.journal.database import row_sum
from gateway.journal.reader import Reader
from gateway.metrics import Metrics
from gateway.testing.clock import START
from tests.journal.making import LONG_AGO, grant, open_journal, weight, withdrawal

NAME, ADDRESS, SERIAL_NUMBER, SECRET = (
    "Canary Ada",
    "ble:CA:4A:21:00:00:01",
    "SN-CANARY-77",
    "s3cr3t",
)
VALUE = "81.375"
CANARIES = [text.encode() for text in (NAME, ADDRESS, SERIAL_NUMBER, SECRET, VALUE, ADDRESS[4:])]
DEVICE = Device(id=DeviceId(ADDRESS), driver="scale/test", serial=SERIAL_NUMBER)


async def test_no_canary_is_in_any_file_log_metric_or_error(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    frame = Frame(SERIAL, f"{VALUE} {NAME}".encode(), Instant(START, 1.0, "boot"))
    said: list[str] = []
    async with open_journal(path) as journal:
        subject = (await journal.add_subject(NAME)).id
        await journal.adopt(DEVICE.id, DEVICE.driver)
        await journal.assign(DEVICE.id, None, subject, LONG_AGO)
        await journal.record_grant(grant(subject).model_copy(update={"given_by": NAME}))
        await journal.set_pairing(subject, "mes", SECRET.encode())
        await journal.set_aside(DEVICE, frame, DecodeError("too short", frame.data))
        await journal.remark(DEVICE, "battery_low", frame)
        await journal.record(DEVICE, [weight(1, kg=VALUE, device=DEVICE.id)], SERIAL_NUMBER)
        (entry,) = await journal.record(DEVICE, [weight(2, kg=VALUE, device=DEVICE.id)])
        await journal.claim("mes", 1, START)
        backup.write(tmp_path / "backup", SECRET.encode(), path, {})
        for failing in (
            journal.claim_entry(entry.id, (await journal.add_subject("x")).id),
            journal.assign(DeviceId(ADDRESS + "0"), None, subject, LONG_AGO),
            journal.record_grant(grant(subject, "grant-1", destination="elsewhere")),
        ):
            with pytest.raises(GatewayError) as raised:
                await failing
            said.append("".join(traceback.format_exception(raised.value)))
        files = [file for file in path.parent.rglob("*") if file.is_file()]
        written = b"".join(file.read_bytes() for file in files)

    written += path.read_bytes() + (tmp_path / "backup").read_bytes()
    told = (caplog.text + "".join(said) + Metrics().render()).encode()
    assert {"journal.db", "journal.db-wal"} <= {file.name for file in files}
    assert [canary for canary in CANARIES if canary in written + told] == []


async def test_a_damaged_withdrawal_still_counts_and_a_damaged_grant_does_not(path: Path) -> None:
    async with open_journal(path) as journal:
        subject = (await journal.add_subject(NAME)).id
        await journal.record_grant(grant(subject))
        await journal.record_withdrawal(withdrawal(subject))
        await journal.record_grant(grant(subject, "grant-2"))
    with sqlite3.connect(path) as other:
        other.create_function("row_sum", -1, row_sum, deterministic=True)
        other.execute("DROP TRIGGER consent_no_update")
        other.execute("UPDATE consent SET payload = zeroblob(99) WHERE id <> 'grant-1'")
    other.close()

    with Reader.open(path) as reader:
        assert [entry.id for entry in reader.ledger(subject)] == ["grant-1", "withdrawal-1"]
