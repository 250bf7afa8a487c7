-- Step 6: a sum in every row that no seal covers, and the keys a second time.
--
-- `sum` is made by the engine from all other columns of its row, at every change: a flipped bit
-- anywhere in the row shows (docs/decisions/0006-row-sums.md). `row_sum` is the program's: a CRC-32
-- of words. Numbers are added by SQL itself, for speed. Entries, names, pairings, frames and
-- remarks are sealed, and the audit chain is its own proof: they have no sum.
-- The expression of a sum is on one line: database.py reads it there, to compare.

DROP VIEW whole_entries;
DROP VIEW owed;

CREATE TABLE timings_sound (
    entry          INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    step           INTEGER NOT NULL,
    measured_us    INTEGER NOT NULL,
    utc_offset_s   INTEGER NOT NULL,
    correction_us  INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    uncertainty_us INTEGER,
    sendable       INTEGER NOT NULL CHECK (sendable IN (0, 1)),
    sum INTEGER GENERATED ALWAYS AS ((entry + 3 * step + 5 * measured_us + 7 * utc_offset_s + 11 * correction_us + 13 * ifnull(uncertainty_us, -1) + 17 * sendable + row_sum(reason)) % 2147483647) STORED,
    PRIMARY KEY (entry, step)
) STRICT, WITHOUT ROWID;
INSERT INTO timings_sound (entry, step, measured_us, utc_offset_s, correction_us, reason, uncertainty_us, sendable)
SELECT entry, step, measured_us, utc_offset_s, correction_us, reason, uncertainty_us, sendable FROM timings;
DROP TABLE timings;
ALTER TABLE timings_sound RENAME TO timings;
CREATE TRIGGER timings_keep BEFORE UPDATE ON timings
BEGIN SELECT RAISE(ABORT, 'a timing is never edited'); END;
CREATE INDEX timings_unset ON timings (entry) WHERE reason = 'hub_clock_unset';

CREATE TABLE deliveries_sound (
    entry            INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    destination      TEXT    NOT NULL,
    subject          TEXT,
    state            TEXT    NOT NULL,
    reason           TEXT,
    due_us           INTEGER NOT NULL,
    attempts         INTEGER NOT NULL DEFAULT 0,
    may_have_arrived INTEGER NOT NULL DEFAULT 0 CHECK (may_have_arrived IN (0, 1)),
    changed_us       INTEGER NOT NULL,
    reference        TEXT,
    sum INTEGER GENERATED ALWAYS AS ((entry + 3 * due_us + 5 * attempts + 7 * may_have_arrived + 11 * changed_us + row_sum(destination, subject, state, reason, reference)) % 2147483647) STORED,
    PRIMARY KEY (entry, destination)
) STRICT, WITHOUT ROWID;
INSERT INTO deliveries_sound (entry, destination, subject, state, reason, due_us, attempts, may_have_arrived, changed_us, reference)
SELECT entry, destination, subject, state, reason, due_us, attempts, may_have_arrived, changed_us, reference FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_sound RENAME TO deliveries;
CREATE INDEX deliveries_open ON deliveries (destination, state, ifnull(subject, ''), due_us)
    WHERE state NOT IN ('settled', 'dropped');

CREATE TABLE devices_sound (
    number          INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    details         BLOB    NOT NULL,
    adopted         INTEGER NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1)),
    first_seen_us   INTEGER NOT NULL,
    last_reading_us INTEGER,
    aside_dropped   INTEGER NOT NULL DEFAULT 0,
    remarks_dropped INTEGER NOT NULL DEFAULT 0,
    sum INTEGER GENERATED ALWAYS AS ((number + 3 * adopted + 5 * first_seen_us + 7 * ifnull(last_reading_us, -1) + 11 * aside_dropped + 13 * remarks_dropped + row_sum(id)) % 2147483647) STORED
) STRICT;
INSERT INTO devices_sound (number, id, details, adopted, first_seen_us, last_reading_us, aside_dropped, remarks_dropped)
SELECT number, id, details, adopted, first_seen_us, last_reading_us, aside_dropped, remarks_dropped FROM devices;
DROP TABLE devices;
ALTER TABLE devices_sound RENAME TO devices;

