-- Step 10: boots of the hub whose time was believed and wrong, and up to which entry, by its number,
-- what was received in them is timed anew. A boot is here until all of it is.

CREATE TABLE timed_again (
    boot TEXT    NOT NULL PRIMARY KEY,
    upto INTEGER NOT NULL,
    sum INTEGER GENERATED ALWAYS AS ((upto + row_sum(boot)) % 2147483647) STORED
) STRICT, WITHOUT ROWID;
