"""The receipt of a consent: what the person keeps, in plain French or English."""

from __future__ import annotations

from datetime import datetime, tzinfo

from gateway.consent.grant import Capacity, Grant, Withdrawal
from gateway.consent.kinds import NAMES
from gateway.domain.device_time import EARLIEST
from gateway.language.moments import written
from gateway.language.words import words as shared

_WORDS = {
    "fr": {
        "title": "Reçu de consentement",
        "kept": "À conserver. Une copie peut être redemandée au boîtier à tout moment.",
        "id": "Numéro",
        "subject": "Personne (identifiant interne)",
        "by": "Donné par",
        "capacity": "En qualité de",
        "at": "Le",
        "to": "Destination",
        "kinds": "Mesures",
        "covers": "Mesures prises",
        "from": "à partir du {start}",
        "always": "à n'importe quelle date",
        "until": " et jusqu'au {end}",
        "expires": "Valable jusqu'au",
        "never": "retrait",
        "text": "Texte présenté",
        "withdrawn": "RETIRÉ le {at}.",
        "how": "Pour retirer : « Retirer l'accord » sur l'écran du boîtier, ou la commande"
        " « healthspace-gateway consent withdraw ».",
        "head": "État du journal",
        "code": "Le même, pour une machine (« audit verify --checkpoint ») :",
        Capacity.SELF: "la personne elle-même",
        Capacity.PARENT: "parent",
        Capacity.LEGAL_REPRESENTATIVE: "représentant légal",
    },
    "en": {
        "title": "Receipt of consent",
        "kept": "To be kept. The hub gives another copy at any time.",
        "id": "Number",
        "subject": "Person (internal id)",
        "by": "Given by",
        "capacity": "Acting as",
        "at": "On",
        "to": "Destination",
        "kinds": "Readings",
        "covers": "Readings taken",
        "from": "from {start}",
        "always": "at any time",
        "until": " until {end}",
        "expires": "In force until",
        "never": "withdrawal",
        "text": "Text shown",
        "withdrawn": "WITHDRAWN on {at}.",
        "how": "To withdraw: 'Withdraw consent' on the hub's screen, or the command"
        " 'healthspace-gateway consent withdraw'.",
        "head": "State of the log",
        "code": "The same, for a machine ('audit verify --checkpoint'):",
        Capacity.SELF: "the person themselves",
        Capacity.PARENT: "parent",
        Capacity.LEGAL_REPRESENTATIVE: "legal representative",
    },
}


def receipt(
    grant: Grant,
    withdrawal: Withdrawal | None,
    destination: str,
    zone: tzinfo,
    shown: str,
    log_head: str,
    code: str,
) -> str:
    """Write the receipt in the language of the grant.

    `destination` is what people call it, `zone` where they live, `shown` the text that was agreed
    to. `log_head` is the
    signed head of the hub's audit log: a copy of it outside the hub is what shows later that
    nothing was cut off or rewritten. `code` is a drawing of the same, of some lines.
    """
    words, kinds = _WORDS[grant.text.language], NAMES[grant.text.language]
    say = shared(grant.text.language)

    def line(key: str, value: str) -> str:
        return say("line", name=words[key], value=value)

    def date(at: datetime) -> str:
        return written(at, zone, say)

    covers = words["from"].format(start=date(grant.covers_from))
    if grant.covers_from <= EARLIEST:
        covers = words["always"]
    if grant.covers_until is not None:
        covers += words["until"].format(end=date(grant.covers_until))
    version = f"{grant.text.version} ({grant.text.language}), SHA-256 {grant.text.sha256}"
    lines = [
        words["title"],
        "=" * len(words["title"]),
        "",
        line("id", grant.id),
        line("subject", grant.subject),
        line("by", grant.given_by),
        line("capacity", words[grant.capacity]),
        line("at", date(grant.given_at)),
        line("to", destination),
        line("kinds", ", ".join(sorted(kinds[kind] for kind in grant.kinds))),
        line("covers", covers),
        line("expires", date(grant.expires) if grant.expires else words["never"]),
        line("text", version),
        line("head", log_head),
        "",
    ]
    if withdrawal is not None:
        lines += [words["withdrawn"].format(at=date(withdrawal.at)), ""]
    lines += [words["how"], words["kept"], "", "-" * 40, shown.rstrip(), "", "-" * 40]
    return "\n".join([*lines, words["code"], code, ""])
