"""Codes that let a browser in once, and the cookie it shows afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.api.browsers import CODE_LIVES, COOKIE_LIVES, Browsers, Door, Role, Visitor
from gateway.api.forgotten import MOST, Forgotten
from gateway.errors import ConfigError
from gateway.testing.clock import START, ManualClock
from tests.journal.cutting import PowerCuts

ADDRESS = "http://127.0.0.1:8470"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "forgotten-browsers.json"


@pytest.fixture
def browsers(clock: ManualClock, path: Path) -> Browsers:
    return started(clock, path)


def started(clock: ManualClock, path: Path, secret: str = "secret") -> Browsers:
    """Return those that a start of the daemon makes."""
    return Browsers(secret, Forgotten(path), clock, ADDRESS)


def let_in(browsers: Browsers, role: Role = Role.OWNER) -> Visitor:
    visitor = browsers.admit(browsers.invite(role).code)
    assert visitor is not None
    return visitor


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


def test_whoever_guesses_keeps_nobody_out(browsers: Browsers) -> None:
    code = browsers.invite(Role.OWNER).code
    for _ in range(1000):
        assert browsers.admit("AAAAAAAAAA") is None

    assert browsers.admit(code) is not None


def test_guessing_is_hopeless_without_a_count(browsers: Browsers) -> None:
    drawn = [browsers.invite(Role.OWNER).code for _ in range(3000)]
    letters = {letter for code in drawn for letter in code}
    (length,) = {len(code) for code in drawn}

    guesses = 10_000 * CODE_LIVES.total_seconds()

    assert len(set(drawn)) == len(drawn)
    assert guesses / len(letters) ** length < 1 / 90_000_000


def test_no_more_codes_are_open_at_once_than_a_counter_needs(browsers: Browsers) -> None:
    drawn = [browsers.invite(Role.OWNER).code for _ in range(100)]

    assert sum(browsers.admit(code) is not None for code in drawn) == 16


def test_the_cookie_is_known_after_a_restart_and_not_under_a_new_token(
    browsers: Browsers, clock: ManualClock, path: Path
) -> None:
    visitor = let_in(browsers)

    known = started(clock, path).recognise(visitor.cookie)
    unknown = started(clock, path, "another").recognise(visitor.cookie)

    assert known is not None
    assert (known.role, known.form_token) == (Role.OWNER, visitor.form_token)
    assert unknown is None


def test_a_cookie_opens_only_the_door_where_it_was_given(browsers: Browsers) -> None:
    """A guest may take that of a kiosk along; it shows nobody's turn from the network."""
    for here, elsewhere in ((Door.HUB, Door.NETWORK), (Door.NETWORK, Door.HUB)):
        visitor = browsers.admit(browsers.invite(Role.KIOSK).code, here)
        assert visitor is not None
        renewed = browsers.recognise(visitor.cookie, here)
        assert renewed is not None

        assert browsers.recognise(renewed.cookie, here) is not None
        assert browsers.recognise(visitor.cookie, elsewhere) is None
        assert browsers.recognise(renewed.cookie, elsewhere) is None


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


def test_under_a_clock_that_is_not_trusted_a_cookie_keeps_its_end(
    browsers: Browsers, clock: ManualClock
) -> None:
    """A hub without a battery begins in 1970: a cookie made anew would have run out when it knows
    the time, and one that is ahead would let in for as long again.
    """
    visitor = let_in(browsers)
    ends = visitor.cookie.split(".")[1]
    away = timedelta(days=365 * 50)
    clock.step(-away)
    clock.trusted = False

    shown = browsers.recognise(visitor.cookie)
    clock.step(away)
    clock.trusted = True

    assert shown is not None
    assert shown.cookie.split(".")[1] == ends
    assert browsers.recognise(shown.cookie) is not None


@pytest.mark.parametrize("role", Role)
def test_a_cookie_is_good_until_its_very_end_and_not_a_second_longer(
    role: Role, browsers: Browsers, clock: ManualClock
) -> None:
    visitor = let_in(browsers, role)
    ends = datetime.fromtimestamp(int(visitor.cookie.split(".")[1]), UTC)

    clock.step(ends - clock.now().utc - timedelta(microseconds=1))
    before = browsers.recognise(visitor.cookie)
    clock.step(timedelta(microseconds=1))

    assert ends == START + COOKIE_LIVES[role]
    assert before is not None
    assert browsers.recognise(visitor.cookie) is None


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


def test_without_a_port_the_remedy_is_said(clock: ManualClock, path: Path) -> None:
    with pytest.raises(ConfigError, match="give \\[api\\] a port"):
        Browsers("secret", Forgotten(path), clock, None).invite(Role.OWNER)


@pytest.mark.parametrize(
    ("address", "at_the_hub", "owners", "counters"),
    [
        ("https://hub.example:8471", ADDRESS, "https://hub.example:8471", ADDRESS),
        ("https://hub.example:8471", None, *("https://hub.example:8471",) * 2),
        (None, ADDRESS, ADDRESS, ADDRESS),
    ],
)
def test_the_household_is_invited_from_the_network_and_the_counter_from_the_hub_itself(
    *,
    address: str | None,
    at_the_hub: str | None,
    owners: str,
    counters: str,
    clock: ManualClock,
    path: Path,
) -> None:
    browsers = Browsers("secret", Forgotten(path), clock, address, at_the_hub)

    owner, counter = browsers.invite(Role.OWNER), browsers.invite(Role.KIOSK)

    assert owner.url == f"{owners}/enter?code={owner.code}"
    assert counter.url == f"{counters}/enter?code={counter.code}"


