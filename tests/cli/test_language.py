"""The command speaks French and English: which of them, and that nothing is missing."""

import errno
import os
import re
import sys

import pytest
from typer import rich_utils

from gateway import config, errors
from gateway.cli.main import command
from gateway.cli.speech import Speech, sentences, speech_of, spoken_around
from gateway.language.sentences import problems
from gateway.language.words import read
from gateway.transport.ble.trouble import _DENIED, _NO_SERVICE, _UNAVAILABLE
from gateway.transport.cable_trouble import _TROUBLES, HID_DEVICE, PORT, unavailable
from gateway.transport.pairing import BOND_LOST, pairing_failed
from tests.cli.spoken import (
    GAP,
    around_the_help,
    called,
    given,
    help_texts,
    in_the_source,
    raised,
    said_by_the_command,
    shape,
)

OURS = read("gateway.cli", "fr.toml")
BELOW = read("gateway.language", "problems.fr.toml")
AT_HOME = (
    "cli",
    "client.py",
    "app/offline.py",
    *(f"journal/{name}.py" for name in ("backup", "hub_key", "replacing", "restoring")),
    *(
        f"api/{name}.py"
        for name in (
            *("audit", "browsers", "consents", "context", "corrections", "destination_pairing"),
            *("kiosk", "pairing", "people", "readings", "screens"),
        )
    ),
)
"""What refuses things to the people of a household, in one sentence."""
AT_THE_START = (
    *(
        "config.py",
        "app/configured_drivers.py",
        "app/daemon.py",
        "app/parts.py",
        "app/relay.py",
        "drivers/registry.py",
        "transport/rotating_names.py",
    ),
    *("api/auth.py", "api/network.py", "api/serve.py"),
    *(f"uplink/{name}.py" for name in ("broker", "broker_trust", "documents_fhir", "settings")),
    *(f"uplink/{name}_settings.py" for name in ("documents", "fhir", "mqtt", "relay", "fleet")),
)
"""What keeps the daemon from starting, as its configuration is at fault."""
AT_THE_RADIO = (
    *(f"transport/ble/{name}.py" for name in ("adapter", "bluez", "bus", "scanning", "trouble")),
    *(f"transport/hci/{name}.py" for name in ("bonds", "radio", "transport", "trouble")),
)
"""What is wrong with Bluetooth as a whole."""
AT_WORK = ("transport", "drivers", "collect", "uplink", "journal")
"""What says why a reading does not come, is not kept, or does not leave."""
FOR_DEVELOPERS = {"transport/capture.py", "transport/replay.py"}
SAYING = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
} - {"DecodeError", "Unreadable"}
"""What is called with a sentence that is shown; a frame that is none is a driver author's."""


def test_everything_that_the_command_says_has_its_french() -> None:
    missing = (said_by_the_command() | help_texts() | around_the_help()) - set(OURS)

    assert missing == set()


def test_every_refusal_that_a_household_meets_has_its_french() -> None:
    known = {shape(english) for english in BELOW}

    assert raised(*AT_HOME) - known == set()


def test_everything_that_keeps_the_daemon_from_starting_has_its_french() -> None:
    known = {shape(english) for english in BELOW}

    assert raised(*AT_THE_START) - known == set()


def test_everything_that_is_wrong_with_bluetooth_has_its_french() -> None:
    known = {shape(english) for english in BELOW}

    assert raised(*AT_THE_RADIO, only="RadioUnavailable") - known == set()
    assert {said for _, said in _UNAVAILABLE.values()} | {_DENIED[1], _NO_SERVICE[1]} <= set(BELOW)


@pytest.mark.parametrize("number", _TROUBLES)
def test_why_a_cable_cannot_be_opened_has_its_french(number: int) -> None:
    for kind in (PORT, HID_DEVICE):
        sentence = str(unavailable("/dev/ttyUSB0", OSError(number, ""), kind))

        french = problems("fr").again(sentence)

        assert french is not None
        assert french.startswith(("Le port /dev/ttyUSB0 ne", "L'appareil HID /dev/ttyUSB0 ne"))
        assert not set(french.split()) & {"it", "the", "device", "not"}


def test_whatever_devices_destinations_and_the_journal_say_has_its_french() -> None:
    known = {shape(english) for english in BELOW}
    beside = {"kind", "_NotConnected", "_ended", "refused", "lose"}
    doing = {"within", "translated", "link_trouble", "_asked", "_ask"}

    said = given(SAYING | beside, *AT_WORK, aside=FOR_DEVELOPERS)
    said |= given(doing, "transport", aside={"transport/hci/radio.py", "transport/ble/bus.py"})

    assert said - known == set()
    assert len(said) > 200


