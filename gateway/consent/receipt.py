"""The receipt of a consent: what the person keeps, in plain French or English."""

from __future__ import annotations

from datetime import datetime, tzinfo

from gateway.consent.grant import Grant, Withdrawal
from gateway.domain.device_time import EARLIEST
from gateway.language.moments import written
from gateway.language.order import listed
from gateway.language.words import words

RULE = "-" * 24
"""Stands before and after the text that was agreed to; it fits a telephone."""


def receipt(
    grant: Grant,
    withdrawal: Withdrawal | None,
    destination: str,
    zone: tzinfo,
    shown: str,
    log_head: str,
    code: str,
) -> str:
    """Write the receipt in the language of the grant: its `facts`, and `shown`, what it agrees to.

    `code` is a drawing of the audit log's head, of some lines, which holds its time as machines
    write it.
    """
    say = words(grant.text.language)
    lines = [facts(grant, withdrawal, destination, zone, log_head)]
    lines += [say("receipt.how"), say("receipt.kept"), "", RULE, shown.rstrip(), "", RULE]
    return "\n".join([*lines, say("receipt.code"), code, ""])


def facts(
    grant: Grant, withdrawal: Withdrawal | None, destination: str, zone: tzinfo, log_head: str
) -> str:
    """Write what a grant allows, line by line, in its language; short enough for a QR code.

    `destination` is what people call it, `zone` where they live. `log_head` is the signed head of
    the hub's audit log: a copy of it outside the hub is what shows later that nothing was cut off
    or rewritten.
    """
    say = words(grant.text.language)

    def line(key: str, value: str) -> str:
        return say("line", name=say(f"receipt.{key}"), value=value)

    def date(at: datetime) -> str:
        return written(at, zone, say)

    covers = say("receipt.from", start=date(grant.covers_from))
    if grant.covers_from <= EARLIEST:
        covers = say("receipt.always")
    if grant.covers_until is not None:
        covers = say("receipt.until", covers=covers, end=date(grant.covers_until))
    version = f"{grant.text.version} ({grant.text.language}), SHA-256 {grant.text.sha256}"
    lines = [
        say("receipt.title"),
        "=" * len(say("receipt.title")),
        "",
        line("id", grant.id),
        line("subject", grant.subject),
        line("by", grant.given_by),
        line("capacity", say(f"receipt.capacity_{grant.capacity}")),
        line("at", date(grant.given_at)),
        line("to", destination),
        line("kinds", listed(say(f"kind.{kind}") for kind in grant.kinds)),
        line("covers", covers),
        line("expires", date(grant.expires) if grant.expires else say("receipt.never")),
        line("text", version),
        line("head", log_head),
        "",
    ]
    if withdrawal is not None:
        lines += [say("receipt.withdrawn", at=date(withdrawal.at)), ""]
    return "\n".join(lines)
