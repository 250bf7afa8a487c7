"""The few pages people look at; every value is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import urlencode

from firmware_sims.health_space.documents import Kept
from firmware_sims.health_space.people import Person
from firmware_sims.health_space.store import Accepted

_SHOWN = 200  # a page a browser opens at once; the JSON has them all


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title>"
        "<style>body{font:1rem/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}td,th{border:1px solid #bbb;padding:.3rem .6rem;"
        "text-align:left}</style>"
        f"<h1>{escape(title)}</h1>{body}</html>"
    )


def overview_page(
    people: Iterable[Person], accepted: Sequence[Accepted], documents: Sequence[Kept]
) -> str:
    """Return the page of what a person's space now holds: per person, newest first."""
    parts = [
        "<p>A sandbox. It is not Mon espace santé, and nothing here is anybody's health record.</p>"
    ]
    for person in people:
        consent = "consent given" if person.consent else "no consent"
        counts = person.counts
        parts.append(
            f"<h2>{escape(person.name)}</h2><p>{consent}; accepted {counts.accepted}, "
            f"documents {counts.documents}, refused {counts.refused}, "
            f"duplicates {counts.duplicates}</p>"
        )
        theirs = [each for each in reversed(accepted) if each.id_pe == person.id_pe]
        parts.append(_table(theirs[:_SHOWN]) if theirs else "<p>Nothing yet.</p>")
        parts += [_link(kept) for kept in reversed(documents) if kept.id_pe == person.id_pe]
    return _page("Health space sandbox", "".join(parts))


def authorize_page(asked: dict[str, str], people: Iterable[Person]) -> str:
    """Return the approval page: one link per person, and one to refuse."""
    links = [
        f'<li><a href="?{escape(urlencode({**asked, "approve": "1", "person": person.name}))}">'
        f"Approve as {escape(person.name)}</a></li>"
        for person in people
    ]
    refuse = escape(urlencode({**asked, "deny": "1"}))
    return _page(
        "Connect a gateway",
        "<p>A gateway asks to send your measurements to this sandbox.</p>"
        f'<ul>{"".join(links)}<li><a href="?{refuse}">Refuse</a></li></ul>',
    )


def problem_page(what: str) -> str:
    """Return the page for a request that cannot be acted on."""
    return _page("This link does not work", f"<p>{escape(what)}</p>")


def _table(rows: Iterable[Accepted]) -> str:
    lines = [
        f"<tr><td>{escape(each.effective.isoformat())}</td><td>{escape(each.measure)}</td>"
        f"<td>{escape(shown_value(each))}</td><td>{'again' if each.duplicate else ''}</td></tr>"
        for each in rows
    ]
    return (
        "<table><tr><th>Measured at</th><th>Measure</th><th>Value</th><th></th></tr>"
        f"{''.join(lines)}</table>"
    )


def _link(kept: Kept) -> str:
    again = " (again)" if kept.duplicate else ""
    title = escape(str(kept.publication.attachment.get("title")))
    return f'<p>Document: <a href="/sandbox/documents/{kept.id}">{title}</a>{again}</p>'


def shown_value(accepted: Accepted) -> str:
    """Return the value for people: components joined by a slash."""
    return " / ".join(str(value) for _, value in accepted.values)
