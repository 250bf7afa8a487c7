"""The vocabulary of Mon espace santé as tables: profiles, codes, terminology generations.

Two families of profiles and two generations of codes are in use and nobody outside the health
space knows which its server wants, so both are choices of the configuration. What the guide
"Mesures de santé" 3.2.0 and the API of measures 1.5.2 say of each kind stands here and nowhere
else; `mes_mapping` only puts it together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Measure

LOINC = "http://loinc.org"
MDC = "urn:iso:std:iso:11073:10101"
UCUM = "http://unitsofmeasure.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_ANS_LOINC = "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc"
_TAASIP = "https://mos.esante.gouv.fr/NOS/TRE_R308-TAASIP/FHIR/TRE-R308-TAASIP"
_CISIS = "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis"

GUIDE = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition/"
_SERVER = "https://fhir.monespacesante.fr/ref/mesure/StructureDefinition/mes-observation-"

BUNDLE_PROFILE = f"{GUIDE}mesures-bundle-flux-alimentation"
MOMENT = f"{GUIDE}mesures-moment-of-measurement"
NUMBER_OF_DAYS = f"{GUIDE}mesures-number-of-days"
ORIGINAL_DATA = f"{GUIDE}mesures-original-data"


class Profiles(StrEnum):
    """Whose canonical URLs stand in `meta.profile`."""

    GUIDE = "guide"
    """Those of the published guide."""
    SERVER = "server"
    """Those that the server's own demonstration guide derives from them; no oxygen saturation."""


class Terminology(StrEnum):
    """Which generation of codes the server is held to know, where glucose has two."""

    API_1_5_2 = "api-1.5.2"
    """Value sets J154, J157 and J164 of 2022, by which the examples of the guide 3.2.0 still go."""
    SMT_2025 = "smt-2025"
    """The same value sets since they are kept by the SMT; J154 and J164 of 28 July 2025."""


class DeviceLink(StrEnum):
    """How the Observation names the Device of its bundle."""

    ID = "id"
    """`Device/<id>`, literally: what Mon espace santé demands."""
    FULL_URL = "full_url"
    """`urn:uuid:<id>`: what any other FHIR server resolves."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one server wants its bundles. `solution_oid` is the dotted OID of the sender."""

    solution_oid: str
    profiles: Profiles = Profiles.GUIDE
    terminology: Terminology = Terminology.API_1_5_2
    device_link: DeviceLink = DeviceLink.ID


@dataclass(frozen=True, slots=True)
class Code:
    """A code and the system it belongs to. No display: one that differs from theirs is an error."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Part:
    """One number of an Observation: its measure, its unit, and its codes if it is a component."""

    measure: Measure
    unit: Unit
    codes: tuple[Code, ...] = ()
    mandatory: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a kind of reading goes.

    `codes` come in the order of the API 1.5.2. `search_code` is the one its search documents.
    One part without codes is the Observation's value; parts with codes are its components.
    `in_bundle_profile` tells whether the profile of the general bundle admits it (glucose: no).
    """

    guide_profile: str
    server_profile: str | None
    codes: tuple[Code, ...]
    search_code: str
    parts: tuple[Part, ...]
    in_bundle_profile: bool = True

    def profile(self, profiles: Profiles) -> str | None:
        """Return the canonical URL of its profile; None if that family has none."""
        if profiles is Profiles.GUIDE:
            return GUIDE + self.guide_profile
        return None if self.server_profile is None else _SERVER + self.server_profile


