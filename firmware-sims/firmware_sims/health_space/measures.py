"""The measures of the API and what each demands (mes.md 1.2, 1.4, 1.5, 2.5)."""

from dataclasses import dataclass
from enum import Enum

from firmware_sims.health_space.settings import Terminology

LOINC = "http://loinc.org"
_NOS = "https://mos.esante.gouv.fr/NOS"
TRE_A04 = f"{_NOS}/TRE_A04-Loinc/FHIR/TRE-A04-Loinc"
TAASIP = f"{_NOS}/TRE_R308-TAASIP/FHIR/TRE-R308-TAASIP"
CISP2 = f"{_NOS}/TRE_R313-CISP2/FHIR/TRE-R313-CISP2"
CISIS = "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis"

Coding = tuple[str, str]


class Presence(Enum):
    """What a measure's type code asks of an extension."""

    MANDATORY = "mandatory"
    FORBIDDEN = "forbidden"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table; `api` and `smt` are its coding in either terminology generation.

    `unit` is the UCUM code, None where the source did not give it; `components` are the codes of
    a measure that has components instead of one value.
    """

    name: str
    api: Coding
    smt: Coding
    unit: str | None
    moment: Presence = Presence.OPTIONAL
    days: Presence = Presence.FORBIDDEN
    components: tuple[str, ...] = ()
    in_api_1_5_2: bool = True
    computed_by_server: bool = False

    def codings(self, terminology: Terminology) -> frozenset[Coding]:
        """Return the codings by which that generation knows this measure."""
        known = {"any": (self.api, self.smt), "api-1.5.2": (self.api,), "smt-2025": (self.smt,)}
        return frozenset(known[terminology])


def _vital(
    name: str,
    code: str,
    unit: str | None,
    *,
    components: tuple[str, ...] = (),
    in_api_1_5_2: bool = True,
    computed_by_server: bool = False,
) -> Measure:
    coding = (LOINC, code)
    return Measure(
        name,
        coding,
        coding,
        unit,
        components=components,
        in_api_1_5_2=in_api_1_5_2,
        computed_by_server=computed_by_server,
    )


_MUST, _NEVER = Presence.MANDATORY, Presence.FORBIDDEN

MEASURES: tuple[Measure, ...] = (
    _vital("blood pressure", "85354-9", "mm[Hg]", components=("8480-6", "8462-4")),
    _vital("weight", "29463-7", "kg"),
    _vital("height", "8302-2", "cm"),
    _vital("body mass index", "39156-5", "kg/m2", computed_by_server=True),
    _vital("heart rate", "8867-4", "/min"),
    _vital("temperature", "8310-5", "Cel"),
    _vital("waist", "8280-0", "cm"),
    _vital("head circumference", "8287-5", "cm"),
    _vital("steps", "41950-7", None),
    _vital("pain", "72514-3", None),
    _vital("oxygen saturation", "2708-6", "%", in_api_1_5_2=False),
    _vital("respiratory rate", "9279-1", "/min", in_api_1_5_2=False),
    Measure("blood glucose", (TRE_A04, "2345-7"), (LOINC, "2345-7"), "mg/dL", _MUST, _NEVER),
    Measure("HbA1c", (TRE_A04, "4548-4"), (LOINC, "4548-4"), "%", _NEVER, _NEVER),
    Measure(
        "interstitial glucose", (TAASIP, "MED-969"), (LOINC, "99504-3"), "mg/dL", _NEVER, _MUST
    ),
    Measure("GMI", (TAASIP, "MED-972"), (CISIS, "MED-972"), "%", _NEVER, _MUST),
)

_MOMENTS = ("53049-3", "88365-2", "16915-1", "LA11865-5", "LA46-8")
_DAYS = ("GEN-275", "GEN-276", "GEN-277", "GEN-278")

# JDV J157: fasting, before meal, after meal, after exercise, other; while feeling unwell, of which
# only the older code is known. The newer ones: the terminology cache of the guide's own builds.
MOMENTS: dict[Terminology, frozenset[Coding]] = {
    "api-1.5.2": frozenset({*((TRE_A04, code) for code in _MOMENTS), (CISP2, "A05")}),
    "smt-2025": frozenset((LOINC, code) for code in _MOMENTS),
}
MOMENTS["any"] = MOMENTS["api-1.5.2"] | MOMENTS["smt-2025"]

# JDV J164, versions 20220128120000 and 20250728120000: 7, 14, 30, 90 days, other.
NUMBERS_OF_DAYS: dict[Terminology, frozenset[Coding]] = {
    "api-1.5.2": frozenset((TAASIP, code) for code in (*_DAYS, "GEN-092")),
    "smt-2025": frozenset((CISIS, code) for code in (*_DAYS, "GEN-092.08.05")),
}
NUMBERS_OF_DAYS["any"] = NUMBERS_OF_DAYS["api-1.5.2"] | NUMBERS_OF_DAYS["smt-2025"]


def find_measure(codings: tuple[Coding, ...], terminology: Terminology) -> Measure | None:
    """Return the measure named by the first coding that names one."""
    for coding in codings:
        for measure in MEASURES:
            if coding in measure.codings(terminology):
                return measure
    return None
