-- Step 7: what the hub itself made of a correction owed, and entries to be looked at again.

-- `due_us` is when it is tried next; with a `problem` it is left to a person, and that says why.
CREATE TABLE corrections_tried (
    number   INTEGER PRIMARY KEY REFERENCES corrections_owed (number) ON DELETE CASCADE,
    due_us   INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    problem  TEXT,
    sum INTEGER GENERATED ALWAYS AS ((number + 3 * due_us + 5 * attempts + row_sum(problem)) % 2147483647) STORED
) STRICT;

-- Entries that were on their way when more was known of whose they are.
CREATE TABLE looked_at_again (
    entry INTEGER PRIMARY KEY REFERENCES entries (number) ON DELETE CASCADE,
    sum INTEGER GENERATED ALWAYS AS (entry % 2147483647) STORED
) STRICT;