SLOTS: Mapping[Kind, Slot] = {
    Kind.BLOOD_PRESSURE: Slot(
        "mesures-fr-observation-bp",
        "bp",
        (Code(LOINC, "85354-9"), Code(MDC, "150020")),
        "85354-9",
        (
            Part(Measure.SYSTOLIC, Unit.MMHG, (Code(LOINC, "8480-6"), Code(MDC, "150021"))),
            Part(Measure.DIASTOLIC, Unit.MMHG, (Code(LOINC, "8462-4"), Code(MDC, "150022"))),
            Part(
                Measure.MEAN_ARTERIAL,
                Unit.MMHG,
                (Code(LOINC, "8478-0"), Code(MDC, "150023")),
                mandatory=False,
            ),
        ),
    ),
    # No MDC code for the pulse: 149546 (cuff) and 149530 (oximeter) depend on what measured it.
    Kind.HEART_RATE: Slot(
        "mesures-fr-observation-heartrate",
        "heartrate",
        (Code(LOINC, "8867-4"),),
        "8867-4",
        (Part(Measure.PULSE_RATE, Unit.PER_MINUTE),),
    ),
    Kind.WEIGHT: Slot(
        "mesures-fr-observation-body-weight",
        "bodyweight",
        (Code(LOINC, "29463-7"), Code(MDC, "188736")),
        "29463-7",
        (Part(Measure.WEIGHT, Unit.KILOGRAM),),
    ),
    Kind.HEIGHT: Slot(
        "mesures-fr-observation-bodyheight",
        "bodyheight",
        (Code(LOINC, "8302-2"), Code(MDC, "188740")),
        "8302-2",
        (Part(Measure.HEIGHT, Unit.CENTIMETRE),),
    ),
    Kind.BODY_TEMPERATURE: Slot(
        "mesures-fr-observation-body-temperature",
        "bodytemperature",
        (Code(LOINC, "8310-5"),),
        "8310-5",
        (Part(Measure.TEMPERATURE, Unit.CELSIUS),),
    ),
    Kind.OXYGEN_SATURATION: Slot(
        "mesures-fr-observation-oxygen-sat",
        None,
        (Code(LOINC, "2708-6"), Code(MDC, "150456")),
        "2708-6",
        (Part(Measure.OXYGEN_SATURATION, Unit.PERCENT),),
    ),
    # J154 is extensible, so both generations are sent: whichever the server knows, it finds.
    Kind.BLOOD_GLUCOSE: Slot(
        "mesures-observation-glucose",
        "glucose",
        (Code(_ANS_LOINC, "2345-7"), Code(LOINC, "2345-7")),
        "2345-7",
        (Part(Measure.GLUCOSE, Unit.MILLIGRAM_PER_DECILITRE),),
        in_bundle_profile=False,
    ),
    Kind.MEAN_INTERSTITIAL_GLUCOSE: Slot(
        "mesures-observation-glucose",
        "glucose",
        (Code(_TAASIP, "MED-969"), Code(LOINC, "99504-3")),
        "MED-969",
        (Part(Measure.GLUCOSE, Unit.MILLIGRAM_PER_DECILITRE),),
        in_bundle_profile=False,
    ),
    Kind.GLUCOSE_MANAGEMENT_INDICATOR: Slot(
        "mesures-observation-glucose",
        "glucose",
        (Code(_TAASIP, "MED-972"), Code(_CISIS, "MED-972")),
        "MED-972",
        (Part(Measure.GLUCOSE_MANAGEMENT_INDICATOR, Unit.PERCENT),),
        in_bundle_profile=False,
    ),
}
"""Every kind that has a slot. Single sensor samples, body composition and BMI have none."""

DEFAULT_KINDS = frozenset(SLOTS) - {Kind.BODY_TEMPERATURE, Kind.OXYGEN_SATURATION}
"""Sent unless configured otherwise. The API 1.5.2 has no oxygen saturation; no driver of ours
emits temperature yet, so nothing was ever tried with it."""

SUMMARIES = (Kind.MEAN_INTERSTITIAL_GLUCOSE, Kind.GLUCOSE_MANAGEMENT_INDICATOR)
"""Kinds that cover a number of days, which the API demands to be told."""
_GLUCOSE = (Kind.BLOOD_GLUCOSE, *SUMMARIES)


def codes_of(kind: Kind, terminology: Terminology) -> tuple[Code, ...]:
    """Return the codes of the Observation, the one that must be understood first."""
    codes = SLOTS[kind].codes
    if terminology is Terminology.SMT_2025 and kind in _GLUCOSE:
        return codes[::-1]
    return codes


_MOMENTS = (  # value set J157, in order of precedence
    ("fasting", "53049-3"),
    ("preprandial", "88365-2"),
    ("postprandial", "16915-1"),
    ("exercise", "LA11865-5"),
)
_OTHER_MOMENT = "LA46-8"


def moment_of(flags: frozenset[str], terminology: Terminology) -> Code:
    """Say when, relative to meals, blood glucose was measured. The API wants one in every case.

    Its extension takes a single coding of a closed value set, so only one generation can be told.
    """
    system = LOINC if terminology is Terminology.SMT_2025 else _ANS_LOINC
    return Code(system, next((code for flag, code in _MOMENTS if flag in flags), _OTHER_MOMENT))


_DAYS: Mapping[Decimal, str] = {  # value set J164
    Decimal(7): "GEN-275",
    Decimal(14): "GEN-276",
    Decimal(30): "GEN-277",
    Decimal(90): "GEN-278",
}


def days_of(days: Decimal, terminology: Terminology) -> tuple[Code, ...]:
    """Name the length of a summary's window in both generations, the wanted one first."""
    known = _DAYS.get(days)
    codes = (Code(_TAASIP, known or "GEN-092"), Code(_CISIS, known or "GEN-092.08.05"))
    return codes[::-1] if terminology is Terminology.SMT_2025 else codes
