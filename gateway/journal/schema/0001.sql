-- Step 1: everything.
--
-- Times ending in _us are microseconds since 1970 in UTC. What tells something about a person sits
-- in `payload`, `details`, `label` and `secret` columns; the rest is ids, kinds, states and times.
-- A device's id is written once, in `devices`; other tables name a device by its number.

CREATE TABLE devices (
    number          INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    details         BLOB    NOT NULL,
    adopted         INTEGER NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1)),
    first_seen_us   INTEGER NOT NULL,
    last_reading_us INTEGER,
    aside_dropped   INTEGER NOT NULL DEFAULT 0,
    remarks_dropped INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE subjects (
    id       TEXT    NOT NULL PRIMARY KEY,
    label    TEXT    NOT NULL,
    added_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE assignments (
    number   INTEGER PRIMARY KEY,
    device   INTEGER NOT NULL REFERENCES devices (number),
    slot     TEXT,
    subject  TEXT    NOT NULL REFERENCES subjects (id),
    since_us INTEGER NOT NULL,
    until_us INTEGER
) STRICT;
CREATE INDEX assignments_device ON assignments (device);

-- `measured_us` repeats the latest of the entry's timings, so that it can be searched.
CREATE TABLE entries (
    number      INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    device      INTEGER NOT NULL REFERENCES devices (number),
    kind        TEXT    NOT NULL,
    slot        TEXT,
    recorded_us INTEGER NOT NULL,
    measured_us INTEGER NOT NULL,
    subject     TEXT    REFERENCES subjects (id),
    attribution TEXT    NOT NULL,
    payload     BLOB    NOT NULL
) STRICT;
CREATE INDEX entries_measured ON entries (measured_us);
CREATE INDEX entries_subject ON entries (subject, kind, measured_us) WHERE subject IS NOT NULL;
CREATE INDEX entries_unclaimed ON entries (device) WHERE subject IS NULL;
CREATE TRIGGER entries_keep BEFORE UPDATE OF number, id, device, kind, slot, recorded_us ON entries
BEGIN SELECT RAISE(ABORT, 'what an entry says is never edited'); END;

-- When it was measured, as far as known; a correction appends a step, the highest counts.
CREATE TABLE timings (
    entry          INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    step           INTEGER NOT NULL,
    measured_us    INTEGER NOT NULL,
    utc_offset_s   INTEGER NOT NULL,
    correction_us  INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    uncertainty_us INTEGER,
    sendable       INTEGER NOT NULL CHECK (sendable IN (0, 1)),
    PRIMARY KEY (entry, step)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER timings_keep BEFORE UPDATE ON timings
BEGIN SELECT RAISE(ABORT, 'a timing is never edited'); END;

-- What is owed to whom. `subject` repeats that of the entry. `may_have_arrived` outlives the state
-- `unsettled`: once an outcome was unknown, no later attempt goes without a search.
CREATE TABLE deliveries (
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
    PRIMARY KEY (entry, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_open ON deliveries (destination, state, ifnull(subject, ''), due_us)
    WHERE state NOT IN ('settled', 'dropped');

CREATE TABLE consent (
    number      INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    subject     TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    event       TEXT    NOT NULL CHECK (event IN ('grant', 'withdrawal', 'refusal')),
    recorded_us INTEGER NOT NULL,
    payload     BLOB
) STRICT;
CREATE INDEX consent_subject ON consent (subject, destination);
CREATE TRIGGER consent_no_update BEFORE UPDATE ON consent
BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END;
CREATE TRIGGER consent_no_delete BEFORE DELETE ON consent
BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END;

CREATE TABLE audit (
    number      INTEGER PRIMARY KEY,
    recorded_us INTEGER NOT NULL,
    event       TEXT    NOT NULL,
    manifest    TEXT    NOT NULL,
    hash        BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only'); END;

CREATE TABLE bookmarks (
    device   INTEGER NOT NULL REFERENCES devices (number),
    driver   TEXT    NOT NULL,
    bookmark TEXT    NOT NULL,
    PRIMARY KEY (device, driver)
) STRICT, WITHOUT ROWID;

CREATE TABLE aside (
    number      INTEGER PRIMARY KEY,
    device      INTEGER NOT NULL REFERENCES devices (number),
    driver      TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    byte_offset INTEGER NOT NULL,
    recorded_us INTEGER NOT NULL,
    payload     BLOB    NOT NULL
) STRICT;
CREATE INDEX aside_device ON aside (device);

CREATE TABLE remarks (
    number      INTEGER PRIMARY KEY,
    device      INTEGER NOT NULL REFERENCES devices (number),
    event       TEXT    NOT NULL,
    recorded_us INTEGER NOT NULL,
    payload     BLOB
) STRICT;
CREATE INDEX remarks_device ON remarks (device);

CREATE TABLE pairings (
    subject     TEXT NOT NULL REFERENCES subjects (id),
    destination TEXT NOT NULL,
    secret      BLOB NOT NULL,
    PRIMARY KEY (subject, destination)
) STRICT, WITHOUT ROWID;

-- An entry with its latest timing and all that is known of its device.
CREATE VIEW whole_entries AS
SELECT e.id, e.payload, e.subject, e.attribution, t.measured_us, t.utc_offset_s, t.correction_us,
       t.reason, t.uncertainty_us, t.sendable, d.details,
       e.number, e.device, e.kind, e.slot, e.recorded_us
FROM entries AS e
JOIN devices AS d ON d.number = e.device
JOIN timings AS t ON t.entry = e.number
    AND t.step = (SELECT max(step) FROM timings WHERE entry = e.number);

-- The deliveries that are still open. The condition is word for word that of the index.
CREATE VIEW owed AS
SELECT o.entry, e.id, o.destination, o.state, o.may_have_arrived,
       ifnull(o.subject, '') AS whose, o.due_us, o.attempts
FROM deliveries AS o
JOIN entries AS e ON e.number = o.entry
WHERE o.state NOT IN ('settled', 'dropped');
