"""The words of the report, in French and English, and how numbers and dates are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.glucose.consensus import Metric


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    comma: str
    colon: str
    semicolon: str
    date: str
    title: str
    unnamed: str
    period: str
    made: str
    worn: str
    active: str
    metrics: Mapping[Metric, str]
    ranges: str
    profile: str
    profile_how: str
    daily: str
    goal: str
    goal_with: str
    """Where the goal is for this range and the one beyond."""
    not_enough: str
    not_enough_days: str
    no_data: str
    disclaimer: str
    days_short: tuple[str, ...]
    alternative: str

    def number(self, value: Decimal | float | int) -> str:
        """Write a number with the comma or point of the language."""
        return str(value).replace(".", self.comma)

    def day(self, at: datetime) -> str:
        """Write a date."""
        return at.strftime(self.date)


ENGLISH = Words(
    comma=".",
    colon=": ",
    semicolon="; ",
    date="%Y-%m-%d",
    title="Ambulatory glucose profile (AGP)",
    unnamed="holder of this record",
    period="{first} to {last} ({days} days)",
    made="Made on {made} by healthspace-gateway",
    worn="Days worn: {worn} of {days}",
    active="Sensor active: {active} %",
    metrics={
        Metric.MEAN: "Mean glucose",
        Metric.GMI: "Glucose management indicator (GMI)",
        Metric.CV: "Variation (CV)",
        Metric.VERY_HIGH: "Very high (> 250 mg/dL)",
        Metric.HIGH: "High (181-250 mg/dL)",
        Metric.TARGET: "In range (70-180 mg/dL)",
        Metric.LOW: "Low (54-69 mg/dL)",
        Metric.VERY_LOW: "Very low (< 54 mg/dL)",
    },
    ranges="Time in ranges",
    profile="Profile by time of day",
    profile_how="Median, 25-75 % and 5-95 %, each over 75 minutes around; gaps are not filled.",
    daily="Daily glucose",
    goal="goal: {goal}",
    goal_with="goal: {goal}, {beyond} included",
    not_enough="* less than 70 % of the period was measured",
    not_enough_days="* the period is too short for this figure: {days} days are needed",
    no_data="no data",
    disclaimer="For discussion with a health professional; not for treatment decisions by itself.",
    days_short=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    alternative=(
        "Glucose of {name}, {period}. {worn}. {active}. {figures}. By time of day, median in mg/dL:"
        " {curve}. An asterisk marks figures for which there are not enough data."
    ),
)

FRENCH = Words(
    comma=",",
    colon="\N{NO-BREAK SPACE}: ",
    semicolon="\N{NO-BREAK SPACE}; ",
    date="%d/%m/%Y",
    title="Profil glycémique ambulatoire (AGP)",
    unnamed="titulaire de ce dossier",
    period="du {first} au {last} ({days} jours)",
    made="Établi le {made} par healthspace-gateway",
    worn="Jours de port : {worn} sur {days}",
    active="Capteur actif : {active} %",
    metrics={
        Metric.MEAN: "Glucose moyen",
        Metric.GMI: "Indicateur de gestion du glucose (GMI)",
        Metric.CV: "Variabilité (CV)",
        Metric.VERY_HIGH: "Très élevé (> 250 mg/dL)",
        Metric.HIGH: "Élevé (181-250 mg/dL)",
        Metric.TARGET: "Dans la cible (70-180 mg/dL)",
        Metric.LOW: "Bas (54-69 mg/dL)",
        Metric.VERY_LOW: "Très bas (< 54 mg/dL)",
    },
    ranges="Temps dans les plages",
    profile="Profil selon l'heure",
    profile_how="Médiane, 25-75 % et 5-95 %, sur 75 minutes autour ; les trous restent des trous.",
    daily="Glucose de chaque jour",
    goal="objectif : {goal}",
    goal_with="objectif : {goal}, {beyond} compris",
    not_enough="* moins de 70 % de la période a été mesuré",
    not_enough_days="* période trop courte pour ce chiffre : il faut {days} jours",
    no_data="aucune donnée",
    disclaimer="À discuter avec un professionnel de santé ; ne suffit pas à adapter un traitement.",
    days_short=("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    alternative=(
        "Glucose\N{NO-BREAK SPACE}: {name}, {period}. {worn}. {active}. {figures}. Selon l'heure,"
        " médiane en mg/dL\N{NO-BREAK SPACE}: {curve}. Un astérisque marque les chiffres pour"
        " lesquels il manque des données."
    ),
)

LANGUAGES: Mapping[str, Words] = {"fr": FRENCH, "en": ENGLISH}
