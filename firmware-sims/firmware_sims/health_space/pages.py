"""The few pages people look at; every value is escaped."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from urllib.parse import urlencode

from firmware_sims.health_space.documents import Kept
from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.people import Person
from firmware_sims.health_space.store import Accepted

_SHOWN = 200  # a page a browser opens at once; the JSON has them all


_STYLE = """
body{font:1.05rem/1.5 system-ui,sans-serif;color:#1c2b3a;background:#eef1f6;margin:0}
main{max-width:56rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{margin:.2rem 0 1rem}h2{margin:0 0 .2rem}p{margin:.3rem 0}
.note{background:#fff4d6;border-radius:.5rem;padding:.5rem .8rem}
section{background:#fff;
border:1px solid #cdd5e0;border-radius:.7rem;padding:1rem 1.2rem;margin:1rem 0;
overflow-x:auto}
table{border-collapse:collapse;width:100%;margin-top:.6rem}
td,th{border-top:1px solid #cdd5e0;padding:.4rem .6rem .4rem 0;text-align:left}
td.value{font-weight:600;white-space:nowrap}
ul{list-style:none;padding:0}li{margin:.6rem 0}
a.button{display:inline-block;
padding:.6rem 1.1rem;border-radius:.6rem;background:#23408e;color:#fff;
text-decoration:none}a.refuse{background:none;color:#23408e;border:2px solid #23408e}
code{display:block;font-size:1.5rem;background:#fff;border:1px solid #cdd5e0;border-radius:.6rem;
padding:.8rem;overflow-wrap:anywhere}
"""


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,"><style>{_STYLE}</style>'
        f"<main><h1>{escape(title)}</h1>{_NOTE}{body}</main></html>"
    )


_NOTE = (
    '<p class="note">A sandbox. It is not Mon espace santé, and nothing here is anybody\'s health'
    " record.</p>"
)


def overview_page(
    people: Iterable[Person], accepted: Sequence[Accepted], documents: Sequence[Kept]
) -> str:
    """Return the page of what a person's space now holds: per person, newest first."""
    parts = []
    for person in people:
        consent = "consent given" if person.consent else "no consent"
        counts = person.counts
        parts.append(
            f"<section><h2>{escape(person.name)}</h2><p>{consent}; accepted {counts.accepted}, "
            f"documents {counts.documents}, refused {counts.refused}, "
            f"duplicates {counts.duplicates}</p>"
        )
        theirs = [each for each in reversed(accepted) if each.id_pe == person.id_pe]
        parts.append(_table(theirs[:_SHOWN]) if theirs else "<p>Nothing yet.</p>")
        parts += [_link(kept) for kept in reversed(documents) if kept.id_pe == person.id_pe]
        parts.append("</section>")
    return _page("Health space sandbox", "".join(parts) or "<p>Nobody yet.</p>")


def authorize_page(asked: dict[str, str], people: Iterable[Person]) -> str:
    """Return the approval page: one link per person, and one to refuse."""
    links = [
        _choice({**asked, "approve": "1", "person": person.name}, f"Approve as {person.name}", "")
        for person in people
    ]
    links.append(_choice({**asked, "deny": "1"}, "Refuse", " refuse"))
    return _page(
        "Connect a gateway",
        f"<p>A gateway asks to send your measurements here.</p><ul>{''.join(links)}</ul>",
    )


def code_page(code: str) -> str:
    """Return the page that shows the code which a person types into their gateway."""
    return _page(
        "Your code",
        "<p>Type this code into your gateway. It is good once, for ten minutes.</p>"
        f"<code>{escape(code)}</code>",
    )


def _choice(asked: dict[str, str], words: str, look: str) -> str:
    return (
        f'<li><a class="button{look}" href="?{escape(urlencode(asked))}">{escape(words)}</a></li>'
    )


def problem_page(what: str) -> str:
    """Return the page for a request that cannot be acted on."""
    return _page("This link does not work", f"<p>{escape(what)}</p>")


def _table(rows: Iterable[Accepted]) -> str:
    lines = [
        f"<tr><td>{_moment(each.effective)}</td><td>{escape(each.measure)}</td>"
        f'<td class="value">{escape(shown_value(each))} {escape(_unit(each.observation))}</td>'
        f"<td>{_moment(each.at)}</td><td>{'again' if each.duplicate else ''}</td></tr>"
        for each in rows
    ]
    return (
        "<table><tr><th>Measured at</th><th>Measure</th><th>Value</th><th>Accepted at</th>"
        f"<th></th></tr>{''.join(lines)}</table>"
    )


def _moment(at: datetime) -> str:
    return escape(at.isoformat(sep=" ", timespec="seconds"))


def _unit(observation: JsonObject) -> str:
    """Return the unit of the value, or of the first component; nothing if it has none."""
    components = observation.get("component")
    holders = [observation, *(components if isinstance(components, list) else [])]
    for holder in holders:
        quantity = holder.get("valueQuantity") if isinstance(holder, dict) else None
        if isinstance(quantity, dict):
            return str(quantity.get("unit") or quantity.get("code") or "")
    return ""


def _link(kept: Kept) -> str:
    again = " (again)" if kept.duplicate else ""
    title = escape(str(kept.publication.attachment.get("title")))
    return f'<p>Document: <a href="/sandbox/documents/{kept.id}">{title}</a>{again}</p>'


def shown_value(accepted: Accepted) -> str:
    """Return the value for people: components joined by a slash."""
    return " / ".join(str(value) for _, value in accepted.values)
