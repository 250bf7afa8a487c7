"""Every command, with a daemon and without one: it works, or says in one sentence why not."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace

from gateway.app.daemon import daemon
from gateway.errors import JournalBusy
from tests.end_to_end.home import MARCEL, ODILE, Home, Plan, at_home
from tests.end_to_end.passing import Passing
from tests.end_to_end.processes import Ran, command, run_here

SCALE = "serial:captured-scale"
CAPTURE = Path(__file__).parents[1] / "vectors" / "captures" / "counter-scale.jsonl"
NOT_RUNNING = (
    "The daemon is not running: start it with 'sudo systemctl start healthspace-gateway', or by"
    " hand with 'run'."
)
NOWHERE = "There is no destination 'nowhere' in the configuration: mes."
NOBODY = "There is no such person here: see 'people list', or add one with 'people add'."

LISTS = {
    ("devices",): (SCALE, SCALE, SCALE),
    ("people", "list"): (ODILE, ODILE, ODILE),
    ("consent", "show"): ("grant-", "at any time", "à n'importe quelle date"),
    ("consent", "show", ODILE): ("grant-", "given", "donné"),
    ("journal",): ('"weight"', "Weight", "Poids"),
    ("journal", "--person", ODILE, "--limit", "2"): (
        '"weight"',
        "Arrived: Mon espace",
        "arrivée : Mon espace",
    ),
    ("outbox",): ("settled", "Arrived: Mon espace", "arrivée : Mon espace"),
}
"""What can be looked at, and a word that must be there: for scripts, in English and in French."""


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("asked", LISTS, ids=" ".join)
async def test_what_there_is_can_be_looked_at_by_people_and_by_scripts(
    asked: tuple[str, ...], running: bool, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        if running:
            ran = await in_every_way(home, *asked)
    if not running:
        ran = await in_every_way(home, *asked)

    listed, en_json, *spoken = ran
    assert all((each.status, each.error) == (0, "") for each in ran)
    for each, word in zip((listed, *spoken), LISTS[asked], strict=True):
        assert word in each.output.replace("\N{NO-BREAK SPACE}", " ")
    assert isinstance(json.loads(listed.output), list)
    assert en_json == listed, "what scripts read changed with the language"


async def test_scan_lists_what_is_in_reach_while_the_daemon_runs(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        shown, listed = await both(home, "scan")
    stopped = await here(home, "scan")

    assert SCALE in shown.output
    assert [each["device"] for each in json.loads(listed.output)] == [SCALE]
    assert_refused(stopped, NOT_RUNNING)


async def test_devices_are_paired_and_forgotten_while_the_daemon_runs(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    asked = (
        ("pairing", "list"),
        ("pairing", "answer", "--wait", "0"),
        ("devices", "forget", SCALE),
    )
    async with a_used_hub(tmp_path, space, time) as home:
        listed, answered, forgotten = [await here(home, *each) for each in asked]
    stopped = [await here(home, *each) for each in asked]

    assert (listed.status, "(none)" in listed.output) == (0, True)
    assert_refused(
        answered, "No device asks anything: bring it into its pairing mode, then try again."
    )
    assert "There was no bond." in forgotten.output
    for ran in stopped:
        assert_refused(ran, NOT_RUNNING)


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
async def test_a_household_can_be_set_up_and_changed(
    running: bool, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    steps = [
        (("people", "add", MARCEL), f"Added: {MARCEL}, with the id p-"),
        (("adopt", "serial:bathroom", "--driver", "scale/tanita"), "is one of ours now"),
        (
            ("adopt", "c0:ff:ee:00:00:99", "--driver", "bp_monitor/bluetooth_sig"),
            "ble:C0:FF:EE:00:00:99 is one of ours now",
        ),
        (("assign", "serial:bathroom", MARCEL, "--slot", "2", "--since", "90d"), "measures them"),
        (("assign", "serial:bathroom", MARCEL, "--json"), '"device": "serial:bathroom"'),
        (("consent", "grant", MARCEL, "--to", "mes", "--yes"), "Recorded as grant-"),
        (
            (
                *("consent", "grant", MARCEL, "--to", "mes", "--yes", "--json"),
                *("--kinds", "weight,height", "--since", "2026-03-01", "--language", "en"),
                *("--by", ODILE, "--capacity", "legal_representative"),
            ),
            '"capacity": "legal_representative"',
        ),
        (("consent", "withdraw", MARCEL, "--to", "mes"), "Withdrawn. 0 readings"),
        (("consent", "withdraw", MARCEL, "--to", "mes", "--json"), '"dropped": 0'),
        (("outbox", "retry", "--to", "mes"), "0 readings are due again."),
    ]
    async with a_used_hub(tmp_path, space, time) as home:
        if running:
            done = [(await here(home, *step), word) for step, word in steps]
    if not running:
        done = [(await here(home, *step), word) for step, word in steps]

    for ran, word in done:
        assert (ran.status, ran.error) == (0, "")
        assert word in ran.output


NEVER = {
    ("people", "add", ""): "label : il faut au moins 1 caractère",
    ("people", "add", "x" * 81): "label : il faut au plus 80 caractères",
    ("journal", "--limit", "0"): "limit : il faut au moins 1",
    ("journal", "--limit", "1001"): "limit : il faut au plus 1000",
    ("consent", "grant", ODILE, "--to", "mes", "--yes", "--capacity", "x"): "capacity : au choix,",
    ("consent", "grant", ODILE, "--to", "mes", "--yes", "--expires", "1d"): "serait déjà terminé",
    ("consent", "grant", ODILE, "--to", "mes", "--yes", "--until", "1d"): "avant de commencer",
    ("backup", "hub.backup", "--passphrase-file", "/dev/null"): "la phrase secrète est vide",
    ("restore", "nowhere"): "nowhere : lecture impossible (fichier ou dossier introuvable).",
}
"""What cannot be asked, and how that is told."""


@pytest.mark.parametrize("asked", NEVER, ids=" ".join)
async def test_what_cannot_be_is_refused_in_french_and_changes_nothing(
    asked: tuple[str, ...], tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        before = await here(home, "consent", "show", "--json")
        ran = await asyncio.to_thread(run_here, home.path, *asked, language="fr")
        after = await here(home, "consent", "show", "--json")

    assert ran.status == 1
    assert NEVER[asked] in ran.error.replace("\N{NO-BREAK SPACE}", " ")
    assert after == before
    assert not Path("hub.backup").exists()


async def test_nobody_gets_a_name_that_somebody_has_already(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        again = await here(home, "people", "add", f" {ODILE.upper()}")
        shown = await here(home, "people", "list", "--json")

    assert_refused(
        again, "Somebody here is called that already: give a name that tells them apart."
    )
    assert len(json.loads(shown.output)) == 1


async def test_consent_is_asked_for_with_its_text_and_a_no_records_nothing(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        await here(home, "people", "add", MARCEL)
        asked = ("consent", "grant", MARCEL, "--to", "mes")
        no = await asyncio.to_thread(run_here, home.path, *asked, given=b"n\n", language="fr")
        after_no = await here(home, "consent", "show", MARCEL, "--json")
        oui = await asyncio.to_thread(run_here, home.path, *asked, given=b"o\n", language="fr")
        yes = await here(home, *asked, given=b"y\n")

    assert "Ce qui n'est jamais envoyé" in no.output
    for lead, said in (
        ("Les mesures de", MARCEL),
        ("À qui", "Mon espace santé"),
        ("Ce qui est envoyé", "Poids"),
        ("Depuis quand", "aujourd'hui"),
    ):
        told = [line for line in no.output.split("\n") if line.startswith(lead)]
        assert said in told[-1]
    assert "D'accord\N{NO-BREAK SPACE}?" in no.output
    assert no.status == 1
    assert json.loads(after_no.output) == []
    assert "Accord enregistré, numéro grant-" in oui.output
    assert "What is never sent" in yes.output
    assert "Recorded as grant-" in yes.output


async def test_web_prints_the_address_that_lets_a_browser_in(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    with_a_port = Plan(more="[api]\nport = 0")
    async with at_home(tmp_path, space, time, with_a_port) as home:
        owner = await here(home, "web")
        kiosk = await here(home, "web", "--kiosk", "--json")
    stopped = await here(home, "web")

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter\?code=\w{10}\n", owner.output)
    assert json.loads(kiosk.output)["role"] == "kiosk"
    assert_refused(stopped, NOT_RUNNING)


async def test_whoever_was_let_in_is_forgotten_from_the_command_line(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, Plan(more="[api]\nport = 0")) as home:
        owner = await here(home, "web", "--forget")
        kiosk = await here(home, "web", "--kiosk", "--forget", "--json")
    stopped = await here(home, "web", "--forget")

    assert owner.output == "The owner's browsers are forgotten: let them in anew.\n"
    assert json.loads(kiosk.output) == {"role": "kiosk"}
    assert_refused(stopped, NOT_RUNNING)


async def test_without_a_port_web_says_what_to_configure(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with at_home(tmp_path, space, time, Plan()) as home:
        refused = await here(home, "web")

    assert_one_sentence(refused)
    assert "give [api] a port" in refused.error


async def test_where_people_sign_in_the_command_prints_the_address_and_waits_for_the_code(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    plan = Plan(destination={"authorize_url": f"{space.base_url}/authorize"})
    async with at_home(tmp_path, space, time, plan) as home:
        await home.welcome(ODILE)
        code = space.add_person(ODILE)
        ran = await here(home, "pair", ODILE, "--to", "mes", given=f"{code}\n".encode())

    address = next(line for line in ran.output.splitlines() if line.startswith("https://"))
    assert "code_challenge_method=S256" in address
    assert "redirect_uri=urn%3Aietf%3Awg%3Aoauth%3A2.0%3Aoob" in address
    assert (ran.status, ran.error, "Paired." in ran.output) == (0, "", True)


async def test_people_pair_with_the_code_that_they_were_shown(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        good = await here(home, "pair", ODILE, "--to", "mes", "--code", space.add_person(ODILE))
        bad = await here(home, "pair", ODILE, "--to", "mes", "--code", "not-this-one")
        prompted = await here(
            home, "pair", ODILE, "--to", "mes", given=f"{space.add_person(ODILE)}\n".encode()
        )
    stopped = await here(home, "pair", ODILE, "--to", "mes", "--code", "x")

    assert (good.status, good.output) == (0, "Paired.\n")
    assert (prompted.status, prompted.error) == (0, "")
    assert_refused(
        bad, "The health space does not know this code, or not any more: ask it for another one."
    )
    assert_refused(stopped, NOT_RUNNING)


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
async def test_an_unclaimed_reading_is_claimed_once(
    running: bool, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    plan = Plan(captures=(CAPTURE,))
    async with at_home(tmp_path, space, time, plan) as home:
        await home.until(lambda: has_readings(home))
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        reading = (await home.readings())[0]["id"]
        if running:
            first, again, unknown = await claims(home, reading)
    if not running:
        first, again, unknown = await claims(home, reading)

    assert (first.status, first.output) == (0, "Claimed.\n")
    assert_one_sentence(again)
    assert_one_sentence(unknown)


REFUSED = {
    ("adopt", "serial:unheard-of"): (
        "serial:unheard-of is not in reach, so no driver could be chosen: switch it on and look"
        " with 'scan', or name the driver."
    ),
    ("adopt", "/dev/ttyUSB0", "--driver", "scale/tanita"): (
        "/dev/ttyUSB0 is not in reach, and no device is called that: switch it on and look with"
        " 'scan', or give the Bluetooth address that is printed on it, with its colons."
    ),
    ("adopt", "serial:bathroom", "--driver", "scale/tannita"): (
        "There is no driver 'scale/tannita'. Did you mean scale/tanita, scale/sanitas?"
    ),
    ("assign", SCALE, "Nemo"): NOBODY,
    ("consent", "grant", "Nemo", "--to", "mes", "--yes"): NOBODY,
    ("consent", "grant", ODILE, "--to", "nowhere", "--yes"): NOWHERE,
    ("pair", ODILE, "--to", "nowhere"): NOWHERE,
    ("consent", "grant", ODILE, "--to", "mes", "--yes", "--language", "la"): (
        "There is no consent text in 'la': fr and en exist."
    ),
    ("consent", "grant", ODILE, "--to", "mes", "--yes", "--since", "some day"): (
        "'some day' is no moment: write now, 90d or 2026-03-14T09:30."
    ),
    ("consent", "grant", ODILE, "--to", "mes", "--yes", "--kinds", "mood"): None,
    ("consent", "grant", ODILE, "--to", "mes", "--yes", "--capacity", "friend"): None,
    ("consent", "withdraw", "Nemo", "--to", "mes"): NOBODY,
    ("consent", "withdraw", ODILE, "--to", "nowhere"): NOWHERE,
    ("consent", "show", "Nemo"): NOBODY,
    ("claim", "no-reading", ODILE): None,
    ("journal", "--person", "Nemo"): NOBODY,
    ("journal", "--limit", "0"): None,
    ("outbox", "retry", "--to", "nowhere"): NOWHERE,
}
"""What cannot be, and the sentence; None: any, but one."""


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("asked", REFUSED, ids=" ".join)
async def test_what_cannot_be_is_refused_in_one_sentence(
    asked: tuple[str, ...], running: bool, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        if running:
            ran = await here(home, *asked)
    if not running:
        ran = await here(home, *asked)

    sentence = REFUSED[asked]
    if sentence is None:
        assert_one_sentence(ran)
    else:
        assert_refused(ran, sentence)


@pytest.mark.parametrize("asked", [("devices",), ("journal",), ("outbox",), ("people", "list")])
async def test_before_the_first_start_there_is_nothing_to_look_at(
    asked: tuple[str, ...], tmp_path: Path
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'[hub]\nstate = "{tmp_path / "state"}"\n')

    ran = await asyncio.to_thread(run_here, config, *asked)

    assert_refused(ran, f"there is no journal at {tmp_path / 'state' / 'journal.db'}")


async def test_what_the_layers_below_refuse_is_said_in_the_language_of_the_household(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'[hub]\nlanguage = "fr"\nstate = "{tmp_path / "state"}"\n')
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")

    ran = await asyncio.to_thread(run_here, config, "devices", language=None)

    where = tmp_path / "state" / "journal.db"
    assert_refused(ran, f"il n'y a pas encore de journal\N{NO-BREAK SPACE}: {where}")


async def test_the_doctor_finds_nothing_at_a_hub_that_is_well_and_names_what_is_not(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    missing = tmp_path / "ttyUSB7"
    async with a_used_hub(tmp_path, space, time) as home:
        well, listed = await both(home, "doctor")
    stopped = await here(home, "doctor")
    plan = Plan(ports={"counter": (missing, "scale/tanita")})
    async with at_home(tmp_path, space, time, plan) as home:
        unplugged = await here(home, "doctor")

    assert [finding for finding in json.loads(listed.output) if not finding["ok"]] == []
    assert (well.status, well.error) == (0, "")
    assert stopped.status == 1
    assert f"FIX daemon: {NOT_RUNNING} Where it does not stay up" in stopped.output
    assert unplugged.status == 1
    assert f"FIX port counter: {missing} is not there: plug the device in" in unplugged.output


async def test_the_status_says_in_both_languages_what_there_is_and_what_waits(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        fr_json, en_json, english, french = await in_every_way(home, "status")
    stopped = await here(home, "status")

    assert fr_json == en_json
    assert json.loads(fr_json.output)["running"] is True
    assert "\nMon espace santé: open.\n" in english.output
    assert "\n2 readings: Arrived: Mon espace santé\n" in english.output
    told = french.output.replace("\N{NO-BREAK SPACE}", " ")
    assert told.startswith("En marche, version ")
    assert "\nMon espace santé : ouverte.\n" in told
    assert "\nMesures : 2. Bien arrivée : Mon espace santé\n" in told
    assert stopped.output == f"{NOT_RUNNING}\n"


async def test_the_configuration_is_checked_and_shown_without_its_secrets(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        checked = await here(home, "config", "check")
        shown = await here(home, "config", "show")

    (destination,) = json.loads(shown.output)["destinations"]
    assert (checked.status, checked.output) == (0, f"{tmp_path / 'gateway.toml'}: no fault.\n")
    assert space.settings.client_secret not in shown.output
    assert set(destination["client_secret"]) == {"*"}


async def test_a_faulty_configuration_is_told_by_every_command_with_its_line(
    tmp_path: Path,
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[hub]\nzone = "Europe/Pari"\n')

    for asked in (("config", "check"), ("devices",), ("config", "show")):
        ran = await asyncio.to_thread(run_here, config, *asked)
        assert_refused(
            ran,
            f"{config}:2: hub.zone: there is no time zone 'Europe/Pari'; did you mean"
            " Europe/Paris?",
        )


@pytest.mark.other_processes
async def test_decode_says_what_bytes_mean_and_what_is_wrong_with_others(tmp_path: Path) -> None:
    asked = [
        {"id": 1, "characteristic": "2a35", "hex": "00 7800 5000 5d00"},
        {"id": 2, "driver": "tanita", "text": "no line of a scale"},
        {"id": 3, "characteristic": "2a35", "hex": "00 78"},
        {"id": 4, "driver": "nobody's", "hex": "00"},
    ]
    lines = "".join(json.dumps(line) + "\n" for line in asked) + "not JSON\n"

    ran = await command(tmp_path / "none.toml", "decode", given=lines.encode())

    answers = [json.loads(line) for line in ran.output.splitlines()]
    assert (ran.status, ran.error) == (0, "")
    assert [answer["ok"] for answer in answers] == [True, False, False, False, False]
    assert answers[0]["message"]["systolic"] == 120
    assert all(answer["error"] for answer in answers[1:])


@pytest.mark.other_processes
async def test_run_says_in_one_sentence_why_it_cannot(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    missing = await command(tmp_path / "none.toml", "run")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        config.write_text(f'[hub]\nstate = "{tmp_path / "state"}"\n[api]\nport = {port}\n')
        taken = await command(config, "run")

    assert_refused(taken, f"Port {port} of 127.0.0.1 is taken: name another as [api] port.")
    assert_refused(
        missing, f"{tmp_path / 'none.toml'}: cannot be read (No such file or directory)."
    )


async def test_a_second_daemon_waits_a_while_for_the_journal_and_says_who_has_it(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        began = time.monotonic()
        with pytest.raises(JournalBusy, match=f"journal.db is in use by process {os.getpid()}"):
            async with daemon(home.config, clock=time, timer=time.timer):
                raise AssertionError("two daemons have one journal")

    assert time.monotonic() - began >= 10


async def test_names_that_look_like_markup_are_shown_as_they_are(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        await here(home, "people", "add", "[/bold] [red]Ada")
        ran = await here(home, "people", "list")

    assert "[/bold] [red]Ada" in ran.output


@asynccontextmanager
async def a_used_hub(folder: Path, space: HealthSpace, time: Passing) -> AsyncIterator[Home]:
    """Run a daemon with one person, whose scale has weighed them."""
    async with at_home(folder, space, time, Plan(captures=(CAPTURE,))) as home:
        await home.until(lambda: has_readings(home))
        await home.welcome(ODILE)
        await home.give(SCALE, "scale/tanita", ODILE)
        await home.until(lambda: are_settled(home))
        yield home


async def here(home: Home, *asked: str, given: bytes = b"") -> Ran:
    return await asyncio.to_thread(run_here, home.path, *asked, given=given)


async def in_every_way(home: Home, *asked: str) -> list[Ran]:
    """Ask as a script does, in two languages, and as people do, in English and in French."""
    return [
        await asyncio.to_thread(run_here, home.path, *asked, *more, language=language)
        for more in (["--json"], [])
        for language in (("fr", "en") if more else ("en", "fr"))
    ]


async def both(home: Home, *asked: str) -> tuple[Ran, Ran]:
    """Ask as a person and as a script does."""
    return await here(home, *asked), await here(home, *asked, "--json")


async def claims(home: Home, reading: str) -> tuple[Ran, Ran, Ran]:
    return (
        await here(home, "claim", reading, ODILE),
        await here(home, "claim", reading, MARCEL),
        await here(home, "claim", "0" * len(reading), ODILE),
    )


async def has_readings(home: Home) -> bool:
    return len(await home.readings()) == 3


async def are_settled(home: Home) -> bool:
    return await home.states() == ["settled"] * 2


def assert_refused(ran: Ran, sentence: str) -> None:
    assert (ran.status, ran.output) == (1, "")
    assert ran.error == f"healthspace-gateway: {sentence}\n"


def assert_one_sentence(ran: Ran) -> None:
    assert (ran.status, ran.output) == (1, "")
    assert ran.error.startswith("healthspace-gateway: ")
    assert ran.error.count("\n") == 1
    assert "Traceback" not in ran.error
