-- Step 4: an entry's id begins with where it lies (keys.py), so that what comes together lies
-- together in the index. What tells it apart is the rest, all that `erased` keeps.
--
-- `entry_near` gives the new id, `entry_moved` the payload sealed for it; both leave what cannot be
-- read as it is, but for its place among the ids. The audit chain keeps the ids of before: they
-- begin with the rest of the new ones.

DROP TRIGGER entries_keep;
UPDATE entries SET
    id = entry_near(id, device, kind, slot, recorded_us, subject, payload),
    payload = entry_moved(id, device, kind, slot, recorded_us, subject, payload);
CREATE TRIGGER entries_keep BEFORE UPDATE OF number, id, device, kind, slot, recorded_us ON entries
BEGIN SELECT RAISE(ABORT, 'what an entry says is never edited'); END;

DROP TRIGGER entries_erased;
ALTER TABLE erased RENAME TO erased_before;
CREATE TABLE erased (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 12)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO erased SELECT substr(id, 1, 12) FROM erased_before;
DROP TABLE erased_before;
CREATE TRIGGER entries_erased BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM erased WHERE id = substr(NEW.id, 5))
BEGIN SELECT RAISE(IGNORE); END;
