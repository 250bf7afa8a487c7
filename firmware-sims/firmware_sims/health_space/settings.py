"""What can be chosen about the sandbox: everything the real API leaves unpublished."""

import secrets
from dataclasses import dataclass, field
from typing import Literal

Terminology = Literal["any", "api-1.5.2", "smt-2025"]
LocationStyle = Literal["relative", "oid"]


@dataclass(frozen=True, slots=True)
class Settings:
    """One sandbox's choices; the defaults are the measures API 1.5.2 as published.

    `oid` is the solution's, given at pairing; `mes_oid` the health space's own, used in locations.
    `location_style` picks between `Observation/<uuid>` and `Observation/urn:oid:<OID>|<uuid>`.
    `terminology` says which generation of glucose codes is known; "any" knows both.
    `beyond_api_1_5_2` opens the measures whose profile is published but which API 1.5.2 does not
    list (oxygen saturation, respiratory rate). `device_required` follows the 3.1 flow page, where
    a bundle without a device is an error; API 1.5.2 tolerates it.
    `missing_bundle_status` is 400 (API text) or 422 (guide text).
    The id_token outlives the access token, so that an idle gateway meets 401 and not 400.
    """

    oid: str = "1.2.250.1.99999.1"
    mes_oid: str = "1.2.250.1.99999.2"
    client_id: str = "gateway"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    id_token_header: str = "X-Id-Token"  # noqa: S105 - a header's name; the real one is not public
    access_token_lifetime_s: int = 300
    id_token_lifetime_s: int = 86_400
    location_style: LocationStyle = "relative"
    terminology: Terminology = "any"
    beyond_api_1_5_2: bool = False
    device_required: bool = False
    missing_bundle_status: Literal[400, 422] = 400
    body_limit_bytes: int = 1 << 20
