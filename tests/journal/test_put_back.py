"""A gateway that was put back reads what a later one wrote as it reads what is damaged."""

from pathlib import Path

from gateway.consent.grant import Grant
from gateway.domain.device import Device
from gateway.domain.reading import Reading
from gateway.journal.reader import Reader
from tests.journal.making import SCALE, consenting, grant, open_journal, weight, withdrawal


class LaterDevice(Device):
    later: str = "not known here"


class LaterReading(Reading):
    later: str = "not known here"


class LaterGrant(Grant):
    later: str = "not known here"


async def test_a_reading_of_a_later_gateway_is_left_out_and_holds_up_no_other(path: Path) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        (later,) = await journal.record(SCALE, [LaterReading(**dict(weight(1)))])
        (known,) = await journal.record(SCALE, [weight(2)])

    async with open_journal(path) as journal:
        released = await journal.claim("mes", 2, known.timing.measured_at)
    with Reader.open(path) as reader:
        shown = [view.entry.id for view in reader.entries()]
        damaged = reader.damaged()

    assert [each.delivery.entry.id for each in released] == [known.id]
    assert (shown, damaged) == ([known.id], [later.id])


async def test_a_device_as_a_later_gateway_knew_it_goes_on_being_read(path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(LaterDevice(**dict(SCALE)), [weight(1)])

    async with open_journal(path) as journal:
        new = await journal.record(SCALE, [weight(2)])
    with Reader.open(path) as reader:
        (known,) = reader.devices()
        shown = len(reader.entries())

    assert (len(new), known.device, shown) == (1, SCALE, 2)


async def test_a_consent_of_a_later_gateway_lets_nothing_go_and_stops_nobody_elses(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record_withdrawal(withdrawal(subject))
        later = LaterGrant(**dict(grant(subject, "grant-2")))
        await journal.record_grant(later)
        await journal.record(SCALE, [weight(1)])

    async with open_journal(path) as journal:
        meanwhile = await journal.claim("mes", 1, later.given_at)
        await journal.record_grant(grant(subject, "grant-3"))
        (released,) = await journal.claim("mes", 1, later.given_at)

    assert meanwhile == []
    assert released.grant.id == "grant-3"
