"""Signed tokens (RFC 7519) with HS256, keyed with the client secret (OpenID Connect Core 10.1)."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

_HEADER = {"alg": "HS256", "typ": "JWT"}


class InvalidToken(ValueError):
    """The token is malformed, or not signed by us."""


def sign(claims: dict[str, Any], key: str) -> str:
    """Return the compact token."""
    head = f"{_encode(_json(_HEADER))}.{_encode(_json(claims))}"
    return f"{head}.{_encode(_mac(head, key))}"


def verify(token: str, key: str) -> dict[str, Any]:
    """Return the claims of a token we signed; expiry and audience are the caller's to check."""
    head, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_encode(_mac(head, key)).encode(), signature.encode()):
        raise InvalidToken("the signature does not match")
    return read_unverified(token)


def read_unverified(token: str) -> dict[str, Any]:
    """Return the claims whoever signed them; for counting what a token gives away."""
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidToken("a signed token has three parts")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("the claims are not base64url JSON") from error
    if not isinstance(claims, dict):
        raise InvalidToken("the claims are not an object")
    return claims


def _mac(head: str, key: str) -> bytes:
    return hmac.digest(key.encode(), head.encode(), hashlib.sha256)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
