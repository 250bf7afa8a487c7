"""The timeline of one reading, in plain French or English."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from gateway.domain.device_time import Timing
from gateway.errors import ConfigError
from gateway.journal.views import EntryView, Event

_FR: Mapping[str, str] = {
    "measured": "Mesurée (à {doubt} près).",
    "measured_unknown": "Mesurée : quand, on ne le sait pas.",
    "received": "Reçue de l'appareil par le boîtier.",
    "corrected": "Heure de l'appareil corrigée de {by} : {why}.",
    "recorded": "Enregistrée durablement sur le boîtier.",
    "timed": "Heure recalculée : {why}.",
    "attributed": "Attribuée à une personne.",
    "reassigned": "Attribuée à une autre personne.",
    "dismissed": "Écartée : elle n'est à personne d'ici.",
    "released": "En route vers {destination}, selon l'accord {detail}.",
    "withheld": "Gardée ici, n'est pas partie vers {destination} : {why}.",
    "postponed": "N'a pas pu partir vers {destination} : nouvel essai plus tard.",
    "unsettled": "Envoyée à {destination}, sans réponse : on vérifiera avant tout nouvel envoi.",
    "settled": "Acceptée par {destination}.",
    "parked": "Refusée par {destination}, ou illisible : attend une décision.",
    "refused": "{destination} refuse les mesures de cette personne.",
    "reconsidered": "De nouveau à envoyer à {destination}.",
    "dropped": "Retirée de la file d'attente pour {destination} : accord retiré.",
    "replaced": "Retirée de la file d'attente pour {destination} : recalculée depuis.",
    "correcting": "Correction en route vers {destination}, selon l'accord {detail}.",
    "corrected_there": "Rectifiée chez {destination}.",
    "waiting": "Attend d'être envoyée à {destination}.",
    "expired": "Effacée du boîtier, comme prévu par sa configuration : {why}.",
    "whose": "À qui elle est : {why}.",
}
_EN: Mapping[str, str] = {
    "measured": "Measured (give or take {doubt}).",
    "measured_unknown": "Measured: when, nobody knows.",
    "received": "Received from the device by the hub.",
    "corrected": "The device's clock corrected by {by}: {why}.",
    "recorded": "Recorded durably on the hub.",
    "timed": "Its time computed anew: {why}.",
    "attributed": "Attributed to a person.",
    "reassigned": "Attributed to another person.",
    "dismissed": "Set apart: it is nobody's here.",
    "released": "On its way to {destination}, under consent {detail}.",
    "withheld": "Held, it did not leave for {destination}: {why}.",
    "postponed": "Could not leave for {destination}: to be tried again later.",
    "unsettled": "Sent to {destination} without an answer: looked up before it is sent again.",
    "settled": "Accepted by {destination}.",
    "parked": "Rejected by {destination}, or unreadable: waits for a decision.",
    "refused": "{destination} refuses this person's readings.",
    "reconsidered": "To be sent to {destination} again.",
    "dropped": "Removed from the queue for {destination}: consent withdrawn.",
    "replaced": "Removed from the queue for {destination}: computed anew since.",
    "correcting": "A correction is on its way to {destination}, under consent {detail}.",
    "corrected_there": "Put right at {destination}.",
    "waiting": "Waits to be sent to {destination}.",
    "expired": "Forgotten by the hub, as its configuration says: {why}.",
    "whose": "Whose it is: {why}.",
}
_WHY_FR: Mapping[str, str] = {
    "measured_offset": "son horloge a été comparée à la nôtre pendant la connexion",
    "earlier_offset": "son horloge a été comparée à la nôtre lors d'une connexion antérieure",
    "clock_changed": "son horloge a été réglée entre deux connexions",
    "stated_offset": "l'appareil indique son décalage avec le temps universel",
    "assumed_zone": "on suppose l'appareil à l'heure locale du boîtier",
    "reception": "l'appareil n'a pas d'horloge, la mesure venait d'être prise",
    "reception_bad_clock": "l'horloge de l'appareil est fausse, la mesure venait d'être prise",
    "computed_here": "le boîtier l'a calculée, pour une période dont il connaît la fin",
    "hub_clock_unset": "le boîtier ne connaissait pas encore l'heure",
    "unknown": "l'horloge de l'appareil est fausse",
    "unclaimed": "on ne sait pas encore à qui elle est",
    "no_grant": "pas d'accord",
    "withdrawn": "l'accord a été retiré",
    "kind_not_covered": "l'accord ne couvre pas ce type de mesure",
    "before_grant": "prise avant la période couverte par l'accord",
    "after_grant": "prise après la période couverte par l'accord",
    "expired": "l'accord est terminé",
    "time_unknown": "l'heure de la mesure n'est pas assez sûre",
    "time_pending": "le boîtier ne connaît pas encore l'heure",
    "not_reliable": "l'appareil signale la mesure comme douteuse",
    "refused_there": "la destination refuse les mesures de cette personne",
    "delivered": "elle avait été livrée partout",
    "undelivered": "elle n'avait pas été livrée partout, elle est perdue",
    "assignment": "à la personne que mesure l'appareil",
    "session": "à la personne dont c'était le tour",
    "claim": "à la personne que quelqu'un a désignée",
    "computed": "à la personne dont les mesures ont servi au calcul",
    "replaced": "à la personne dont les mesures ont servi au calcul, refait depuis",
    "ambiguous": "plusieurs personnes sont possibles",
    "dismissed": "à personne d'ici",
}
_WHY_EN: Mapping[str, str] = {
    "measured_offset": "it was compared with ours in the same connection",
    "earlier_offset": "it was compared with ours in an earlier connection",
    "clock_changed": "it was set between two connections",
    "stated_offset": "the device states its offset from universal time",
    "assumed_zone": "the device is assumed to show the hub's local time",
    "reception": "the device keeps no time, and the reading had just been taken",
    "reception_bad_clock": "the device's clock is wrong, and the reading had just been taken",
    "computed_here": "the hub computed it, for a period whose end it knows",
    "hub_clock_unset": "the hub did not know the time yet",
    "unknown": "the device's clock is wrong",
    "unclaimed": "whose it is, nobody said yet",
    "no_grant": "no consent",
    "withdrawn": "consent was withdrawn",
    "kind_not_covered": "the consent does not cover this kind of reading",
    "before_grant": "taken before the time that the consent covers",
    "after_grant": "taken after the time that the consent covers",
    "expired": "the consent has expired",
    "time_unknown": "when it was taken is not certain enough",
    "time_pending": "the hub does not know the time yet",
    "not_reliable": "the device marks it as doubtful",
    "refused_there": "the destination refuses this person's readings",
    "delivered": "it had been delivered everywhere",
    "undelivered": "it had not been delivered everywhere, and is lost",
    "assignment": "the person's whom this device measures",
    "session": "the person's whose turn it was",
    "claim": "the person's whom somebody named",
    "computed": "the person's whose readings it was computed from",
    "replaced": "the person's whose readings it was computed from, and again since",
    "ambiguous": "several people are possible",
    "dismissed": "nobody's here",
}

_OF_A_PERSON = frozenset({"recorded", "attributed", "reassigned", "dismissed"})

Told = tuple[datetime, str, str]


def sentences(
    view: EntryView | None,
    story: Sequence[Event],
    language: str,
    title: Callable[[str], str] = str,
) -> list[Told]:
    """Tell what happened to a reading, in order. Raises ConfigError for an unknown language.

    Without a view, because it is kept no longer, only what the audit log says is told.
    `title` says what people call a destination; without it, it has its name.
    """
    try:
        words, why = {"fr": (_FR, _WHY_FR), "en": (_EN, _WHY_EN)}[language]
    except KeyError:
        raise ConfigError(f"There is no timeline in {language!r}: fr and en exist.") from None
    told = [] if view is None else _known(view, story, words, why, title)
    retimed = iter(() if view is None else (*view.earlier, view.entry.timing)[1:])
    for event in story:
        reason = event.detail
        if event.name == "timed":
            timing = next(retimed, None)
            reason = None if timing is None else timing.reason
        template = words.get(event.name)
        if template is not None:
            sentence = template.format(
                destination=title(event.destination) if event.destination else "?",
                detail=event.detail or "?",
                why=why.get(reason or "", reason or "?"),
            )
            told.append((event.at, event.name, sentence))
    return sorted(told, key=lambda each: each[0])


def _known(
    view: EntryView,
    story: Sequence[Event],
    words: Mapping[str, str],
    why: Mapping[str, str],
    title: Callable[[str], str],
) -> list[Told]:
    """Tell what the journal itself knows of a reading."""
    received = view.entry.reading.received.utc
    first = (*view.earlier, view.entry.timing)[0]
    told = [(received, "received", words["received"]), *_measured(view.entry.timing, words)]
    if first.correction:
        by = _span(abs(first.correction))
        sign = "-" if first.correction < timedelta() else "+"
        sentence = words["corrected"].format(by=sign + by, why=why[first.reason])
        told.append((received, "corrected", sentence))
    said = [event.at for event in story if event.name in _OF_A_PERSON]
    whose = words["whose"].format(why=why[view.entry.attribution])
    told.append((max(said, default=view.recorded_at), "whose", whose))
    for delivery in view.deliveries:
        if delivery.state in ("due", "unsettled"):
            sentence = words["waiting"].format(destination=title(delivery.destination))
            told.append((delivery.changed_at, "waiting", sentence))
    return told


def _measured(timing: Timing, words: Mapping[str, str]) -> list[Told]:
    if timing.uncertainty is None:
        return [(timing.measured_at, "measured", words["measured_unknown"])]
    sentence = words["measured"].format(doubt=_span(timing.uncertainty))
    return [(timing.measured_at, "measured", sentence)]


def _span(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{round(seconds / 60)} min"
    if seconds < 2 * 86400:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86400)} d"
