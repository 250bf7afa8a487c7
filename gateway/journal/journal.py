"""The journal as the rest of the gateway sees it: calls that return once they are durable.

Every call is one transaction: all of it is written and synced, or nothing. A few have more to do
than recording could wait for: they take several, and say what a crash leaves. Calls made at the
same time share a sync. All raise JournalError, and JournalFull where the disk is full; they work
again by themselves once there is space.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from types import TracebackType

from gateway.clock import Clock, Instant
from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.consent.grant import Grant, Withdrawal
from gateway.domain.correction import Wrong
from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.kiosk import USUAL, ClosedBy, KioskEnded, KioskSession, OpenedBy
from gateway.domain.reading import Kind, Reading
from gateway.domain.receipt import Receipt
from gateway.domain.subject import Assignment, Subject, SubjectId
from gateway.drivers.api import Frame
from gateway.errors import DecodeError, JournalError
from gateway.journal import (
    aside,
    asking,
    assigning,
    attending,
    attribution,
    bookmarks,
    claims,
    computing,
    correcting,
    corrections,
    devices,
    entries,
    erasing,
    kiosk,
    ledger,
    mending,
    outbox,
    pairings,
    people,
    timings,
)
from gateway.journal import retention as retaining
from gateway.journal.computing import Outdated
from gateway.journal.damage import Damage
from gateway.journal.database import make_private
from gateway.journal.hub_key import HubKey
from gateway.journal.ledger import NOWHERE, Addresses
from gateway.journal.lock import WriterLock
from gateway.journal.opening import Opening, empty_log
from gateway.journal.reserve import Reserve
from gateway.journal.retention import Expiry, Retention
from gateway.journal.saying import Saying
from gateway.journal.taken_back import TakenBack, TakenBackFile
from gateway.journal.views import Handover
from gateway.journal.writer import Transaction, Writer, run_now

Routes = Mapping[str, frozenset[Kind]]
"""The destinations and the kinds of reading each takes."""


class Journal:
    """The one writer of a journal. Use it on one event loop; close it in the end."""

    def __init__(
        self,
        lock: WriterLock,
        writer: Writer,
        taken_back: TakenBackFile,
        zone: tzinfo,
        routes: Routes,
        addresses: Addresses,
        damage: Damage,
    ) -> None:
        """Use `Journal.open`."""
        self.damage = damage
        """What damage was met since it was opened; whoever runs the journal waits for it."""
        self._lock = lock
        self._writer = writer
        self._taken_back = taken_back
        self._zone = zone
        self._routes = routes
        self._addresses = addresses
        self._saying = Saying(writer)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        zone: tzinfo,
        routes: Routes,
        addresses: Addresses = NOWHERE,
        hub_keys: Sequence[HubKey] = (),
    ) -> Journal:
        """Open the journal, made if it is not there, as its only writer.

        `zone` is the hub's. `routes` says which new entries are queued where, `addresses` where
        these destinations are: grants are good there alone. Deliveries that were on their way when
        the gateway last ended become unsettled. Raises JournalError if another process writes it,
        or if a newer gateway wrote it. A damaged one is set aside and salvaged; a restore or a
        salvage that was cut short is finished first.
        `hub_keys` are those to try; by default those of the folder `keys` beside it, made if there
        are none.
        """
        make_private(path)
        with ExitStack() as undo:
            lock = WriterLock(path)
            undo.callback(lock.release)
            database, keys = Opening(path, clock, zone, routes, addresses, hub_keys).database()
            undo.callback(database.close)
            taken_back = TakenBackFile(path)
            run_now(database, keys, clock, lambda tx: mending.mend(tx, taken_back.all()))
            empty_log(database)
            undo.pop_all()
        reserve = Reserve(path)
        reserve.hold()
        damage = Damage()
        writer = Writer(
            database, keys, clock, reserve, damage, lambda tx: asking.ask(tx, routes, addresses)
        )
        return cls(lock, writer, taken_back, zone, routes, addresses, damage)

    async def close(self) -> None:
        """Finish the calls under way and let the journal go; harmless if repeated."""
        try:
            await self._writer.close()
        finally:
            self._lock.release()

    async def __aenter__(self) -> Journal:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def commits(self) -> int:
        """How many transactions were committed since it was opened."""
        return self._writer.commits

    async def answers(self) -> None:
        """Return once the writer has got to this call, which writes nothing."""
        await self._writer.run(lambda _: None)

    # --- readings -------------------------------------------------------------------------------

    async def record(
        self, device: Device, readings: Sequence[Reading], bookmark: str | None = None
    ) -> list[Entry]:
        """Make readings of one device durable; return the entries that are new, in order.

        In the same transaction each gets its time and its person, is queued where `routes` says,
        and the bookmark, if given, moves. A reading that is already there is no news.
        """
        return await self._writer.run(
            lambda tx: entries.record(
                tx, device, readings, bookmark, self._zone, self._routes, self._addresses
            ),
            joins=True,
        )

    async def compute(
        self,
        device: Device,
        subject: SubjectId,
        reading: Reading,
        *,
        instead_of: Outdated | None = None,
    ) -> Entry | None:
        """Make durable what was computed here about the subject; None if it is no news.

        It is theirs whatever the assignments say, and its period ends when `device_time` says. In
        the same transaction it is queued where `routes` says. `instead_of` is an earlier one of the
        same period: it is set apart if it never left; if it did, it stays, nothing new is kept, and
        its destinations are owed a correction.
        """
        new = await self._writer.run(
            lambda tx: computing.compute(
                tx, device, subject, reading, instead_of, self._routes, self._addresses
            )
        )
        return new[0] if new else None

    async def set_apart(self, outdated: Outdated) -> None:
        """Let what was computed leave no more: nothing is left to compute it from.

        If it has left, or may have, it stays, and its destinations are owed a correction.
        """
        await self._writer.run(lambda tx: computing.set_apart(tx, outdated))

    async def hub_time_known(self, now: Instant, *, stepped: bool = False) -> int:
        """Correct what was received while the hub did not know the time; return how many entries.

        `now` is trusted. `stepped` tells that the hub's clock, trusted before, was set: everything
        received since the hub was started is looked at again. What waits for a moment that a wrong
        clock set, years ahead, waits no more, and what was withheld because by such a clock a
        consent had ended is asked about again.

        All that takes several transactions, so that recording goes on. Whatever a crash leaves is
        sent nowhere until this is called again, as it is after each start.
        """

        def work(tx: Transaction) -> tuple[int, bool]:
            outbox.bring_back(tx, now.utc)
            corrections.bring_back(tx, now.utc)
            ledger.clock_was_set(tx, now.utc)
            timings.hub_time_known(tx, now, stepped=stepped)
            return timings.time_wrong(tx, self._zone)

        corrected, more = await self._writer.run(work)
        while more:
            some, more = await self._writer.run(partial(timings.time_wrong, zone=self._zone))
            corrected += some
        last: int | None = 0
        while last is not None:
            some, last = await self._writer.run(
                partial(timings.time_waiting, zone=self._zone, after=last)
            )
            corrected += some
        return corrected

    async def bookmark(self, device: Device) -> str | None:
        """Return what `device.driver` last set for the device, or None."""
        return await self._writer.run(lambda tx: bookmarks.bookmark(tx, device))

    async def set_bookmark(self, device: Device, bookmark: str) -> None:
        """Move the bookmark of `device.driver` where no reading stands for it."""
        await self._writer.run(lambda tx: bookmarks.set_bookmark(tx, device, bookmark))

    async def set_aside(self, device: Device, frame: Frame, error: DecodeError) -> None:
        """Keep a frame that `device.driver` could not read; the newest `aside.KEPT` are kept."""
        await self._writer.run(lambda tx: aside.set_aside(tx, device, frame, error))

    async def remark(self, device: Device, event: str, frame: Frame | None = None) -> None:
        """Keep an event that is no reading; the newest `aside.KEPT` of a device are kept."""
        await self._writer.run(lambda tx: aside.remark(tx, device, event, frame))

    # --- devices and people ---------------------------------------------------------------------

    async def describe(self, device: Device) -> Device:
        """Keep what is known of the device; return it with all that is known by now."""
        return await self._writer.run(lambda tx: devices.describe(tx, device)[1])

    async def adopt(self, device: DeviceId, driver: str) -> None:
        """Keep that the owner accepted this device, to be read by this driver."""
        await self._writer.run(lambda tx: devices.adopt(tx, device, driver))

    async def disown(self, device: DeviceId) -> None:
        """Keep that the device is ours no more."""
        await self._writer.run(lambda tx: devices.disown(tx, device))

    async def pairing_answered(self, device: DeviceId, how: str) -> None:
        """Keep what a person said when the device was being paired: code, agreed or refused."""
        await self._writer.run(lambda tx: devices.pairing_answered(tx, device, how))

    async def bond_forgotten(self, device: DeviceId) -> None:
        """Keep that the bond with the device was dropped."""
        await self._writer.run(lambda tx: devices.bond_forgotten(tx, device))

    async def add_subject(self, label: str) -> Subject:
        """Add a person under a new opaque id. `label` is what the household calls them."""
        return await self._writer.run(lambda tx: people.add_subject(tx, label))

    async def exported(self, subject: SubjectId) -> None:
        """Keep that all that is here of a person was handed out, before it is."""
        await self._writer.run(lambda tx: people.exported(tx, subject))

    async def erase(self, subject: SubjectId) -> int:
        """Erase a person: their key, then all that is about them; return how many readings.

        What is on its way at that moment is for `uplink.worker.Worker.quiesce` to stop, before.
        """

        def work(tx: Transaction) -> int:
            erased = erasing.erase(tx, subject)
            self._take_back(tx, TakenBack(f"erasure-{subject}", subject, None))
            return erased

        async with self._saying.all_done():
            return await self._writer.run(work, vital=True)

    def _take_back(self, tx: Transaction, taken: TakenBack) -> None:
        """Keep it beside the database as well, unless the transaction fails."""
        tx.undo.append(partial(self._taken_back.cut, self._taken_back.add(taken)))

    async def expire(self, retention: Retention, now: datetime) -> dict[Expiry, int]:
        """Forget readings older than they are kept; return how many, by reason. Each is named.

        `now` is trusted. The call that returns is one transaction: call it again until it has none.
        """
        return await self._writer.run(lambda tx: retaining.expire(tx, retention, now))

    async def assign(
        self,
        device: DeviceId,
        slot: str | None,
        subject: SubjectId,
        since: datetime,
        until: datetime | None = None,
    ) -> Assignment:
        """Keep that the device (and slot; None for every slot) measures the subject.

        Entries of nobody that it covers become the subject's, and their deliveries due; many of
        them as in `hand_over`.
        """
        made = Assignment(device=device, slot=slot, subject=subject, since=since, until=until)
        await self._saying.say(lambda tx: assigning.assign(tx, made))
        return made

    async def end_assignment(self, assignment: Assignment, until: datetime) -> Assignment:
        """Let an assignment end; whose its later readings are is said anew, as in `hand_over`."""
        return await self._saying.say(lambda tx: assigning.end_assignment(tx, assignment, until))

    async def hand_over(self, period: Assignment, *, only_look: bool = False) -> Handover:
        """Keep that the device measured the subject in a period that is over; say what that did.

        What was said before of the device (and slot; None for every slot) is cut where it was
        wrong, and whose the readings are follows; what a person said of one of them stands. With
        `only_look` nothing is done. Raises JournalError as `handing_over.say`.

        More than `attribution.AT_ONCE` readings follow in several transactions, so that recording
        goes on. If it fails or the power is cut after the first, the rest follows before any of it
        may leave, and all of it at the next start, or with the next call of this kind.
        """
        return await self._saying.hand_over(period, only_look=only_look)

    async def reassign(self, entry: ReadingId, subject: SubjectId) -> None:
        """Make someone's entry another's; what was sent of it becomes a correction owed there."""
        await self._writer.run(lambda tx: attribution.reassign(tx, entry, subject))

    async def dismiss(self, entry: ReadingId) -> None:
        """Make an entry nobody's for good: a guest's, a pet's, a test. It is kept and not sent."""
        await self._writer.run(lambda tx: attribution.dismiss(tx, entry))

    async def claim_corrections(
        self, destination: str, limit: int, now: datetime
    ) -> list[ReleasedCorrection]:
        """Release up to `limit` corrections that are due there, as the consent ledger is now."""
        return await self._writer.run(
            lambda tx: correcting.claim(tx, destination, limit, now, self._addresses),
            vital=True,
        )

    async def corrected(self, correction: ReleasedCorrection) -> None:
        """Keep that the destination has taken a correction; what more is known by now is heeded."""

        def work(tx: Transaction) -> None:
            corrections.done(tx, correction.number)
            if correction.wrong is Wrong.TIME:
                told = correction.released
                timings.came_back(tx, told, told.delivery.entry.timing)

        await self._writer.run(work, vital=True)

    async def correct_at(self, correction: ReleasedCorrection, due_at: datetime) -> None:
        """Keep that it is to be tried again then; doing it twice is harmless."""
        await self._writer.run(
            lambda tx: corrections.retry_at(tx, correction.number, due_at), vital=True
        )

    async def leave_correction(self, correction: ReleasedCorrection, why: str) -> None:
        """Keep that a person has to see to it. `why` is shown, so nothing personal."""
        await self._writer.run(lambda tx: corrections.leave(tx, correction.number, why), vital=True)

    async def next_correction_due(self, destination: str) -> datetime | None:
        """Return when the next correction there is due, perhaps long ago; None if none is."""
        return await self._writer.run(lambda tx: corrections.next_due(tx.db, destination))

    async def correction_done(self, *numbers: int) -> None:
        """Keep that corrections owed were made at their destination: all of them, or none."""
        await self._writer.run(lambda tx: corrections.done(tx, *numbers))

    async def claim_entry(self, entry: ReadingId, subject: SubjectId) -> None:
        """Make an entry of nobody the subject's; its deliveries become due."""
        await self._writer.run(lambda tx: attribution.claim(tx, entry, subject))

    # --- the kiosk ------------------------------------------------------------------------------

    async def open_kiosk(
        self,
        devices: Sequence[DeviceId],
        *,
        subject: SubjectId | None = None,
        opened_by: OpenedBy = OpenedBy.PERSON,
        lasts: timedelta = USUAL,
        attended: timedelta | None = None,
    ) -> KioskSession:
        """Let the devices measure one person from now on; a guest if none is named.

        With `attended` they measure them for so long, unless the person shows to be there still.
        Raises JournalError while a session is open: close it first.
        """
        return await self._writer.run(
            lambda tx: kiosk.open_session(tx, devices, subject, opened_by, lasts, attended)
        )

    async def prolong_kiosk(
        self, lasts: timedelta, attended: timedelta | None = None, session: int | None = None
    ) -> KioskSession:
        """Let the session that is open last so long from now on. Raises JournalError if none is.

        Its person, if they are there, is so for `attended` more, without it until the end. With
        `session`, only that one, by its number: another may have begun since.
        """
        return await self._writer.run(lambda tx: kiosk.prolong(tx, lasts, attended, session))

    async def attend_kiosk(self, session: int, attended: timedelta) -> KioskSession:
        """Keep that the person of the session at the kiosk is there, for so long from now on.

        Raises JournalError where it is over, or nobody was there for too long.
        """
        return await self._writer.run(lambda tx: attending.attend(tx, session, attended))

    async def come_back_to_kiosk(self, session: int, attended: timedelta) -> KioskSession:
        """Keep that the person of the session is there again: from now on devices measure them.

        What was measured meanwhile stays nobody's. Done on a full disk as well: only who is there
        can take consent back. Raises JournalError where the session is over.
        """
        return await self._writer.run(
            lambda tx: attending.come_back(tx, session, attended), vital=True
        )

    async def claim_at_kiosk(self, session: int, entry: ReadingId) -> None:
        """Make nobody's reading that of the person of the session, who says that it is theirs.

        Raises JournalError where they are not there, or where it cannot be of their session.
        """
        await self._writer.run(lambda tx: attending.claim(tx, session, entry))

    async def end_kiosk_in(self, lasts: timedelta, session: int | None = None) -> KioskSession:
        """Let the session at the kiosk end so long from now, unless it is prolonged meanwhile.

        With `session`, only that one. Raises JournalError where none is open, or its limit has
        passed.
        """
        return await self._writer.run(lambda tx: kiosk.end_in(tx, lasts, session))

    async def keep_kiosk(self, label: str, session: int | None = None) -> KioskSession:
        """Keep that the guest at the kiosk chose to stay known here, by this name.

        With `session`, only that one's. Raises JournalError where none is open.
        """
        return await self._writer.run(lambda tx: kiosk.keep(tx, label, session))

    async def close_kiosk(self, by: ClosedBy, session: int | None = None) -> KioskEnded | None:
        """End the session, if one is open; a guest who did not choose to stay is erased.

        With `session`, only if it is that one, by its number: another may have begun since. What is
        on its way at that moment is for `uplink.worker.Worker.quiesce` to stop, before.
        """

        def work(tx: Transaction) -> KioskEnded | None:
            ended = kiosk.close(tx, by, session)
            if ended is not None and ended.erased is not None:
                gone = ended.session.subject
                self._take_back(tx, TakenBack(f"erasure-{gone}", gone, None))
            return ended

        return await self._writer.run(work, vital=True)

    # --- consent --------------------------------------------------------------------------------

    async def record_grant(self, grant: Grant) -> None:
        """Keep a grant; what is withheld of the subject at that destination becomes due."""
        async with self._saying.all_done():
            await self._writer.run(
                lambda tx: ledger.record_grant(tx, grant, self._routes), vital=True
            )

    async def record_withdrawal(self, withdrawal: Withdrawal) -> int:
        """Keep a withdrawal and drop what is still owed; return how many deliveries were dropped.

        What is on its way at that moment is for `uplink.worker.Worker.quiesce` to stop, afterwards.
        One that may have arrived stays marked so.
        """

        def work(tx: Transaction) -> int:
            dropped = ledger.record_withdrawal(tx, withdrawal)
            subject, destination = withdrawal.subject, withdrawal.destination
            number = ledger.number_of(tx.db, withdrawal.id)
            grants = ledger.grants_of(tx.db, subject, destination)
            self._take_back(tx, TakenBack(withdrawal.id, subject, destination, number, grants))
            return dropped

        return await self._writer.run(work, vital=True)

    # --- deliveries -----------------------------------------------------------------------------

    async def claim(self, destination: str, limit: int, now: datetime) -> list[Released]:
        """Release up to `limit` due deliveries: in due order, subjects taking turns.

        They are marked as on their way before this returns: after a crash they are searched for
        first. Those the gate refuses are withheld. An empty list can still leave something due:
        ask `next_due`. If the caller is cancelled meanwhile, what was released is given back.
        """
        claimed = self._writer.run(
            lambda tx: claims.claim(tx, destination, limit, now, self._addresses)
        )
        try:
            return await asyncio.shield(claimed)
        except asyncio.CancelledError:
            claimed.add_done_callback(lambda done: self._give_back(done, now))
            raise

    def _give_back(self, claimed: asyncio.Future[list[Released]], now: datetime) -> None:
        """Make due again what was released to a caller who no longer waits for it."""
        if claimed.cancelled() or claimed.exception() is not None:
            return

        def back(tx: Transaction) -> None:
            for released in claimed.result():
                with suppress(JournalError):  # erased meanwhile
                    outbox.retry_at(tx, released, now, "not sent")

        with suppress(JournalError):  # closed by now: the next start makes them unsettled
            self._writer.run(back)

    async def settle(self, released: Released, receipt: Receipt) -> None:
        """Keep that the destination has it."""
        await self._come_back(
            lambda tx: outbox.settle(tx, released, receipt),
            released,
            receipt.found_at,
            vital=True,
        )

    async def retry_at(self, released: Released, due_at: datetime, why: str) -> None:
        """Keep that nothing arrived; it is due again then. `why` is shown, so nothing personal."""
        await self._come_back(lambda tx: outbox.retry_at(tx, released, due_at, why), released)

    async def unsettle(self, released: Released, due_at: datetime, why: str) -> None:
        """Keep that it may have arrived; it is to be searched for then."""
        await self._come_back(
            lambda tx: outbox.unsettle(tx, released, due_at, why), released, vital=True
        )

    async def park(self, released: Released, reason: str) -> None:
        """Keep that the destination will never take it as it is."""
        await self._come_back(lambda tx: outbox.park(tx, released, reason), released)

    async def refuse(self, released: Released) -> None:
        """Keep that the destination refuses the person: all of theirs waits for a new grant."""
        await self._come_back(lambda tx: ledger.record_refusal(tx, released), released, vital=True)

    async def _come_back(
        self,
        write: Callable[[Transaction], None],
        released: Released,
        found_at: Timing | None = None,
        *,
        vital: bool = False,
    ) -> None:
        """Keep what became of a delivery; what more is known of it by now is heeded then."""
        sent = found_at or released.delivery.entry.timing

        def work(tx: Transaction) -> None:
            write(tx)
            timings.came_back(tx, released, sent)
            attribution.came_back(tx, released.delivery.entry.id)

        await self._writer.run(work, vital=vital)

    async def retry_parked(
        self, *, destination: str | None = None, entry: ReadingId | None = None
    ) -> int:
        """Make parked deliveries due again, all or those named; return how many.

        Many take several transactions, so that recording goes on; a crash leaves the rest parked.
        """
        retried, more = 0, True
        while more:
            some = await self._writer.run(lambda tx: outbox.retry_parked(tx, destination, entry))
            retried, more = retried + some, some == outbox.AT_ONCE
        return retried

    async def hasten(self, subject: SubjectId, destination: str) -> None:
        """Make what waits of the subject there due at once: they have been paired anew."""
        await self._writer.run(lambda tx: outbox.hasten(tx, subject, destination))

    async def next_due(self, destination: str) -> datetime | None:
        """Return when the next delivery there is due, perhaps long ago; None if none is."""
        return await self._writer.run(lambda tx: claims.next_due(tx.db, destination))

    def when_due(self, destination: str, wake: Callable[[], None]) -> None:
        """Have `wake` called on the event loop whenever something there becomes due."""
        self._writer.when_due(destination, wake)

    # --- pairings -------------------------------------------------------------------------------

    async def pairing(self, subject: SubjectId, destination: str) -> bytes | None:
        """Return the secret by which the destination knows the subject, or None."""
        return await self._writer.run(lambda tx: pairings.pairing(tx, subject, destination))

    async def set_pairing(self, subject: SubjectId, destination: str, secret: bytes) -> None:
        """Keep the secret in place of the one before, also when the disk is full.

        The one before may be worth nothing any more.
        """
        await self._writer.run(
            lambda tx: pairings.set_pairing(tx, subject, destination, secret), vital=True
        )

    async def delete_pairing(self, subject: SubjectId, destination: str) -> None:
        """Forget the secret; harmless if there is none."""
        await self._writer.run(lambda tx: pairings.delete_pairing(tx, subject, destination))
