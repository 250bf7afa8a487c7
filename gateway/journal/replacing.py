"""Putting another journal in the place of this one: after a power cut it is the one or the other.

    being-made-x7f3/             all that is to come; swept away if it never gets further
       | renamed, once every byte is synced: from here on it is done, now or at the next opening
    replacement/                 plan.json, and what still has to go to its place
       | one thing after the other, what is in its place first moved to
    replaced-20260314T092653Z/   or damaged-...

Of what was there before nothing is overwritten or deleted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from types import MappingProxyType

from gateway import durable
from gateway.clock import Clock
from gateway.errors import JournalError

BESIDE_IT: Mapping[str, Path] = MappingProxyType({})

_READY = "replacement"
_PLAN = "plan.json"
_LOGS = ("-shm", "-wal")  # the engine's, of the journal that is replaced: they go with it


@dataclass(frozen=True, slots=True)
class _Plan:
    aside: str
    """The folder beside the journal for what is replaced."""
    places: dict[str, str]
    """Where files belong, by name, that do not belong beside the journal."""

    @classmethod
    def read(cls, path: Path) -> _Plan:
        """Read it; of a damaged one at least the journal goes to its place."""
        try:
            return cls(**json.loads(path.read_bytes()))
        except (ValueError, TypeError):
            return cls("replaced", {})


def aside(journal: Path, why: str, clock: Clock) -> Path:
    """Return a folder that is not there yet, named by the time, for what is replaced."""
    name = f"{why}-{clock.now().utc.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return _free(journal.parent / name)


def put(
    made: Path, journal: Path, aside: Path, elsewhere: Mapping[str, Path] = BESIDE_IT
) -> Path | None:
    """Put all that is in the folder `made` in its place; what was there goes to `aside`.

    A file belongs beside the journal, if `elsewhere` does not say otherwise by its name. Returns
    `aside`, or None if nothing was replaced. The caller has the writer's lock, and nobody has what
    was made open. Raises JournalError; then nothing is replaced, or the next opening finishes it.
    """
    for place in elsewhere.values():
        if not os.access(place.parent, os.W_OK, effective_ids=True):
            raise JournalError(f"cannot write to {place.parent}, where {place.name} belongs")
    plan = _Plan(aside.name, {name: str(path.absolute()) for name, path in elsewhere.items()})
    try:
        durable.write(made / _PLAN, json.dumps(asdict(plan)).encode())
        durable.sync_tree(made)
        durable.move(made, journal.parent / _READY)
    except OSError as error:
        raise JournalError(f"cannot replace {journal}: {error.strerror}") from error
    finish(journal)
    return aside if aside.exists() else None


def is_unfinished(journal: Path) -> bool:
    """Tell whether a replacement was cut short, so that what is there is of two journals."""
    return (journal.parent / _READY).exists()


def finish(journal: Path) -> None:
    """Finish what was begun, if anything was. The caller has the writer's lock."""
    ready = journal.parent / _READY
    if not ready.exists():
        return
    try:
        if (ready / _PLAN).exists():
            plan = _Plan.read(ready / _PLAN)
            for new, place in _to_do(ready, journal, plan):
                _exchange(new, place, journal.parent / plan.aside, with_logs=place == journal)
            (ready / _PLAN).unlink()
        ready.rmdir()
        durable.sync(journal.parent)
    except OSError as error:
        raise JournalError(
            f"cannot finish replacing {journal}: {error.strerror} ({error.filename}). Nothing is"
            " lost: remove the cause and start again"
        ) from error


def _to_do(ready: Path, journal: Path, plan: _Plan) -> Iterator[tuple[Path, Path]]:
    """Yield what is not in its place yet, and that place."""
    for new in sorted(ready.iterdir()):
        if new.name != _PLAN:
            yield new, Path(plan.places.get(new.name, journal.parent / new.name))


def _exchange(new: Path, place: Path, aside: Path, *, with_logs: bool) -> None:
    logs = [place.with_name(place.name + log) for log in _LOGS] if with_logs else []
    for old in (*logs, place):
        if old.exists() and old.stat().st_size:  # an empty file holds nothing: it was just made
            durable.make_folder(aside)
            durable.move(old, _free(aside / (new.name if old == place else old.name)))
    durable.move(new, place)


def _free(path: Path) -> Path:
    """Return the path, or one beside it that is like it, of which nothing is there."""
    found, nth = path, 1
    while found.exists():
        nth += 1
        found = path.with_name(f"{path.name}-{nth}")
    return found
