"""Codes that let a browser in once, and the cookie it shows afterwards."""

from datetime import timedelta

import pytest

from gateway.api.browsers import CODE_LIVES, COOKIE_LIVES, Browsers, Role
from gateway.errors import ConfigError
from gateway.testing.clock import ManualClock

ADDRESS = "http://127.0.0.1:8470"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def browsers(clock: ManualClock) -> Browsers:
    return Browsers("secret", clock, ADDRESS)


def test_a_code_is_good_once(browsers: Browsers) -> None:
    code = browsers.invite(Role.OWNER).code

    assert browsers.admit(code) is not None
    assert browsers.admit(code) is None


def test_a_code_may_be_typed_as_people_type(browsers: Browsers) -> None:
    code = browsers.invite(Role.KIOSK).code

    visitor = browsers.admit(f" {code[:5].lower()}-{code[5:]} ")

    assert visitor is not None
    assert visitor.role is Role.KIOSK


def test_a_code_is_good_for_ten_minutes(browsers: Browsers, clock: ManualClock) -> None:
    code = browsers.invite(Role.OWNER).code
    clock.advance(CODE_LIVES.total_seconds())

    assert browsers.admit(code) is None


def test_a_clock_set_back_prolongs_no_code(browsers: Browsers, clock: ManualClock) -> None:
    code = browsers.invite(Role.OWNER).code
    clock.advance(CODE_LIVES.total_seconds())
    clock.step(-timedelta(days=1))

    assert browsers.admit(code) is None


def test_guessing_voids_the_codes(browsers: Browsers) -> None:
    code = browsers.invite(Role.OWNER).code
    for _ in range(20):
        browsers.admit("AAAAAAAAAA")

    assert browsers.admit(code) is None


def test_the_cookie_is_known_after_a_restart_and_not_under_a_new_token(
    browsers: Browsers, clock: ManualClock
) -> None:
    visitor = browsers.admit(browsers.invite(Role.OWNER).code)
    assert visitor is not None

    known = Browsers("secret", clock, ADDRESS).recognise(visitor.cookie)
    unknown = Browsers("another", clock, ADDRESS).recognise(visitor.cookie)

    assert known is not None
    assert (known.role, known.form_token) == (Role.OWNER, visitor.form_token)
    assert unknown is None


def test_a_cookie_that_is_shown_lasts_on_and_its_forms_stay_good(
    browsers: Browsers, clock: ManualClock
) -> None:
    visitor = browsers.admit(browsers.invite(Role.OWNER).code)
    assert visitor is not None
    clock.advance(COOKIE_LIVES[Role.OWNER].total_seconds() - 60)
    renewed = browsers.recognise(visitor.cookie)
    assert renewed is not None
    clock.advance(120)

    assert browsers.recognise(visitor.cookie) is None
    later = browsers.recognise(renewed.cookie)
    assert later is not None
    assert later.form_token == visitor.form_token


@pytest.mark.parametrize(
    "change",
    [
        lambda cookie: cookie.replace("kiosk", "owner"),
        lambda cookie: cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
        lambda cookie: cookie.replace(".", ".9", 1),
        lambda cookie: "",
        lambda cookie: "owner.9999999999.x.é",
        lambda cookie: None,
    ],
)
def test_a_cookie_that_was_changed_is_nobodys(browsers: Browsers, change: object) -> None:
    visitor = browsers.admit(browsers.invite(Role.KIOSK).code)
    assert visitor is not None
    assert callable(change)

    assert browsers.recognise(change(visitor.cookie)) is None


def test_without_a_port_the_remedy_is_said(clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match="give \\[api\\] a port"):
        Browsers("secret", clock, None).invite(Role.OWNER)