@pytest.mark.parametrize(
    "sentence",
    [
        "It failed: ValueError at peer.py:12.",
        "It failed: what it waited for was ended.",
        "The conversation failed: KeyError at session.py:40.",
        "It was cut off on its way: it may have arrived.",
        "The gateway failed with ValueError: report it; it may have arrived.",
        "Nothing can be sent: the journal is closed.",
        "What was sent cannot be kept yet: no space left for the journal /a/b.db: free some; it "
        "then goes on.",
        "The broker does not let the gateway in (MQTT reason 0x87): check user, password, "
        "certificate and its access list.",
        "reading a value: the device wants to be paired (NotAuthorized).",
        "connecting to the device took longer than 20 s",
        "the link failed while reading a value (BleakError)",
        "None of the 3 measurement(s) that the device sent can be read; they are kept. Perhaps its "
        "firmware is newer than the driver scale/x: look for a newer gateway, or name another "
        "driver.",
        "The health space rejects the reading (422): report it with the destination's settings; it "
        "stays on this hub.",
        "The health space rejects the reading (422: value at Observation.code): report it with the "
        "destination's settings; it stays on this hub.",
    ],
)
def test_what_is_put_together_is_told_again_without_a_word_of_english(sentence: str) -> None:
    french = problems("fr").again(sentence)

    assert french is not None
    assert not set(re.findall(r"\w+", french)) & {"the", "it", "to", "of", "not", "in", "that"}


def test_why_a_pairing_failed_has_its_french() -> None:
    where = (f"transport/{each}.py" for each in ("pairing", "ble/agent", "hci/pairing"))
    said = set(called("fails", *where))

    french = {why: problems("fr").again(pairing_failed(why)) for why in said}
    assert "the device did not accept the code" in french
    assert {why for why, told in french.items() if told is None or why in told} == set()
    assert problems("fr").again(BOND_LOST)


def test_no_french_is_left_of_what_nobody_says_any_more() -> None:
    said = said_by_the_command() | help_texts() | around_the_help()
    of_the_command, of_all = in_the_source("cli"), in_the_source(".")

    left = {each for each in OURS if each not in said and shape(each) not in of_the_command}
    left -= SAID_BY_TYPER
    left |= {each for each in BELOW if not {each, shape(each)} & of_all}
    assert left == WORDS_OF_STATES | SAID_BY_THE_SYSTEM | SAID_BY_PYDANTIC


MISUSES = {
    "foo": "No such command '{name}'.",
    "dotor": "No such command '{name}'. Did you mean {alike}?",
    "journal --zzz": "No such option: {name}",
    "journal --limt 3": "No such option: {name} (Possible options: {alike})",
    "assign": "Missing argument '{name}'.",
    "consent grant Odile": "Missing option '{name}'.",
    "people add Odile Marcel": "Got unexpected extra argument(s) ({extra})",
    "journal --limit": "Option '{name}' requires an argument.",
    "journal --json=3": "Option '{name}' does not take a value.",
    "journal --limit x": "Invalid value for '{name}': {what}",
    "pairing answer --wait x": "Input should be a valid number, unable to parse string as a number",
}
"""Command lines that typer refuses, and how it says so."""
SAID_BY_TYPER = {
    *MISUSES.values(),
    "Input should be a valid integer, unable to parse string as an integer",
}


@pytest.mark.parametrize("line", MISUSES)
def test_a_command_line_that_cannot_be_is_told_so_in_french(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["healthspace-gateway", "--language", "fr", *line.split()])
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", 200)

    with pytest.raises(SystemExit) as ended:
        command()
    told = capsys.readouterr().err

    assert ended.value.code == 2
    assert ("montre comment faire" in told) is not ("--limit demande" in told or "--json" in told)
    assert re.search(
        "Il n'y a pas|Il manque|demande une valeur|ne prend pas|de trop|ne va pas", told
    )
    assert not re.search("No such|Missing|Got|requires|does not|Invalid|should|Try|mean", told)


@pytest.mark.parametrize("line", ["--help", "kiosk --help", "unassign --help"])
def test_no_sign_begins_a_line_of_the_help(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["healthspace-gateway", "--language", "fr", *line.split()])
    for width in (62, 71, 80):
        monkeypatch.setattr(rich_utils, "MAX_WIDTH", width)
        with pytest.raises(SystemExit):
            command()

    told = capsys.readouterr().out
    assert "\N{NO-BREAK SPACE};" in told
    assert re.findall(r"(?m)^[│ ]*[;:?!»].*$", told) == []


