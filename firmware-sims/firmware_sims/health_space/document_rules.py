"""What a DocumentReference must be to be published, by the profiles it answers to.

Sources: IHE MHD 4.2, profile SimplifiedPublish.DocumentReference (ITI-105), here "MHD"; the French
profile pdsm-simplified-publish 3.1, which is stricter, here "PDSm"; FHIR R4 for what both build on.
Every broken rule is reported, with 422.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.outcome import Issue
from firmware_sims.health_space.submission import codings, members, objects, text

URI = "urn:ietf:rfc:3986"
_UNIQUE_ID = re.compile(
    r"urn:oid:[0-2](\.(0|[1-9]\d*))+|urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII
)
_LONGEST_ID = 128  # of a document's uniqueId in XDS, where most servers behind MHD keep it
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+", re.ASCII)
_MAGIC = {"application/pdf": b"%PDF-"}
_AUTHORS = ("PractitionerRole", "Practitioner", "Organization", "Device", "Patient",
            "RelatedPerson")  # fmt: skip


@dataclass(frozen=True)
class Publication:
    """A DocumentReference as received; whatever is missing or ill-typed reads as empty."""

    resource: JsonObject

    @property
    def unique_id(self) -> str:
        """The document's identifier, of masterIdentifier."""
        return text(members(self.resource.get("masterIdentifier")).get("value"))

    @property
    def subject(self) -> tuple[str, str]:
        """System and value of subject.identifier."""
        identifier = members(members(self.resource.get("subject")).get("identifier"))
        return text(identifier.get("system")), text(identifier.get("value"))

    @property
    def contents(self) -> list[JsonObject]:
        """Every content."""
        return objects(self.resource.get("content"))

    @property
    def attachment(self) -> JsonObject:
        """The attachment of the first content."""
        return members(self.contents[0].get("attachment")) if self.contents else {}

    @cached_property
    def data(self) -> bytes | None:
        """The document's bytes; None if there are none, or they are no base64."""
        try:
            return base64.b64decode(text(self.attachment.get("data")), validate=True) or None
        except (binascii.Error, ValueError):
            return None

    def contained(self, name: str) -> str:
        """Return the type of the contained resource of that id; empty if there is none."""
        found = objects(self.resource.get("contained"))
        return next((text(r.get("resourceType")) for r in found if r.get("id") == name), "")


@dataclass(frozen=True, slots=True)
class DocumentRule:
    """`broken` tells whether a publication violates it; `source` names the profile."""

    code: str
    diagnostics: str
    source: str
    broken: Callable[[Publication], bool]


def broken_rules(publication: Publication) -> list[Issue]:
    """Return an issue for every broken rule, in the order of the table."""
    return [Issue(rule.code, rule.diagnostics) for rule in RULES if rule.broken(publication)]


def _has(name: str) -> Callable[[Publication], bool]:
    return lambda publication: name in publication.resource


def _unique_id_bad(publication: Publication) -> bool:
    system = members(publication.resource.get("masterIdentifier")).get("system")
    value = publication.unique_id
    bare = value.removeprefix("urn:oid:")
    return system != URI or not _UNIQUE_ID.fullmatch(value) or len(bare) > _LONGEST_ID


def _concept_bad(name: str) -> Callable[[Publication], bool]:
    def broken(publication: Publication) -> bool:
        found = publication.resource.get(name)
        concepts = found if isinstance(found, list) else [found] if found is not None else []
        return any(not all(system and code for system, code in codings(c)) for c in concepts)

    return broken


def _author_missing(publication: Publication) -> bool:
    authors = objects(publication.resource.get("author"))
    return not authors or any(not _is_author(publication, author) for author in authors)


def _is_author(publication: Publication, author: JsonObject) -> bool:
    reference = text(author.get("reference"))
    if reference.startswith("#"):
        return publication.contained(reference[1:]) in _AUTHORS
    kind = reference.rpartition("/")[0].rpartition("/")[2] or text(author.get("type"))
    return kind in _AUTHORS