CREATE TABLE assignments_sound (
    number   INTEGER PRIMARY KEY,
    device   INTEGER NOT NULL REFERENCES devices (number),
    slot     TEXT,
    subject  TEXT    NOT NULL REFERENCES subjects (id),
    since_us INTEGER NOT NULL,
    until_us INTEGER,
    session  INTEGER REFERENCES kiosk_sessions (number),
    sum INTEGER GENERATED ALWAYS AS ((number + 3 * device + 5 * since_us + 7 * ifnull(until_us, -1) + 11 * ifnull(session, -1) + row_sum(slot, subject)) % 2147483647) STORED
) STRICT;
INSERT INTO assignments_sound (number, device, slot, subject, since_us, until_us, session)
SELECT number, device, slot, subject, since_us, until_us, session FROM assignments;
DROP TABLE assignments;
ALTER TABLE assignments_sound RENAME TO assignments;
CREATE INDEX assignments_device ON assignments (device);

CREATE TABLE consent_sound (
    number      INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    subject     TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    event       TEXT    NOT NULL CHECK (event IN ('grant', 'withdrawal', 'refusal')),
    recorded_us INTEGER NOT NULL,
    payload     BLOB,
    sum INTEGER GENERATED ALWAYS AS ((number + 3 * recorded_us + row_sum(id, subject, destination, event, hex(payload))) % 2147483647) STORED
) STRICT;
INSERT INTO consent_sound (number, id, subject, destination, event, recorded_us, payload)
SELECT number, id, subject, destination, event, recorded_us, payload FROM consent;
DROP TRIGGER consent_no_delete;
DROP TABLE consent;
ALTER TABLE consent_sound RENAME TO consent;
CREATE INDEX consent_subject ON consent (subject, destination);
CREATE TRIGGER consent_no_update BEFORE UPDATE ON consent
BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END;
CREATE TRIGGER consent_no_delete BEFORE DELETE ON consent
WHEN EXISTS (SELECT 1 FROM subjects WHERE id = OLD.subject)
BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only while the person is known'); END;

CREATE TABLE bookmarks_sound (
    device   INTEGER NOT NULL REFERENCES devices (number),
    driver   TEXT    NOT NULL,
    bookmark TEXT    NOT NULL,
    sum INTEGER GENERATED ALWAYS AS ((device + row_sum(driver, bookmark)) % 2147483647) STORED,
    PRIMARY KEY (device, driver)
) STRICT, WITHOUT ROWID;
INSERT INTO bookmarks_sound (device, driver, bookmark) SELECT device, driver, bookmark FROM bookmarks;
DROP TABLE bookmarks;
ALTER TABLE bookmarks_sound RENAME TO bookmarks;

CREATE TABLE clocks_sound (
    device INTEGER NOT NULL PRIMARY KEY REFERENCES devices (number),
    spans  TEXT    NOT NULL,
    sum INTEGER GENERATED ALWAYS AS ((device + row_sum(spans)) % 2147483647) STORED
) STRICT, WITHOUT ROWID;
INSERT INTO clocks_sound (device, spans) SELECT device, spans FROM clocks;
DROP TABLE clocks;
ALTER TABLE clocks_sound RENAME TO clocks;

CREATE TABLE boots_sound (
    number       INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    first_entry  INTEGER NOT NULL,
    last_us      INTEGER NOT NULL,
    utc_us       INTEGER,
    monotonic_us INTEGER,
    doubt_us     INTEGER,
    sum INTEGER GENERATED ALWAYS AS ((number + 3 * first_entry + 5 * last_us + 7 * ifnull(utc_us, -1) + 11 * ifnull(monotonic_us, -1) + 13 * ifnull(doubt_us, -1) + row_sum(id)) % 2147483647) STORED
) STRICT;
INSERT INTO boots_sound (number, id, first_entry, last_us, utc_us, monotonic_us, doubt_us)
SELECT number, id, first_entry, last_us, utc_us, monotonic_us, doubt_us FROM boots;
DROP TABLE boots;
ALTER TABLE boots_sound RENAME TO boots;

