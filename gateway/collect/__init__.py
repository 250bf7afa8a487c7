"""Watches transports, holds conversations with devices, records what they bring.

    supervisor.py  watches; conversations.py, one with each device that is ours; sightings.py, all
    session.py     a conversation as its driver sees it
    patience.py    when a device is connected next; signs.py, what its advertisements tell
    status.py      what is shown of all this; watches.py, how the transports are

What the hub computes of a sensor's samples is made here too:

    summaries.py   mean and GMI of whole days; wearers.py, once they have been read
    reports.py     the page that is deposited
"""
