-- Step 5: a correction owed may be one of the value: a summary that was sent before all was in.

CREATE TABLE corrections_owed_5 (
    number      INTEGER PRIMARY KEY,
    entry       INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    destination TEXT    NOT NULL,
    subject     TEXT,
    wrong       TEXT    NOT NULL CHECK (wrong IN ('time', 'person', 'value')),
    reference   TEXT,
    since_us    INTEGER NOT NULL,
    done_us     INTEGER
) STRICT;
INSERT INTO corrections_owed_5 SELECT * FROM corrections_owed;
DROP TABLE corrections_owed;
ALTER TABLE corrections_owed_5 RENAME TO corrections_owed;
CREATE INDEX corrections_entry ON corrections_owed (entry);
