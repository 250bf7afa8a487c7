"""Pairing over OAuth2: `/authorize`, `/token`, `/revoke` (RFC 6749, 7009, 7636).

The page at `/authorize` lets a visitor approve as any person of the sandbox; a script adds
`approve=1&person=NAME` (or `deny=1`). Approving does not change a person's consent: that is the
control API's business, so that a paired person without consent can be played.
Without a `redirect_uri`, or with `urn:ietf:wg:oauth:2.0:oob`, the code is shown instead: to a
browser on a page, to a script as JSON.
"""

import hmac
from dataclasses import dataclass
from urllib.parse import urlencode

from firmware_sims.health_space import pages
from firmware_sims.health_space.messages import Answer, Received, html_answer, json_answer
from firmware_sims.health_space.people import People
from firmware_sims.health_space.settings import Settings
from firmware_sims.health_space.tokens import OAuthError, Tokens

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class OAuth:
    """Answers the authorization server's requests."""

    settings: Settings
    people: People
    tokens: Tokens

    def authorize(self, received: Received) -> Answer:
        """Show the page, or act on its choice."""
        asked = {name: values[0] for name, values in received.query.items()}
        if asked.get("client_id") != self.settings.client_id:
            return _problem("unknown client_id")
        if asked.get("response_type") != "code":
            return _problem("response_type must be code")
        if "code_challenge" in asked and asked.get("code_challenge_method") != "S256":
            return _problem("code_challenge_method must be S256")
        if asked.pop("deny", ""):
            return _hand_back(received, asked, {"error": "access_denied"})
        if not asked.pop("approve", ""):
            return html_answer(200, pages.authorize_page(asked, self.people))
        names = [person.name for person in self.people]
        name = asked.pop("person", names[0] if len(names) == 1 else "")
        person = self.people.named(name)
        if person is None:
            return _problem("say who approves: person=NAME")
        redirect_uri = asked.get("redirect_uri")
        code = self.tokens.new_code(person.id_pe, redirect_uri, asked.get("code_challenge"))
        return _hand_back(received, asked, {"code": code})

    def token(self, received: Received) -> Answer:
        """Exchange a code or a refresh token for tokens."""
        form = received.form
        if not self._client_known(received, form):
            return _oauth_error(401, "invalid_client", "unknown client or wrong secret")
        try:
            tokens = self._grant(form)
        except OAuthError as error:
            return _oauth_error(400, error.error, str(error))
        return json_answer(200, tokens, headers=_NO_STORE)

    def revoke(self, received: Received) -> Answer:
        """End a token; an unknown one is fine."""
        form = received.form
        if not self._client_known(received, form):
            return _oauth_error(401, "invalid_client", "unknown client or wrong secret")
        self.tokens.revoke(form.get("token", ""))
        return json_answer(200, {})

    def _grant(self, form: dict[str, str]) -> dict[str, object]:
        match form.get("grant_type"):
            case "authorization_code":
                return self.tokens.exchange(
                    form.get("code", ""), form.get("redirect_uri"), form.get("code_verifier")
                )
            case "refresh_token":
                return self.tokens.refresh(form.get("refresh_token", ""))
            case _:
                raise OAuthError(
                    "unsupported_grant_type", "use authorization_code or refresh_token"
                )

    def _client_known(self, received: Received, form: dict[str, str]) -> bool:
        named, secret = received.basic() or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        expected = self.settings.client_secret.encode()
        return hmac.compare_digest(secret.encode(), expected) and named == self.settings.client_id


def _hand_back(received: Received, asked: dict[str, str], result: dict[str, str]) -> Answer:
    redirect_uri = asked.get("redirect_uri", OUT_OF_BAND)
    if "state" in asked:
        result = {**result, "state": asked["state"]}
    if redirect_uri == OUT_OF_BAND and "text/html" in received.headers.get("accept", ""):
        if "code" in result:
            return html_answer(200, pages.code_page(result["code"]))
        return _problem("You refused. Nothing was connected.")
    if redirect_uri == OUT_OF_BAND:
        return json_answer(200, result, headers=_NO_STORE)
    joint = "&" if "?" in redirect_uri else "?"
    return Answer(302, headers={"Location": f"{redirect_uri}{joint}{urlencode(result)}"})


def _problem(what: str) -> Answer:
    return html_answer(400, pages.problem_page(what))


def _oauth_error(status: int, error: str, description: str) -> Answer:
    body = {"error": error, "error_description": description}
    return json_answer(status, body, headers=_NO_STORE)
