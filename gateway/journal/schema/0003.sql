-- Step 3: what tells something about a person is sealed (keys.py); so are devices' own words.
--
-- A device is found by `id`, now a keyed hash of its id. An entry's id is keyed as well, so that
-- nobody can confirm a guessed value by it. `seal`, `entry_id` and `device_id` are the program's.

CREATE TABLE keys (
    owner   TEXT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

SELECT make_keys();

ALTER TABLE subjects ADD COLUMN name BLOB NOT NULL DEFAULT x'';
UPDATE subjects SET name = seal(id, CAST(label AS BLOB), 'subject ' || id);
ALTER TABLE subjects DROP COLUMN label;

UPDATE devices SET id = device_id(id), details = seal('', details, 'device ' || number);

DROP TRIGGER entries_keep;
UPDATE entries SET id = entry_id(id);
UPDATE erased SET id = entry_id(id);
UPDATE entries SET payload = seal(ifnull(subject, ''), payload,
    'entry ' || lower(hex(id)) || ' ' || device || ' ' || kind || ' ' || ifnull(slot, '') || ' '
    || recorded_us);
CREATE TRIGGER entries_keep BEFORE UPDATE OF number, id, device, kind, slot, recorded_us ON entries
BEGIN SELECT RAISE(ABORT, 'what an entry says is never edited'); END;

UPDATE aside SET payload = seal('', payload, 'aside ' || device || ' ' || recorded_us);
UPDATE remarks SET payload = seal('', payload, 'remark ' || device || ' ' || recorded_us)
WHERE payload IS NOT NULL;
UPDATE pairings SET secret = seal(subject, secret, 'pairing ' || subject || ' ' || destination);

DROP TRIGGER consent_no_update;
DROP TRIGGER consent_no_delete;
UPDATE consent SET payload = seal(subject, payload,
    'consent ' || id || ' ' || subject || ' ' || destination || ' ' || event)
WHERE payload IS NOT NULL;
CREATE TRIGGER consent_no_update BEFORE UPDATE ON consent
BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END;
CREATE TRIGGER consent_no_delete BEFORE DELETE ON consent
WHEN EXISTS (SELECT 1 FROM subjects WHERE id = OLD.subject)
BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only while the person is known'); END;