WORDS_OF_STATES = {"open.", "watching.", "ended."}
"""What `doctor` makes of the daemon's states."""
SAID_BY_PYDANTIC = {
    f"{{field}}: {said}"
    for said in (
        *("String should have at least {number} character", "Input should be {choices}"),
        "String should have at most {number} characters",
        *(f"Input should be {more} than or equal to {{number}}" for more in ("greater", "less")),
    )
}
"""What the API answers to a value that cannot be."""
SAID_BY_THE_SYSTEM = {
    os.strerror(number)
    for number in (
        *(errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.EROFS, errno.ENOSPC),
        *(errno.ENAMETOOLONG, errno.EADDRINUSE, errno.EADDRNOTAVAIL),
    )
}


@pytest.mark.parametrize("texts", [OURS, BELOW], ids=["ours", "below"])
def test_both_languages_have_the_same_gaps(texts: dict[str, str]) -> None:
    for english, french in texts.items():
        none_too = {"number"} if english.startswith("One reading ") else set()
        assert set(GAP.findall(english)) | none_too == set(GAP.findall(french)), english


@pytest.mark.parametrize("texts", [OURS, BELOW], ids=["ours", "below"])
def test_french_keeps_its_signs_on_the_line(texts: dict[str, str]) -> None:
    assert [each for each in texts.values() if re.search(r" [:?!;»%]|« ", each)] == []


def test_a_finished_sentence_is_told_again_whatever_is_in_its_gaps() -> None:
    french = Speech("fr")

    told = french.again("There is no destination 'a: b' in the configuration: mes, mqtt.")
    path = french.again("/x/y.toml: cannot be read (No such file or directory).")

    assert told == plain(
        "Il n'y a pas de destination « a: b » dans la configuration ; il y a : mes, mqtt."
    )
    assert path == plain("/x/y.toml : lecture impossible (fichier ou dossier introuvable).")


def test_every_sentence_is_recognised_as_itself_and_no_other() -> None:
    french = sentences("fr")
    for english in {**OURS, **BELOW}:
        gaps = {gap: "7" if gap == "line" else f"<{gap}>" for gap in GAP.findall(english) if gap}
        finished = english.format(**gaps) if gaps else english

        assert french.again(finished) == french(english, **gaps), english


def test_what_is_not_known_stays_as_it_was_said_and_english_is_english() -> None:
    assert Speech("fr").again("The moon is in the way.") == "The moon is in the way."
    assert Speech("en").again("Permission denied") == "Permission denied"
    assert Speech("en")("Paired.") == "Paired."


@pytest.mark.parametrize(
    ("given", "file", "environment", "spoken"),
    [
        ("en", '[hub]\nlanguage = "fr"', {"LANG": "fr_FR.UTF-8"}, "en"),
        (None, '[hub]\nlanguage = "en"', {"LANG": "fr_FR.UTF-8"}, "en"),
        (None, "", {"LANG": "en_GB.UTF-8"}, "en"),
        (None, "", {"LANG": "en_GB.UTF-8", "LC_ALL": "fr_FR.UTF-8"}, "fr"),
        (None, "", {"LANG": "C.UTF-8"}, "fr"),
        (None, "", {"LC_ALL": "", "LANG": "en_US"}, "en"),
        (None, "", {}, "fr"),
        (None, None, {"LANG": "en_GB.UTF-8"}, "en"),
        (None, None, {}, "fr"),
    ],
)
def test_the_option_goes_before_the_configuration_and_that_before_the_environment(
    given: str | None,
    file: str | None,
    environment: dict[str, str],
    spoken: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    hub = None if file is None else config.parse(file).hub

    assert speech_of(given, hub).language == spoken


def test_an_environment_of_another_language_says_nothing() -> None:
    assert spoken_around({"LANG": "de_DE.UTF-8"}) is None


def test_french_says_one_for_none() -> None:
    said = [
        Speech(language).count("One reading is due again.", "{number} readings are due again.", 0)
        for language in ("fr", "en")
    ]

    assert said[0].startswith("0 mesure est")
    assert said[1].startswith("0 readings are")


def plain(text: str) -> str:
    """Return French as it is typed here, with the spaces it has on screen."""
    return re.sub(r" (?=[:?!;»%])|(?<=«) ", "\N{NO-BREAK SPACE}", text)