def _date_bad(value: Any) -> bool:
    if value is None:
        return False
    try:
        return datetime.fromisoformat(text(value)).tzinfo is None
    except ValueError:
        return True


def _size_wrong(publication: Publication) -> bool:
    size, data = publication.attachment.get("size"), publication.data
    return size is not None and data is not None and size != len(data)


def _hash_wrong(publication: Publication) -> bool:
    told, data = publication.attachment.get("hash"), publication.data
    if told is None or data is None:
        return False
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return text(told) != base64.b64encode(digest).decode()


def _media_type_untrue(publication: Publication) -> bool:
    magic = _MAGIC.get(text(publication.attachment.get("contentType")))
    return (
        magic is not None
        and publication.data is not None
        and not (publication.data.startswith(magic))
    )


def _period_bad(publication: Publication) -> bool:
    period = members(members(publication.resource.get("context")).get("period"))
    start, end = period.get("start"), period.get("end")
    if _date_bad(start) or _date_bad(end):
        return True
    if start is None or end is None:
        return False
    return datetime.fromisoformat(text(start)) > datetime.fromisoformat(text(end))


RULES: tuple[DocumentRule, ...] = (
    DocumentRule("invalid", "masterIdentifier must be a URI: an OID or a UUID, as a URN.", "MHD",
                 _unique_id_bad),
    DocumentRule("invalid", "identifier is the server's to give.", "MHD", _has("identifier")),
    DocumentRule("invalid", "docStatus is not allowed.", "MHD", _has("docStatus")),
    DocumentRule("invalid", "modifierExtension is not allowed.", "MHD", _has("modifierExtension")),
    DocumentRule("value", "status must be current.", "MHD",
                 lambda p: p.resource.get("status") != "current"),
    DocumentRule("invalid", "There can be one category.", "MHD",
                 lambda p: len(objects(p.resource.get("category"))) > 1),
    DocumentRule("code-invalid", "A coding of type needs its system and code.", "R4",
                 _concept_bad("type")),
    DocumentRule("code-invalid", "A coding of category needs its system and code.", "R4",
                 _concept_bad("category")),
    DocumentRule("required", "subject.identifier is missing.", "MHD, PDSm",
                 lambda p: not all(p.subject)),
    DocumentRule("required", "author is missing, or refers to nothing that can be one.", "PDSm",
                 _author_missing),
    DocumentRule("value", "date must be a full date and time with its offset.", "R4",
                 lambda p: _date_bad(p.resource.get("date"))),
    DocumentRule("required", "There must be one content.", "MHD", lambda p: len(p.contents) != 1),
    DocumentRule("required", "content.attachment.contentType is missing.", "MHD",
                 lambda p: not _MEDIA_TYPE.fullmatch(text(p.attachment.get("contentType")))),
    DocumentRule("required", "content.attachment.data is missing or is no base64.", "MHD",
                 lambda p: p.data is None),
    DocumentRule("invalid", "content.attachment.url is not allowed.", "MHD",
                 lambda p: "url" in p.attachment),
    DocumentRule("required", "content.attachment.title is missing.", "PDSm",
                 lambda p: not text(p.attachment.get("title"))),
    DocumentRule("invalid", "content.attachment.size is not that of the data.", "R4", _size_wrong),
    DocumentRule("invalid", "content.attachment.hash is not the SHA-1 of the data.", "R4, PDSm",
                 _hash_wrong),
    DocumentRule("invalid", "The data are not what contentType says.", "R4", _media_type_untrue),
    DocumentRule("value", "content.attachment.creation must be a full date and time.", "R4",
                 lambda p: _date_bad(p.attachment.get("creation"))),
    DocumentRule("value", "context.period must be two full dates and times, in order.", "R4",
                 _period_bad),
)  # fmt: skip