# --- forgetting -------------------------------------------------------------------------------


def test_no_copy_of_the_cookie_of_who_left_is_good_after_a_restart_either(
    browsers: Browsers, clock: ManualClock, path: Path
) -> None:
    gone, other = let_in(browsers), let_in(browsers)
    clock.advance(60)
    renewed = browsers.recognise(gone.cookie)
    assert renewed is not None

    browsers.forget(gone)

    for now in (browsers, started(clock, path)):
        assert now.recognise(gone.cookie) is None
        assert now.recognise(renewed.cookie) is None
        assert now.recognise(other.cookie) is not None


def test_all_of_a_role_are_forgotten_and_who_asked_goes_on_with_another_cookie(
    browsers: Browsers, clock: ManualClock, path: Path
) -> None:
    mine, other, counter = let_in(browsers), let_in(browsers), let_in(browsers, Role.KIOSK)

    kept = browsers.forget_all(Role.OWNER, mine)

    assert kept is not None
    for now in (browsers, started(clock, path)):
        assert now.recognise(mine.cookie) is None  # a copy of it is another browser, perhaps
        assert now.recognise(other.cookie) is None
        assert now.recognise(kept.cookie) is not None
        assert now.recognise(counter.cookie) is not None
    assert kept.form_token == mine.form_token
    assert started(clock, path).recognise(let_in(browsers).cookie) is not None


def test_the_screen_at_the_counter_can_be_forgotten_and_let_in_anew(
    browsers: Browsers, clock: ManualClock, path: Path
) -> None:
    owner, counter = let_in(browsers), let_in(browsers, Role.KIOSK)

    browsers.forget_all(Role.KIOSK)
    anew = let_in(browsers, Role.KIOSK)

    for now in (browsers, started(clock, path)):
        assert now.recognise(counter.cookie) is None
        assert now.recognise(anew.cookie) is not None
        assert now.recognise(owner.cookie) is not None


def test_a_code_that_is_open_is_forgotten_with_those_it_would_join(browsers: Browsers) -> None:
    owners, counters = browsers.invite(Role.OWNER).code, browsers.invite(Role.KIOSK).code

    browsers.forget_all(Role.OWNER)

    assert browsers.admit(owners) is None
    assert browsers.admit(counters) is not None


@pytest.mark.parametrize(
    "forget",
    [Browsers.forget, lambda browsers, _: browsers.forget_all(Role.OWNER)],
    ids=["one", "all"],
)
def test_what_was_told_to_be_forgotten_is_so_after_a_power_cut(
    forget: Callable[[Browsers, Visitor], object], clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "state" / "forgotten-browsers.json"
    path.parent.mkdir()
    browsers = started(clock, path)
    visitor = let_in(browsers)
    with PowerCuts(path.parent) as cuts:
        forget(browsers, visitor)
        cuts.acknowledged()

    assert any(cut.acknowledged for cut in cuts.all)
    for cut in cuts.all:
        cut.lay(path.parent)
        assert not cut.acknowledged or started(clock, path).recognise(visitor.cookie) is None, cut


def test_where_it_cannot_be_kept_nobody_is_forgotten_and_that_is_said(
    browsers: Browsers, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = let_in(browsers)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gateway.durable.write", full)

    for attempt in (lambda: browsers.forget(visitor), lambda: browsers.forget_all(Role.OWNER)):
        with pytest.raises(ConfigError, match="nobody was forgotten"):
            attempt()
        assert browsers.recognise(visitor.cookie) is not None


@pytest.mark.parametrize("left", [b"", b"{", b'{"marks": 3}', b"\xff", b'{"more": {}}'])
def test_a_file_that_is_damaged_forgets_everybody(
    left: bytes,
    browsers: Browsers,
    clock: ManualClock,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    visitors = [let_in(browsers), let_in(browsers, Role.KIOSK)]
    path.write_bytes(left)

    now = started(clock, path)

    assert [now.recognise(visitor.cookie) for visitor in visitors] == [None, None]
    assert "is damaged: every browser has to be let in again" in caplog.text
    assert now.recognise(let_in(now).cookie) is not None


def test_a_file_that_cannot_be_read_is_the_operators_to_see_to(
    clock: ManualClock, path: Path
) -> None:
    path.mkdir()

    with pytest.raises(ConfigError, match="cannot be read"):
        started(clock, path)


def test_the_file_does_not_grow_without_bound_and_revives_nobody(
    clock: ManualClock, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    browsers = started(clock, path)
    other, *gone = [let_in(browsers) for _ in range(MOST + 2)]

    for visitor in gone[:MOST]:
        browsers.forget(visitor)
    still = browsers.recognise(other.cookie)
    browsers.forget(gone[MOST])

    now = started(clock, path)
    assert still is not None
    assert now.recognise(other.cookie) is None
    assert not any(now.recognise(visitor.cookie) for visitor in gone)
    assert path.stat().st_size < 200


def test_the_file_lets_nobody_in(browsers: Browsers, path: Path) -> None:
    visitor = let_in(browsers)
    browsers.forget(visitor)
    browsers.forget_all(Role.KIOSK)

    kept = path.read_text()

    assert visitor.cookie.rpartition(".")[2] not in kept
    assert visitor.form_token not in kept
