"""What was measured over a time, as what is computed from it asks; the damaged is left out."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from gateway.domain.reading import WARM_UP, Kind, Measure, Quality
from gateway.domain.subject import SubjectId
from gateway.domain.suggestion import RECENT
from gateway.errors import Unreadable
from gateway.journal import entry_rows
from gateway.journal.database import Database
from gateway.journal.instants import from_us, to_us
from gateway.journal.keys import Keyring
from gateway.journal.views import LastRecorded, Sample


def glucose(
    db: Database, keys: Keyring, subject: SubjectId, since: datetime, until: datetime
) -> list[Sample]:
    """Return the subject's sensor samples measured from `since` to before `until`, in order.

    Only those the sensor vouches for, after its warm-up, and whose time is known.
    """
    samples = []
    for row in db.rows(
        "SELECT w.* FROM entries AS e"
        " JOIN whole_entries AS w ON w.number = e.number AND w.sendable"
        " WHERE e.subject = ? AND e.kind = ? AND e.measured_us >= ? AND e.measured_us < ?"
        " ORDER BY e.measured_us, e.number",
        (subject, Kind.INTERSTITIAL_GLUCOSE, to_us(since), to_us(until)),
    ):
        with suppress(Unreadable):
            reading = entry_rows.reading_of(row, keys)
            measured_us, utc_offset_s = row[4:6]
            if reading.quality is Quality.GOOD and WARM_UP not in reading.flags:
                value = reading.values.get(Measure.GLUCOSE)
                at = from_us(measured_us, utc_offset_s)
                mg_dl = None if value is None else value.value
                samples.append(Sample(at, mg_dl, reading.limit, row[11]))
    return samples


def moments(db: Database, subject: SubjectId, kind: Kind, limit: int) -> list[datetime]:
    """Return when the subject's latest readings of a kind were measured, the latest first."""
    return [
        from_us(measured_us)
        for (measured_us,) in db.rows(
            "SELECT measured_us FROM entries WHERE subject = ? AND kind = ?"
            " ORDER BY measured_us DESC LIMIT ?",
            (subject, kind, limit),
        )
    ]


def last_recorded(
    db: Database, subject: SubjectId, kind: Kind, since: datetime, until: datetime
) -> LastRecorded | None:
    """Tell what was recorded last of the subject's that was measured in that time."""
    number, count = db.one(
        "SELECT max(number), count(*) FROM entries"
        " WHERE subject = ? AND kind = ? AND measured_us >= ? AND measured_us < ?",
        (subject, kind, to_us(since), to_us(until)),
    )
    if number is None:
        return None
    (at_us,) = db.one("SELECT recorded_us FROM entries WHERE number = ?", (number,))
    return LastRecorded(number, from_us(at_us), count)


def last_weight(db: Database, keys: Keyring, subject: SubjectId, at: datetime) -> Decimal | None:
    """Return the subject's last weight (kg) before a moment, if it is recent and to be trusted."""
    row = db.row(
        "SELECT w.* FROM entries AS e"
        " JOIN whole_entries AS w ON w.number = e.number AND w.sendable"
        " WHERE e.subject = ? AND e.kind = ? AND e.measured_us BETWEEN ? AND ?"
        " ORDER BY e.measured_us DESC LIMIT 1",
        (subject, Kind.WEIGHT, to_us(at - RECENT), to_us(at)),
    )
    if row is None:
        return None
    with suppress(Unreadable):
        reading = entry_rows.reading_of(row, keys)
        if reading.quality is Quality.GOOD and Measure.WEIGHT in reading.values:
            return reading.values[Measure.WEIGHT].value
    return None
