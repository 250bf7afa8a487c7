import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from firmware_sims.health_space import HealthSpace, Settings, jwt

from tests.firmware_sims.health_space.bundles import weight
from tests.firmware_sims.health_space.conftest import Solution, paired

VERIFIER = "a-verifier-of-more-than-forty-three-characters-long"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
AUTHORIZE = "/authorize?response_type=code&client_id=gateway&state=s1"
CALLBACK = "http%3A%2F%2F127.0.0.1%2Fcallback"


async def test_a_code_from_the_control_api_becomes_tokens(solution: Solution) -> None:
    code = solution.space.add_person("Bob")

    reply = await solution.form("/token", grant_type="authorization_code", code=code)

    assert reply.status == 200
    assert reply.json["token_type"] == "Bearer"
    assert reply.json["expires_in"] == 300
    assert reply.headers["Cache-Control"] == "no-store"


async def test_the_id_token_is_signed_and_names_person_solution_and_audience(
    solution: Solution,
) -> None:
    settings = solution.space.settings

    claims = jwt.verify(solution.tokens["id_token"], settings.client_secret)

    assert claims["idPe"] == solution.id_pe
    assert claims["oid"] == settings.oid
    assert claims["aud"] == settings.client_id
    assert claims["exp"] - claims["iat"] == settings.id_token_lifetime_s


async def test_approval_by_script_redirects_with_code_and_state(solution: Solution) -> None:
    challenge = f"&code_challenge={CHALLENGE.decode()}&code_challenge_method=S256"

    reply = await solution.ask(
        "GET", f"{AUTHORIZE}&redirect_uri={CALLBACK}{challenge}&approve=1&person=Alice"
    )
    handed = parse_qs(urlsplit(reply.headers["Location"]).query)
    tokens = await solution.form(
        "/token",
        grant_type="authorization_code",
        code=handed["code"][0],
        redirect_uri="http://127.0.0.1/callback",
        code_verifier=VERIFIER,
    )

    assert (reply.status, handed["state"], tokens.status) == (302, ["s1"], 200)


async def test_a_wrong_verifier_spends_the_code(solution: Solution) -> None:
    challenge = f"&code_challenge={CHALLENGE.decode()}&code_challenge_method=S256"
    shown = await solution.ask("GET", f"{AUTHORIZE}{challenge}&approve=1")
    exchange = {"grant_type": "authorization_code", "code": shown.json["code"]}

    wrong = await solution.form("/token", **exchange, code_verifier="not the one")
    right_but_late = await solution.form("/token", **exchange, code_verifier=VERIFIER)

    assert (wrong.status, wrong.json["error"]) == (400, "invalid_grant")
    assert right_but_late.status == 400


async def test_a_code_is_bound_to_its_redirect_uri(solution: Solution) -> None:
    reply = await solution.ask("GET", f"{AUTHORIZE}&redirect_uri={CALLBACK}&approve=1")
    code = parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0]

    refused = await solution.form(
        "/token", grant_type="authorization_code", code=code, redirect_uri="http://elsewhere/"
    )

    assert refused.json["error"] == "invalid_grant"


async def test_the_page_offers_every_person_and_a_refusal(solution: Solution) -> None:
    solution.space.add_person("<b>Bob")

    page = (await solution.ask("GET", AUTHORIZE)).body.decode()

    assert "Approve as Alice" in page
    assert "&lt;b&gt;Bob" in page
    assert "<b>Bob" not in page
    assert "deny=1" in page


async def test_a_browser_is_shown_the_code_on_a_page(
    solution: Solution,
) -> None:
    reply = await solution.ask(
        "GET", f"{AUTHORIZE}&approve=1&person=Alice", headers={"Accept": "text/html"}
    )
    code = re.findall("<code>(.*)</code>", reply.body.decode())[0]

    tokens = await solution.form("/token", grant_type="authorization_code", code=code)

    assert (reply.status, tokens.status) == (200, 200)


async def test_a_visitor_may_refuse(solution: Solution) -> None:
    reply = await solution.ask("GET", f"{AUTHORIZE}&redirect_uri={CALLBACK}&deny=1")

    assert "error=access_denied" in reply.headers["Location"]


@pytest.mark.parametrize(
    "query",
    [
        "response_type=code&client_id=somebody",
        "response_type=token&client_id=gateway",
        "response_type=code&client_id=gateway&code_challenge=x&code_challenge_method=plain",
        "response_type=code&client_id=gateway&approve=1&person=Nobody",
    ],
)
async def test_a_bad_authorization_request_is_not_redirected(
    solution: Solution, query: str
) -> None:
    reply = await solution.ask("GET", f"/authorize?{query}&redirect_uri={CALLBACK}")

    assert reply.status == 400


async def test_refreshing_rotates_the_refresh_token(solution: Solution) -> None:
    first = solution.tokens["refresh_token"]

    renewed = await solution.form("/token", grant_type="refresh_token", refresh_token=first)
    again = await solution.form("/token", grant_type="refresh_token", refresh_token=first)

    assert renewed.status == 200
    assert renewed.json["refresh_token"] != first
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("secret", ["wrong", ""])
async def test_a_client_without_its_secret_is_refused(solution: Solution, secret: str) -> None:
    token = solution.tokens["refresh_token"]

    reply = await solution.form(
        "/token", grant_type="refresh_token", refresh_token=token, client_secret=secret
    )

    assert (reply.status, reply.json["error"]) == (401, "invalid_client")


async def test_the_client_may_authenticate_by_basic(solution: Solution) -> None:
    settings = solution.space.settings
    login = base64.b64encode(f"{settings.client_id}:{settings.client_secret}".encode()).decode()
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": solution.tokens["refresh_token"],
    }

    reply = await solution.ask(
        "POST", "/token", data=fields, headers={"Authorization": f"Basic {login}"}
    )

    assert reply.status == 200


async def test_an_unknown_grant_type_is_named_as_such(solution: Solution) -> None:
    reply = await solution.form("/token", grant_type="password")

    assert reply.json["error"] == "unsupported_grant_type"


async def test_revoking_the_refresh_token_ends_every_token(solution: Solution) -> None:
    refresh_token = solution.tokens["refresh_token"]

    revoked = await solution.form("/revoke", token=refresh_token)
    unknown = await solution.form("/revoke", token="never issued")
    post = await solution.post(weight(solution.id_pe))
    renewed = await solution.form("/token", grant_type="refresh_token", refresh_token=refresh_token)

    assert (revoked.status, unknown.status, post.status, renewed.status) == (200, 200, 401, 400)


async def test_the_expiry_of_access_tokens_is_a_setting() -> None:
    async with paired(HealthSpace(Settings(access_token_lifetime_s=60))) as solution:
        before = await solution.post(weight(solution.id_pe))
        solution.space.clock.skew_s = 60
        after = await solution.post(weight(solution.id_pe))

    assert (before.status, after.status) == (200, 401)
