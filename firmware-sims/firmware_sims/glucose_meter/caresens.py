"""A CareSens meter (i-SENS): a glucose meter of the standard service with a clock of the maker's.

Its base time runs on whatever its clock is set to; the difference is the time offset, unless it is
too long for one. The clock is told whenever it was asked or set. What was tested stands where the
standard has the place it came from: 10 is control solution. HI and LO are status bits beside a
number out of range. A ketone test looks like one of glucose, in tenths of a mmol/L, until its
context says meal 6. Meters below version 1.5 have the clock elsewhere, and say "no records found"
behind the end of each report.
Sources: i-SENS's sample programs, as seanghay/caresens-ble (Android) and
huraypositive/ios-caresens-sample have them; xDrip, TimeTx and ContextRx; Tidepool's uploader and
ble-glucose. Guesses: the octets of a clock's answer that nobody describes, that a place stands
where the standard has the type, that the base time takes the seconds when the clock is set, the
versions' third numbers; and that older meters say both "success" and "no records found": the sample
for iOS waits for the second below 1.5, Tidepool's programs, which read such meters too, for the
first, and the sample for Android takes whichever comes first and passes over another.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bumble import att

from firmware_sims.body import Body
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Fault
from firmware_sims.gatt import NOTIFY, WRITE, att_error, characteristic, device_local, service
from firmware_sims.glucose_meter.bluetooth_sig import GlucoseMeter, MeterSettings
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind, ketone_values
from firmware_sims.packing import caresens, glucose, racp

CLOCK_SERVICE = "C4DEA010-5A9D-11E9-8647-D663BD873D93"
CLOCK = "C4DEA3BC-5A9D-11E9-8647-D663BD873D93"
OLDER_CLOCK_SERVICE, OLDER_CLOCK = 0xFFF0, 0xFFF1
SHOWN_AS_HIGH, SHOWN_AS_LOW = 601, 19  # mg/dL
_COMMAND_OCTETS = 11
_NO_MORE = racp.response(racp.OpCode.REPORT, racp.ResponseCode.NO_RECORDS)
_OFFSETS_MIN = range(-0x8000, 0x8000)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CareSensSettings:
    """How a meter is built; `older`: before version 1.5.

    Every `control_every`th test is of a control solution, every `extremes_every`th shows HI or LO
    in turn, every `ketone_every`th is of ketone.
    """

    older: bool = False
    time_offset_min: int = 0
    meals: bool = True
    control_every: int | None = None
    extremes_every: int | None = None
    ketone_every: int | None = None
    notification_gap_s: float = 0.001


class CareSensMeter(GlucoseMeter):
    """A virtual meter; people take turns, and it knows no users."""

    of_blood = (glucose.FINGER, glucose.CAPILLARY_PLASMA)
    of_control = (glucose.CONTROL_LOCATION, glucose.CONTROL_SOLUTION)

    def __init__(
        self,
        identity: Identity,
        people: People,
        fittings: Fittings,
        settings: CareSensSettings | None = None,
    ) -> None:
        self._made = settings or CareSensSettings()
        older = self._made.older
        built = MeterSettings(
            time_offset_min=self._made.time_offset_min,
            meals=self._made.meals,
            control_every=self._made.control_every,
            software="1.4.0" if older else "1.5.0",
            postscript=_NO_MORE if older else b"",
            notification_gap_s=self._made.notification_gap_s,
        )
        super().__init__(identity, people, fittings, built)
        self._random = random.Random(identity.address)  # noqa: S311 - not a secret
        self._is_high = False

    def clock_services(self, *, secure: bool) -> Sequence[Any]:
        """Return the maker's service, which has the clock."""
        older = self._made.older
        self._clock = characteristic(
            OLDER_CLOCK if older else CLOCK, WRITE | NOTIFY, write=self._command, secure=secure
        )
        return [service(OLDER_CLOCK_SERVICE if older else CLOCK_SERVICE, self._clock)]

    def test_blood(self, body: Body, taken_at: datetime) -> None:
        """Test somebody's blood for ketone, or for glucose with a number or HI or LO."""
        if self.is_turn_of(self._made.ketone_every):
            tenths = self._random.randint(1, 25)
            self.enter(
                taken_at, {Kind.BLOOD_KETONE: ketone_values(tenths)}, person=body.person.name
            )
            self.keep(taken_at, self.wire(tenths), meal=glucose.CARESENS_KETONE)
        elif self.is_turn_of(self._made.extremes_every):
            self._is_high = is_high = not self._is_high
            values = {"range": "high" if is_high else "low"}
            self.enter(taken_at, {Kind.BLOOD_GLUCOSE: values}, person=body.person.name)
            shown = SHOWN_AS_HIGH if is_high else SHOWN_AS_LOW
            status = glucose.Status.RESULT_TOO_HIGH if is_high else glucose.Status.RESULT_TOO_LOW
            self.keep(taken_at, self.wire(shown), status=status)
        else:
            super().test_blood(body, taken_at)

    def _command(self, octets: bytes) -> None:
        if len(octets) != _COMMAND_OCTETS or not octets.startswith(caresens.COMMAND):
            raise att_error(att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR)
        wanted = octets[len(caresens.COMMAND) :]
        if any(wanted):
            self._set(device_local(wanted))
        peripheral = self.life.peripheral
        if peripheral is not None and not self.faults.strikes(Fault.SILENCE):
            answer = caresens.answer(self.clock.device_local())
            self.life.beside(peripheral.notify(self._clock, answer))

    def _set(self, wanted: datetime) -> None:
        base = self.clock.device_local() - timedelta(minutes=self.offset_min or 0)
        ahead_min = round((wanted - base) / _MINUTE)
        self.offset_min = ahead_min if ahead_min in _OFFSETS_MIN else 0
        self.clock.set_to(wanted)
