"""Authorization codes, access tokens and refresh tokens, and whose they are (RFC 6749, 7636)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sims.health_space import jwt
from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.settings import Settings

# RFC 6749 4.1.2 recommends at most ten minutes.
_CODE_LIFETIME = timedelta(minutes=10)


class OAuthError(Exception):
    """A refusal of RFC 6749 5.2: `error` is its code."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Code:
    id_pe: str
    redirect_uri: str | None
    challenge: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Access:
    id_pe: str
    expires_at: datetime


class Tokens:
    """Issues and recognises tokens; `now` is the sandbox's clock, which may be skewed.

    `remember` is handed every event worth keeping across a restart; `apply` takes them back.
    Codes are not kept: they live for minutes.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime],
        remember: Callable[[JsonObject], None],
    ) -> None:
        self._settings = settings
        self._now = now
        self._remember = remember
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, _Access] = {}
        self._refresh: dict[str, str] = {}

    def new_code(
        self, id_pe: str, redirect_uri: str | None = None, challenge: str | None = None
    ) -> str:
        """Return a single-use authorization code; with None, that check is left out."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(id_pe, redirect_uri, challenge, self._now() + _CODE_LIFETIME)
        return code

    def exchange(self, code: str, redirect_uri: str | None, verifier: str | None) -> JsonObject:
        """Return the token response for a code; the code is spent even when refused."""
        found = self._codes.pop(code, None)
        if found is None or found.expires_at <= self._now():
            raise OAuthError("invalid_grant", "the code is unknown, used or expired")
        if found.redirect_uri not in (None, redirect_uri):
            raise OAuthError("invalid_grant", "redirect_uri differs from the authorization's")
        if found.challenge is not None and not _answers(verifier, found.challenge):
            raise OAuthError("invalid_grant", "code_verifier does not answer the challenge")
        return self._issue(found.id_pe)

    def refresh(self, refresh_token: str) -> JsonObject:
        """Return new tokens; the refresh token given is dead from here on."""
        id_pe = self._refresh.get(refresh_token)
        if id_pe is None:
            raise OAuthError("invalid_grant", "the refresh token is unknown, used or revoked")
        self._record({"event": "token_ended", "token": refresh_token})
        return self._issue(id_pe)

    def revoke(self, token: str) -> None:
        """End a token; an unknown one is no error (RFC 7009 2.2). A refresh token ends them all."""
        id_pe = self._refresh.get(token)
        ended = [token] if id_pe is None else self._of(id_pe)
        for each in ended:
            self._record({"event": "token_ended", "token": each})

    def owner(self, token: str | None) -> str | None:
        """Return the idPe a token of any kind was issued for, expired access tokens included."""
        if token is None:
            return None
        if token in self._access:
            return self._access[token].id_pe
        code = self._codes.get(token)
        return code.id_pe if code is not None else self._refresh.get(token)

    def live_access(self, token: str | None) -> str | None:
        """Return whose living access token this is."""
        found = self._access.get(token) if token is not None else None
        return found.id_pe if found is not None and self._now() < found.expires_at else None

    def expire(self, access_token: str | None) -> None:
        """Make one access token expire now."""
        if access_token in self._access:
            found = self._access[access_token]
            self._access[access_token] = _Access(found.id_pe, self._now())

    def expire_all(self) -> None:
        """Make every access token expire now; refresh tokens live on."""
        for token in list(self._access):
            self.expire(token)

    def claims(self, id_token: str | None) -> JsonObject | None:
        """Return the claims of an id_token that is ours, for this client, and not expired."""
        if id_token is None:
            return None
        try:
            claims = jwt.verify(id_token, self._settings.client_secret)
        except jwt.InvalidToken:
            return None
        living = claims["aud"] == self._settings.client_id
        return claims if living and self._now().timestamp() < claims["exp"] else None

    def apply(self, event: JsonObject) -> None:
        """Take back one remembered event; others are left alone."""
        if event["event"] == "tokens":
            expires_at = datetime.fromisoformat(event["expires_at"])
            self._access[event["access"]] = _Access(event["id_pe"], expires_at)
            self._refresh[event["refresh"]] = event["id_pe"]
        elif event["event"] == "token_ended":
            self._access.pop(event["token"], None)
            self._refresh.pop(event["token"], None)

    def _record(self, event: JsonObject) -> None:
        self._remember(event)
        self.apply(event)

    def _of(self, id_pe: str) -> list[str]:
        access = [token for token, found in self._access.items() if found.id_pe == id_pe]
        return access + [token for token, owner in self._refresh.items() if owner == id_pe]

    def _issue(self, id_pe: str) -> JsonObject:
        now, settings = self._now(), self._settings
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        expires_at = now + timedelta(seconds=settings.access_token_lifetime_s)
        self._record(
            {
                "event": "tokens",
                "id_pe": id_pe,
                "access": access,
                "refresh": refresh,
                "expires_at": expires_at.isoformat(),
            }
        )
        issued_at = int(now.timestamp())
        claims = {
            "iss": "urn:health-space:sandbox",
            "sub": id_pe,
            "aud": settings.client_id,
            "iat": issued_at,
            "exp": issued_at + settings.id_token_lifetime_s,
            "idPe": id_pe,
            "oid": settings.oid,
        }
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": settings.access_token_lifetime_s,
            "refresh_token": refresh,
            "id_token": jwt.sign(claims, settings.client_secret),
        }


def _answers(verifier: str | None, challenge: str) -> bool:
    digest = hashlib.sha256((verifier or "").encode()).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(expected, challenge.encode())
