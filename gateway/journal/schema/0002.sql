-- Step 2: clocks that were watched, boots of the hub, corrections owed, sessions at a kiosk.

-- What was seen of a device's clock, as JSON: see `domain.device_clock`.
CREATE TABLE clocks (
    device INTEGER NOT NULL PRIMARY KEY REFERENCES devices (number),
    spans  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Each boot of the hub, in order. `utc_us` is what UTC was at `monotonic_us` of it, give or take
-- `doubt_us`; without one the hub has not known the time in that boot. `last_us` is the latest
-- moment of it that anything was recorded, on its monotonic clock.
CREATE TABLE boots (
    number       INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    first_entry  INTEGER NOT NULL,
    last_us      INTEGER NOT NULL,
    utc_us       INTEGER,
    monotonic_us INTEGER,
    doubt_us     INTEGER
) STRICT;

-- What a destination was sent and has turned out wrong there. `subject` is whose record has it.
CREATE TABLE corrections_owed (
    number      INTEGER PRIMARY KEY,
    entry       INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    destination TEXT    NOT NULL,
    subject     TEXT,
    wrong       TEXT    NOT NULL CHECK (wrong IN ('time', 'person')),
    reference   TEXT,
    since_us    INTEGER NOT NULL,
    done_us     INTEGER
) STRICT;
CREATE INDEX corrections_entry ON corrections_owed (entry);

-- One person at the kiosk at a time: the open one is the last, until `until_us`.
CREATE TABLE kiosk_sessions (
    number    INTEGER PRIMARY KEY,
    subject   TEXT    NOT NULL,
    opened_by TEXT    NOT NULL CHECK (opened_by IN ('person', 'staff')),
    opened_us INTEGER NOT NULL,
    until_us  INTEGER NOT NULL,
    keep      INTEGER NOT NULL CHECK (keep IN (0, 1)),
    closed_us INTEGER,
    closed_by TEXT    CHECK (closed_by IN ('person', 'limit', 'next'))
) STRICT;
ALTER TABLE assignments ADD COLUMN session INTEGER REFERENCES kiosk_sessions (number);

-- Readings that were erased on their person's wish: reading them again from a device's memory must
-- not bring them back.
CREATE TABLE erased (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER entries_erased BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM erased WHERE id = NEW.id)
BEGIN SELECT RAISE(IGNORE); END;

CREATE INDEX timings_unset ON timings (entry) WHERE reason = 'hub_clock_unset';
