"""The local HTTP interface of the daemon.

    server.py      all routes as one application; serve.py, on its socket and on loopback
    hub.py         what they need of the daemon; context.py, handed to each; inside.py, without one
    errors.py      the gateway's errors as answers; headers.py, what is in all of them

Routes, and what only they need:

    people.py  devices.py  pairing.py  readings.py  corrections.py  kiosk.py  screens.py
    consents.py    and destination_pairing.py, with a health space; qr_code.py
    glucose.py     metrics and the report; missed.py, what has stopped coming
    audit.py       and timeline.py, what happened; export.py, all of one person
    health.py      the daemon itself
    moments.py     how a moment is taken

Who may ask:

    auth.py        the socket, or the token; browsers.py, which see the screens; forgotten.py, not
    network.py     the screens in the household's network; listener.py, that nobody takes all of it
"""
