-- Step 9: what a grant of before is good for, which names no address: where its destination was when
-- this step was taken. `address_of` is the program's; it has none of what is not in the configuration.
-- As bytes an address is told from what the indexes hold when rows are saved one by one (salvage.py).

CREATE TABLE unnamed_addresses (
    destination TEXT NOT NULL PRIMARY KEY,
    address     BLOB NOT NULL,
    sum INTEGER GENERATED ALWAYS AS (row_sum(destination, hex(address)) % 2147483647) STORED
) STRICT, WITHOUT ROWID;
INSERT INTO unnamed_addresses (destination, address)
SELECT destination, address_of(destination) FROM consent
WHERE event = 'grant' AND address_of(destination) IS NOT NULL GROUP BY destination;
