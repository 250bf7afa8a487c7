"""What people call the kinds of readings, on screens and on receipts, in French and in English."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.domain.reading import Kind

NAMES: Mapping[str, Mapping[Kind, str]] = {
    "fr": {
        Kind.BLOOD_PRESSURE: "Tension",
        Kind.HEART_RATE: "Pouls",
        Kind.WEIGHT: "Poids",
        Kind.HEIGHT: "Taille",
        Kind.BODY_COMPOSITION: "Composition du corps",
        Kind.BLOOD_GLUCOSE: "Glycémie",
        Kind.BLOOD_KETONE: "Cétones dans le sang",
        Kind.INTERSTITIAL_GLUCOSE: "Glucose (capteur)",
        Kind.MEAN_INTERSTITIAL_GLUCOSE: "Glucose moyen (capteur)",
        Kind.GLUCOSE_MANAGEMENT_INDICATOR: "Indicateur de gestion du glucose",
        Kind.GLUCOSE_REPORT: "Rapport de glucose",
        Kind.BODY_TEMPERATURE: "Température",
        Kind.OXYGEN_SATURATION: "Oxygène dans le sang",
    },
    "en": {
        Kind.BLOOD_PRESSURE: "Blood pressure",
        Kind.HEART_RATE: "Pulse",
        Kind.WEIGHT: "Weight",
        Kind.HEIGHT: "Height",
        Kind.BODY_COMPOSITION: "Body composition",
        Kind.BLOOD_GLUCOSE: "Blood glucose",
        Kind.BLOOD_KETONE: "Ketones in the blood",
        Kind.INTERSTITIAL_GLUCOSE: "Glucose (sensor)",
        Kind.MEAN_INTERSTITIAL_GLUCOSE: "Mean glucose (sensor)",
        Kind.GLUCOSE_MANAGEMENT_INDICATOR: "Glucose management indicator",
        Kind.GLUCOSE_REPORT: "Glucose report",
        Kind.BODY_TEMPERATURE: "Temperature",
        Kind.OXYGEN_SATURATION: "Oxygen in the blood",
    },
}
