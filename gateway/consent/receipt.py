"""The receipt of a consent: what the person keeps, in plain French or English."""

from __future__ import annotations

from datetime import datetime

from gateway.consent.grant import Capacity, Grant, Withdrawal
from gateway.consent.kinds import NAMES

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
        "until": " et jusqu'au {end}",
        "expires": "Valable jusqu'au",
        "never": "retrait",
        "text": "Texte présenté",
        "withdrawn": "RETIRÉ le {at}.",
        "how": "Retrait : « healthspace-gateway consent withdraw », ou l'écran du boîtier.",
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
        "until": " until {end}",
        "expires": "In force until",
        "never": "withdrawal",
        "text": "Text shown",
        "withdrawn": "WITHDRAWN on {at}.",
        "how": "To withdraw: 'healthspace-gateway consent withdraw', or the hub's screen.",
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
    shown: str,
    log_head: str,
    code: str,
) -> str:
    """Write the receipt in the language of the grant.

    `destination` is what people call it, `shown` the text that was agreed to. `log_head` is the
    signed head of the hub's audit log: a copy of it outside the hub is what shows later that
    nothing was cut off or rewritten. `code` is a drawing of the same, of some lines.
    """
    words, kinds = _WORDS[grant.text.language], NAMES[grant.text.language]
    covers = words["from"].format(start=_day(grant.covers_from))
    if grant.covers_until is not None:
        covers += words["until"].format(end=_day(grant.covers_until))
    version = f"{grant.text.version} ({grant.text.language}), SHA-256 {grant.text.sha256}"
    lines = [
        words["title"],
        "=" * len(words["title"]),
        "",
        _line(words["id"], grant.id),
        _line(words["subject"], grant.subject),
        _line(words["by"], grant.given_by),
        _line(words["capacity"], words[grant.capacity]),
        _line(words["at"], _day(grant.given_at)),
        _line(words["to"], destination),
        _line(words["kinds"], ", ".join(sorted(kinds[kind] for kind in grant.kinds))),
        _line(words["covers"], covers),
        _line(words["expires"], _day(grant.expires) if grant.expires else words["never"]),
        _line(words["text"], version),
        _line(words["head"], log_head),
        "",
    ]
    if withdrawal is not None:
        lines += [words["withdrawn"].format(at=_day(withdrawal.at)), ""]
    lines += [words["how"], words["kept"], "", "-" * 40, shown.rstrip(), "", "-" * 40]
    return "\n".join([*lines, words["code"], code, ""])


def _line(name: str, value: str) -> str:
    return f"{name}: {value}"


def _day(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="minutes")
