"""The picture of a turn: who was in it has seen it, and who comes after them has not.

It stands on the screen for as long as the readings do. Whoever comes to a screen that has hidden
them is asked for it: a name or a code would be more than an unsteady hand, or memory, can give. One
who guesses is right once in nine.
"""

from __future__ import annotations

import hashlib

from gateway.domain.kiosk import KioskSession

PICTURES = ("sun", "moon", "star", "heart", "house", "tree", "key", "fish", "flower")
"""In the order in which they stand on the screen, always: drawn in templates/pictures.html."""


def picture_of(session: KioskSession) -> str:
    """Return the picture of a turn, by the id of its person: only their own receipt shows that."""
    told = hashlib.sha256(f"{session.number} {session.subject}".encode()).digest()
    return PICTURES[int.from_bytes(told[:8]) % len(PICTURES)]
