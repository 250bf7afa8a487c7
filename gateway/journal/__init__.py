"""The journal: the append-only truth on this machine. One SQLite file, one writer, many readers.

    journal.py     Journal: everything that writes, as awaitable calls that return once durable
    reader.py      Reader: everything that only looks, whether the gateway runs or not
    pages.py       entries, the latest first; measured.py, values over a time; counts.py
    history.py     what the audit chain tells
    views.py       what a Reader returns

Below them, one file for each topic, functions inside the writer's transaction:

    entries.py     readings made durable, once each; recorded.py, until their group is written
    timings.py     when they were measured: by clocks.py, and by boots.py of the hub
    computing.py   what the hub computes about a person
    people.py      who is measured; assigning.py, by which device; handing_over.py, in the past
    attribution.py whose an entry is, by assignments.py or as a person said; saying.py, of many
    earlier.py     what devices held from before they were anybody's
    kiosk.py       whose turn it is at a counter; attending.py, and whether they are there
    devices.py  bookmarks.py  aside.py  pairings.py
    ledger.py      consent: grants, withdrawals, refusals
    outbox.py      what happens to a delivery; of_entry.py, as more is known of its entry;
                   moving.py, from one of its states.py to the next
    claims.py      which due deliveries may leave now; asking.py, what the gate says of them
    corrections.py what was sent and is wrong; correcting.py, which of it is put right now
    retention.py   how long readings stay
    erasing.py     a person and all that is theirs
    audit.py       the hash chain of all of the above

And at the bottom:

    writer.py      the writer's thread, group commit; memory.py, what it need not ask again
    opening.py     schema, keys, and salvage.py where the file is damaged
    damage.py      damage that is met meanwhile; mending.py, what it leaves to be made whole
    carving.py     rows of a damaged file; carved_rows.py, those that are sound into a new one
    backup.py      one encrypted file; restoring.py, taken_back.py what it must not revive
    replacing.py   another journal in the place of this one, all or nothing; scratch.py
    keys.py        what is sealed, for whom; hub_key.py, rekeying.py, sealing.py
    signing.py     checkpoints of the audit chain, to be kept elsewhere
    reserve.py     space kept back for what must be taken down on a full disk
    schema.py      its steps, in schema/*.sql, and whether a file is as they leave it
    database.py    the storage engine, the only file that knows it; lock.py
    ownership.py   as whom root works on it
    entry_rows.py  instants.py   values as they are stored
"""
