"""A restore that is cut short anywhere leaves the hub as it was, or as the backup makes it."""

import asyncio
import errno
import os
import shutil
from pathlib import Path

import pytest

from gateway import durable
from gateway.errors import JournalError
from gateway.journal import backup
from gateway.journal.reader import Reader
from gateway.journal.restoring import restore
from gateway.testing.clock import START, ManualClock
from tests.journal.cutting import PowerCuts
from tests.journal.making import ROUTES, SCALE, ZONE, consenting, open_journal, weight, withdrawal

PHRASE = b"correct horse"
OLD, NEW = "of this hub", "of the backup"


class Hub:
    """A hub, its state and its radio, and a backup of it that is older."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "hub"
        self.path = self.folder / "state" / "journal.db"
        self.bonds = self.folder / "radio" / "bonds.json"
        self.backup = folder / "backup"

    async def make(self) -> None:
        self.bonds.parent.mkdir(parents=True)
        self.bonds.write_text(NEW)
        async with open_journal(self.path) as journal:
            subject = await consenting(journal)
            await journal.record(SCALE, [weight(n) for n in range(3)])
        backup.write(self.backup, PHRASE, self.path, {"bonds-0.json": self.bonds.read_bytes()})
        self.bonds.write_text(OLD)
        async with open_journal(self.path) as journal:
            await journal.record(SCALE, [weight(3)])
            await journal.record_withdrawal(withdrawal(subject))
            await journal.record(SCALE, [weight(4)])

    def restore(self) -> None:
        others = {"bonds-0.json": self.bonds}
        restore(
            *(self.backup, PHRASE, self.path, ManualClock(), ZONE, ROUTES),
            consents_stand=True,
            others=others,
        )

    async def is_restored(self) -> bool:
        """Start it; tell whether it is the backup's now. That it is half of it is no answer."""
        async with open_journal(self.path) as journal:
            assert await journal.claim("mes", 10, START) == []
        readings = _readings(self.path)
        assert sorted(each.name for each in self.path.parent.glob("*e*ing*-*")) == []
        assert not (self.path.parent / "replacement").exists()
        replaced = list(self.path.parent.glob("replaced-*"))
        if readings == 5:
            assert (self.bonds.read_text(), replaced) == (OLD, [])
            return False
        assert (readings, self.bonds.read_text()) == (3, NEW)
        assert _readings(replaced[0] / "journal.db") == 5
        assert (replaced[0] / "bonds-0.json").read_text() == OLD
        return True


def _readings(path: Path) -> int:
    with Reader.open(path) as reader:
        assert reader.verify_against(None).whole
        return reader.summary().entries


def _cuts(folder: Path) -> tuple[Hub, PowerCuts]:
    hub = Hub(folder)
    asyncio.run(hub.make())
    with PowerCuts(hub.folder) as cuts:
        hub.restore()
        cuts.acknowledged()
    return hub, cuts


def test_the_power_may_fail_at_any_moment(tmp_path: Path) -> None:
    hub, cuts = _cuts(tmp_path)
    restored = []
    for cut in cuts.all:
        cut.lay(hub.folder)
        restored.append(asyncio.run(hub.is_restored()))
        assert restored[-1] or not cut.acknowledged, cut

    assert len(restored) > 40
    assert {True, False} == set(restored)


def test_what_has_no_place_to_go_to_is_refused_before_anything_is_replaced(
    tmp_path: Path,
) -> None:
    hub = Hub(tmp_path)
    asyncio.run(hub.make())
    shutil.rmtree(hub.bonds.parent)

    with pytest.raises(JournalError, match=r"cannot write to .*/radio, where bonds\.json belongs"):
        hub.restore()

    assert _readings(hub.path) == 5
    assert not list(hub.path.parent.glob("repl*"))


def test_a_damaged_plan_still_puts_the_journal_in_its_place(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    asyncio.run(hub.make())
    ready = hub.path.parent / "replacement"
    hub.path.parent.rename(tmp_path / "other")
    asyncio.run(open_journal(hub.path).close())
    (tmp_path / "other").rename(ready)
    (ready / "plan.json").write_text("{")

    asyncio.run(open_journal(hub.path).close())

    assert _readings(hub.path) == 5
    assert _readings(hub.path.parent / "replaced" / "journal.db") == 0


def test_bonds_go_to_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the power fails, each of the two disks has its own moment."""
    hub = Hub(tmp_path)
    asyncio.run(hub.make())
    real = os.rename

    def between_disks(path: Path, to: Path) -> None:
        if len({hub.bonds.parent in each.parents for each in (Path(path), Path(to))}) == 2:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(path, to)

    monkeypatch.setattr(os, "rename", between_disks)
    with PowerCuts(hub.folder) as cuts:
        hub.restore()
        cuts.acknowledged()

    restored = []
    for cut in cuts.all:
        cut.lay(hub.folder)
        restored.append(asyncio.run(hub.is_restored()))
        assert restored[-1] or not cut.acknowledged, cut
    assert {True, False} == set(restored)


def test_without_syncs_it_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: it shows that the test above can fail."""
    monkeypatch.setattr(durable, "sync", lambda _: None)
    hub, cuts = _cuts(tmp_path)
    for cut in cuts.all:
        cut.lay(hub.folder)
        try:
            asyncio.run(hub.is_restored())
        except Exception:  # noqa: BLE001  whatever it is that goes wrong
            return

    pytest.fail("a restore that syncs nothing stood every cut")