CREATE TABLE corrections_sound (
    number      INTEGER PRIMARY KEY,
    entry       INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    destination TEXT    NOT NULL,
    subject     TEXT,
    wrong       TEXT    NOT NULL CHECK (wrong IN ('time', 'person', 'value')),
    reference   TEXT,
    since_us    INTEGER NOT NULL,
    done_us     INTEGER,
    sum INTEGER GENERATED ALWAYS AS ((number + 3 * entry + 5 * since_us + 7 * ifnull(done_us, -1) + row_sum(destination, subject, wrong, reference)) % 2147483647) STORED
) STRICT;
INSERT INTO corrections_sound (number, entry, destination, subject, wrong, reference, since_us, done_us)
SELECT number, entry, destination, subject, wrong, reference, since_us, done_us FROM corrections_owed;
DROP TABLE corrections_owed;
ALTER TABLE corrections_sound RENAME TO corrections_owed;
CREATE INDEX corrections_entry ON corrections_owed (entry);

CREATE TABLE kiosk_sound (
    number    INTEGER PRIMARY KEY,
    subject   TEXT    NOT NULL,
    opened_by TEXT    NOT NULL CHECK (opened_by IN ('person', 'staff')),
    opened_us INTEGER NOT NULL,
    until_us  INTEGER NOT NULL,
    keep      INTEGER NOT NULL CHECK (keep IN (0, 1)),
    closed_us INTEGER,
    closed_by TEXT    CHECK (closed_by IN ('person', 'limit', 'next')),
    sum INTEGER GENERATED ALWAYS AS ((number + 3 * opened_us + 5 * until_us + 7 * keep + 11 * ifnull(closed_us, -1) + row_sum(subject, opened_by, closed_by)) % 2147483647) STORED
) STRICT;
INSERT INTO kiosk_sound (number, subject, opened_by, opened_us, until_us, keep, closed_us, closed_by)
SELECT number, subject, opened_by, opened_us, until_us, keep, closed_us, closed_by FROM kiosk_sessions;
DROP TABLE kiosk_sessions;
ALTER TABLE kiosk_sound RENAME TO kiosk_sessions;

CREATE TABLE erased_sound (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    sum INTEGER GENERATED ALWAYS AS (row_sum(hex(id))) STORED
) STRICT, WITHOUT ROWID;
INSERT INTO erased_sound (id) SELECT id FROM erased;
DROP TRIGGER entries_erased;
DROP TABLE erased;
ALTER TABLE erased_sound RENAME TO erased;
CREATE TRIGGER entries_erased BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM erased WHERE id = substr(NEW.id, 5))
BEGIN SELECT RAISE(IGNORE); END;

-- One damaged key would cost all of a person's readings.
CREATE TABLE spare_keys (
    owner   TEXT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO spare_keys SELECT owner, wrapped FROM keys;

-- An entry with its latest timing and all that is known of its device. Where the timing is damaged
-- the entry is unreadable, for when it was measured is part of what it says.
CREATE VIEW whole_entries AS
SELECT e.id,
       CASE WHEN t.sum = (t.entry + 3 * t.step + 5 * t.measured_us + 7 * t.utc_offset_s + 11 * t.correction_us + 13 * ifnull(t.uncertainty_us, -1) + 17 * t.sendable + row_sum(t.reason)) % 2147483647
            THEN e.payload ELSE x'' END AS payload,
       e.subject, e.attribution, t.measured_us, t.utc_offset_s, t.correction_us,
       t.reason, t.uncertainty_us, t.sendable, d.details,
       e.number, e.device, e.kind, e.slot, e.recorded_us
FROM entries AS e
JOIN devices AS d ON d.number = e.device
JOIN timings AS t ON t.entry = e.number
    AND t.step = (SELECT max(step) FROM timings WHERE entry = e.number);

-- The deliveries that are still open. The condition is word for word that of the index. One that is
-- damaged may have arrived.
CREATE VIEW owed AS
SELECT o.entry, e.id, o.destination, o.state,
       o.may_have_arrived OR o.sum IS NOT (o.entry + 3 * o.due_us + 5 * o.attempts + 7 * o.may_have_arrived + 11 * o.changed_us + row_sum(o.destination, o.subject, o.state, o.reason, o.reference)) % 2147483647 AS may_have_arrived,
       ifnull(o.subject, '') AS whose, o.due_us, o.attempts
FROM deliveries AS o
JOIN entries AS e ON e.number = o.entry
WHERE o.state NOT IN ('settled', 'dropped');
