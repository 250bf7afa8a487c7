"""A request as it came in and an answer as it goes out, free of any web framework."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from firmware_sims.health_space import exact_json

FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Received:
    """One request; `target` is the undecoded path and query, `headers` has lower-case names.

    `complete` is False when the peer hung up, or sent more than allowed, inside the body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    complete: bool = True

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters; a parameter may repeat."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        """The body read as a form; of a repeated field, the first."""
        fields = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[0] for name, values in fields.items()}

    @property
    def size_bytes(self) -> int:
        """About what crossed the wire: target, headers and body (decompressed)."""
        headers = sum(len(name) + len(value) + 4 for name, value in self.headers.items())
        return len(self.method) + len(self.target) + headers + len(self.body)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def bearer(self) -> str | None:
        """Return the access token of the Authorization header, if there is one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def basic(self) -> tuple[str, str] | None:
        """Return name and password of HTTP Basic authentication, if given and readable."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        return unquote(name), unquote(password)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: bytes = b""
    media_type: str = FHIR_JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(
    status: int,
    value: Any,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return an answer with `value` as its JSON body."""
    return Answer(status, exact_json.dump(value).encode(), media_type, headers or {})


def html_answer(status: int, page: str) -> Answer:
    """Return an answer with an HTML page."""
    return Answer(status, page.encode(), "text/html; charset=utf-8")
