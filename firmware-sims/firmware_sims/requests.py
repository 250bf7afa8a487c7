"""Cuts what a host wrote into requests: the whole ones, and the rest that is not finished."""

Split = tuple[list[bytes], bytes]


def ended_by(terminator: bytes, heard: bytes) -> Split:
    """Cut after each terminator, which is left out of the requests."""
    *requests, rest = heard.split(terminator)
    return requests, rest


def starting_with(start: bytes, size: int, heard: bytes) -> Split:
    """Cut pieces of one size that begin with `start`; what lies between them is skipped."""
    requests = []
    while (place := heard.find(start)) >= 0 and len(heard) - place >= size:
        requests.append(heard[place : place + size])
        heard = heard[place + size :]
    return requests, heard[place:] if place >= 0 else heard[len(heard) - _overlap(heard, start) :]


def _overlap(heard: bytes, start: bytes) -> int:
    """Return how many bytes at the end may be the beginning of `start`."""
    sizes = range(min(len(start) - 1, len(heard)), 0, -1)
    return next((size for size in sizes if heard.endswith(start[:size])), 0)
