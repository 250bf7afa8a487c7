"""`GET /fhir/Observation`, with exactly the parameters the API documents (mes.md 2.5).

`date` takes ge, le, gt, lt, eq or no prefix, with a day or a full instant; a day is a UTC day.
`_sort` is `-date` or `date`; without it the order is that of arrival. `_count` is 50 by default and
100 at most (more is cut down to 100). Anything else is refused, not ignored.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.store import Accepted
from firmware_sims.health_space.submission import codings

DEFAULT_COUNT = 50
MOST = 100

_DATE = re.compile(r"(ge|le|gt|lt|eq)?(\d{4}-\d\d-\d\d)(T\S+)?", re.ASCII)
_KNOWN = {
    "subject.identifier", "code", "date", "_sort", "_count", "_offset", "_include",
}  # fmt: skip
_BARE_OID = re.compile(r"\d+(\.\d+)+", re.ASCII)

Test = Callable[[Accepted], bool]


class SearchRefused(ValueError):
    """The query cannot be answered; the text says which parameter is wrong."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; `subject` is (system, value) with the system as a URN."""

    subject: tuple[str, str]
    tests: tuple[Test, ...]
    newest_first: bool | None
    count: int
    offset: int
    include_devices: bool


def parse_query(parameters: Mapping[str, Sequence[str]]) -> Query:
    """Return the query; raises SearchRefused."""
    unknown = set(parameters) - _KNOWN
    if unknown:
        raise SearchRefused(f"unsupported search parameters: {', '.join(sorted(unknown))}")
    tests = [_code_test(value) for value in parameters.get("code", ())]
    tests += [_date_test(value) for value in parameters.get("date", ())]
    include = _one(parameters, "_include", "")
    if include not in ("", "Observation:device"):
        raise SearchRefused("_include can only be Observation:device")
    sort = _one(parameters, "_sort", "")
    if sort not in ("", "date", "-date"):
        raise SearchRefused("_sort can only be date or -date")
    return Query(
        subject=_subject(_one(parameters, "subject.identifier", "")),
        tests=tuple(tests),
        newest_first=None if not sort else sort == "-date",
        count=min(_number(parameters, "_count", DEFAULT_COUNT), MOST),
        offset=_number(parameters, "_offset", 0),
        include_devices=bool(include),
    )


def find(query: Query, accepted: Iterable[Accepted]) -> list[Accepted]:
    """Return every match, before paging."""
    found = [
        each
        for each in accepted
        if each.id_pe == query.subject[1] and all(test(each) for test in query.tests)
    ]
    if query.newest_first is not None:
        found.sort(key=lambda each: each.effective, reverse=query.newest_first)
    return found


def search_bundle(
    query: Query,
    found: Sequence[Accepted],
    device: Callable[[str], JsonObject],
    base_url: str,
    parameters: Mapping[str, Sequence[str]],
) -> JsonObject:
    """Return one page as a searchset Bundle, with a `next` link when there is more."""
    page = found[query.offset : query.offset + query.count]
    entries = [_entry(base_url, "match", each.observation) for each in page]
    if query.include_devices:
        used = dict.fromkeys(each.device_id for each in page if each.device_id is not None)
        entries += [_entry(base_url, "include", device(device_id)) for device_id in used]
    links = [_link("self", base_url, parameters, query.offset)]
    if query.offset + query.count < len(found) and query.count:
        links.append(_link("next", base_url, parameters, query.offset + query.count))
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": links,
        "entry": entries,
    }


def _entry(base_url: str, mode: str, resource: JsonObject) -> JsonObject:
    url = f"{base_url}/fhir/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _link(
    relation: str, base_url: str, parameters: Mapping[str, Sequence[str]], offset: int
) -> JsonObject:
    shown: dict[str, Any] = {**parameters, "_offset": [str(offset)]}
    return {"relation": relation, "url": f"{base_url}/fhir/Observation?{urlencode(shown, True)}"}


def _one(parameters: Mapping[str, Sequence[str]], name: str, default: str) -> str:
    values = parameters.get(name, ())
    if len(values) > 1:
        raise SearchRefused(f"{name} can be given once")
    return values[0] if values else default


def _number(parameters: Mapping[str, Sequence[str]], name: str, default: int) -> int:
    written = _one(parameters, name, str(default))
    if not (written.isascii() and written.isdigit() and len(written) < 10):
        raise SearchRefused(f"{name} must be a small whole number")
    return int(written)


def _subject(written: str) -> tuple[str, str]:
    system, bar, value = written.partition("|")
    if not (system and bar and value):
        raise SearchRefused("subject.identifier must be <OID>|<idPe>")
    return (f"urn:oid:{system}" if _BARE_OID.fullmatch(system) else system), value


def _code_test(written: str) -> Test:
    wanted = [tuple(each.rpartition("|")[::2]) for each in written.split(",")]

    def holds(each: Accepted) -> bool:
        carried = codings(each.observation.get("code"))
        return any(
            code == code_wanted and system_wanted in ("", system)
            for system, code in carried
            for system_wanted, code_wanted in wanted
        )

    return holds


def _date_test(written: str) -> Test:
    match = _DATE.fullmatch(written)
    if match is None:
        raise SearchRefused(
            "date must be [ge|le]YYYY-MM-DD[Thh:mm:ss+hh:mm]; is the + of the offset encoded (%2B)?"
        )
    prefix, day, time = match.groups()
    try:
        first = datetime.fromisoformat(day + (time or "T00:00:00+00:00"))
    except ValueError as error:
        raise SearchRefused("date is not a date") from error
    if first.tzinfo is None:
        raise SearchRefused("date needs the offset of its time")
    first = first.astimezone(UTC)
    # A date stands for all of its precision: a day, or one second (FHIR search, "date").
    after = first + (timedelta(seconds=1) if time else timedelta(days=1))
    tests: dict[str, Test] = {
        "ge": lambda each: each.effective >= first,
        "gt": lambda each: each.effective >= after,
        "lt": lambda each: each.effective < first,
        "le": lambda each: each.effective < after,
        "eq": lambda each: first <= each.effective < after,
    }
    return tests[prefix or "eq"]
