"""The endpoints of Mon espace santé that give tokens and take them back.

Spec: RFC 6749 sections 2.3.1, 4.1.3, 5 and 6; RFC 7009.
"""

from __future__ import annotations

import base64
import logging
import math
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import quote_plus, urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.clock import Clock
from gateway.errors import OutcomeUnknown, UplinkError, UplinkUnauthorised, UplinkUnavailable
from gateway.uplink.answers import json_object, refused_certificate, retry_after
from gateway.uplink.http_client import Answer, HttpClient
from gateway.uplink.mes_pairing import Token
from gateway.uplink.settings import ClientAuth, MesSettings

_log = logging.getLogger(__name__)


def _seconds(told: object) -> int | None:
    """Read a lifetime; one that cannot be is none, for what came with it may not come again."""
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    try:
        seconds = float(told)
    except (ValueError, OverflowError):
        return None
    return int(seconds) if 0 <= seconds < math.inf else None


class Granted(BaseModel):
    """A successful answer of the token endpoint; members we do not know are ignored."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    access_token: Token = Field(repr=False)
    token_type: Annotated[
        Literal["bearer"], BeforeValidator(lambda v: v.lower() if isinstance(v, str) else v)
    ]
    expires_in: Annotated[int | None, BeforeValidator(_seconds)] = None
    refresh_token: Token | None = Field(None, repr=False)
    id_token: Token | None = Field(None, repr=False)


class TokenEndpoint:
    """Where one destination is asked for tokens, with the credentials of this gateway."""

    def __init__(
        self, settings: MesSettings, secret: str | None, http: HttpClient, clock: Clock
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._http = http
        self._clock = clock

    async def ask(
        self,
        form: dict[str, str],
        spent: UplinkUnauthorised,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Granted:
        """Ask for tokens, while they are `wanted`.

        Raises `spent` if what they are asked for with is no good any more, UplinkUnauthorised if
        this gateway is not accepted, and UplinkUnavailable.
        """
        try:
            answer = await self._post(self._settings.token_url, form, wanted)
        except OutcomeUnknown:
            # No reading was on its way: whatever became of the tokens, it was not sent.
            raise UplinkUnavailable(
                "The token endpoint did not answer: the gateway tries again."
            ) from None
        return self._granted(answer, spent)

    async def revoke(self, access_token: str, refresh_token: str | None) -> bool:
        """Revoke what was given; return whether the health space said that it is over."""
        url = self._settings.revoke_url
        if url is None:
            return False
        form = {"token": access_token, "token_type_hint": "access_token"}
        if refresh_token is not None:
            form = {"token": refresh_token, "token_type_hint": "refresh_token"}
        try:
            return (await self._post(url, form)).status == 200
        except UplinkError:
            _log.info("a pairing could not be revoked at its health space")
            return False

    async def _post(
        self, url: str, form: dict[str, str], wanted: Callable[[], bool] = lambda: True
    ) -> Answer:
        """Post a form with the client's credentials."""
        headers = {"Accept": "application/json"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        client = self._settings.client_id
        if self._secret is not None and self._settings.client_auth is ClientAuth.BASIC:
            pair = f"{quote_plus(client)}:{quote_plus(self._secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            form = form | {"client_id": client}
            if self._secret is not None:
                form |= {"client_secret": self._secret}
        body = urlencode(form).encode()
        return await self._http.ask("POST", url, headers=headers, body=body, wanted=wanted)

    def _granted(self, answer: Answer, spent: UplinkUnauthorised) -> Granted:
        if wanted := refused_certificate(answer):
            raise wanted
        if answer.status in (400, 401):
            error = (json_object(answer.body) or {}).get("error")
            if error == "invalid_grant":
                raise spent
            raise UplinkUnauthorised(
                "The token endpoint does not accept this gateway: check client_id, client_secret, "
                "client_auth and scope."
            )
        if answer.status == 200:
            try:
                return Granted.model_validate_json(answer.body)
            except ValidationError:
                pass
        raise UplinkUnavailable(
            f"The token endpoint gives no tokens ({answer.status}): check token_url; the gateway "
            "tries again.",
            retry_after(answer, self._clock.now().utc),
        )
