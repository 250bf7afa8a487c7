"""Every fault that a configuration can have is told in French too, with what to write instead.

The faults are made from the classes that validate the file: each key of each table is left out, and
given values of each kind that TOML has, too small, too large and ill written.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway import config_faults, config_syntax
from gateway.cli.speech import Speech
from gateway.config import DESTINATIONS, Config, load, parse
from gateway.domain.reading import Kind
from gateway.errors import ConfigError
from gateway.language.words import read
from tests.cli.spoken import raised

FRENCH = Speech("fr")
BELOW = read("gateway.language", "problems.fr.toml")
WORD = re.compile(r"[^\W\d_]{2,}")
ENGLISH = set(WORD.findall(" ".join(BELOW).lower())) - set(
    WORD.findall(" ".join(BELOW.values()).lower())
)
"""Words that English sentences have and no French one."""

MES = {
    "base_url": "https://a.example",
    "token_url": "https://a.example",
    "client_id": "g",
    "id_token_header": "X",
    "solution_oid": "1.2",
}
MQTT = {"type": "mqtt", "name": "home", "gateway": "hub", "host": "localhost"}
FHIR = {
    "type": "fhir",
    "name": "ward",
    "base_url": "https://a.example",
    "gateway": "hub",
    "patient_system": "urn:x",
}
DOCUMENTS = {"type": "documents", "folder": "/srv"}
CUFF = {"name": "cuff", "path": "/dev/ttyUSB0", "driver": "scale/tanita"}
OURS: list[dict[str, Any]] = [
    {"hub": {"zone": "Europe/Pari"}},
    {"hub": {"zone": "x"}},
    {"destinations": [MES, MES]},
    {"destinations": [MES, {**MES, "name": "again"}]},
    {"destinations": [MQTT, {**MQTT, "name": "chain"}]},
    {"destinations": [{**MES, "base_url": "https://a.example/?q=1"}]},
    {"destinations": [{**MES, "base_url": "http://a.example"}]},
    {"destinations": [{**MES, "base_url": "https://[a"}]},
    {"destinations": [{**MES, "base_url": "https://a.example:99999"}]},
    {"destinations": [{**MES, "client_secret": "s", "client_secret_file": "/s"}]},
    {"destinations": [{**MES, "key_file": "/k"}]},
    {"destinations": [{**MES, "kinds": ["body_composition"]}]},
    {"destinations": [{**MQTT, "tls": False, "host": "broker.example"}]},
    {"destinations": [{**MQTT, "key_file": "/k"}]},
    {"destinations": [{**MQTT, "password": "p", "password_file": "/p"}]},
    {"destinations": [{**MQTT, "kinds": ["glucose_report"]}]},
    {"destinations": [{**FHIR, "token": "t", "token_file": "/t"}]},
    {"destinations": [{**FHIR, "key_file": "/k"}]},
    {"destinations": [{**FHIR, "kinds": ["body_composition"]}]},
    {"destinations": [{**DOCUMENTS, "base_url": "https://a.example"}]},
    {"destinations": [{**DOCUMENTS, "token": "t", "token_file": "/t"}]},
    {"destinations": [{**DOCUMENTS, "key_file": "/k"}]},
    {"destinations": [{**DOCUMENTS, "patients": {"p": "1"}}]},
    {"destinations": [{"type": "mqt"}]},
    {"ports": [CUFF, {**CUFF, "path": "/dev/ttyUSB1"}]},
    {"ports": [CUFF, {**CUFF, "name": "other"}]},
    {"hci": [{"url": "usb:0"}, {"url": "usb:0"}]},
    {"hci": [{"url": "usb:0", "bonds": "/b"}, {"url": "usb:1", "bonds": "/b"}]},
]
"""What only a validator of ours refuses."""

VALUES = [
    *("", "x", -5, 5, 10**30, 1.5, float("inf"), float("nan"), True),
    *(["x"], [], [5], [{}], {"zz": 1}, {}, {"k": []}, {"k": {"settings": {"k": []}}}),
    tomllib.loads("day = 2026-01-01")["day"],
]


def faulty() -> Iterator[dict[str, Any]]:
    """Make files with faults: each table empty and with a key unknown, and each key ill set."""
    yield {"zz": 1}
    for name, field in Config.model_fields.items():
        for value in VALUES:
            yield {name: value}
        for table in _tables(field.annotation):
            for inside in _faulty_tables(table):
                yield {name: inside}
                yield {name: [inside]}
    for kind, table in DESTINATIONS.items():
        for inside in _faulty_tables(table):
            yield {"destinations": [{"type": kind, **inside}]}
    yield from OURS


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _tables(inner)


def _faulty_tables(table: type[BaseModel]) -> Iterator[dict[str, Any]]:
    yield {}
    yield {"zz": 1}
    for key in table.model_fields:
        yield {f"{key}e": 1}
        for value in VALUES:
            yield {key: value}


@pytest.fixture(scope="module")
def faults() -> set[str]:
    """Every line that is said of them, in English."""
    return {line for data in faulty() for line in _said_of(data)}


def _said_of(data: dict[str, Any]) -> list[str]:
    try:
        parse(_toml(data))
    except ConfigError as error:
        return str(error).split("\n")
    return []


def _toml(data: dict[str, Any]) -> str:
    """Write a file whose keys stand on its first line each."""
    return "\n".join(f"{key} = {_written(value)}" for key, value in data.items())


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, str):
        return json.dumps(value)
    return str(value).lower()


def test_each_key_of_each_table_was_met(faults: set[str]) -> None:
    named = {re.split(r"[:.']", line.split(": ")[1])[-1] for line in faults}
    keys = {
        key
        for table in [*_tables(Config), *DESTINATIONS.values()]
        for key, field in table.model_fields.items()
        if field.annotation is not str or field.metadata or field.is_required()
    }

    assert len(faults) > 300
    assert keys - named == {"type"}  # which is told of the destination as a whole


def test_each_fault_is_told_in_french(faults: set[str]) -> None:
    for line in sorted(faults):
        french = FRENCH.again(line)

        assert re.match(r"gateway\.toml, ligne \d+\N{NO-BREAK SPACE}: ", french), line
        assert _english_in(french, line) == set(), french


def _english_in(french: str, english: str) -> set[str]:
    """Return what is English in a sentence, but for names of keys and what is to be written."""
    told = WRITTEN.split(french)[0]
    named = set(WORD.findall(english.split(": ")[1].lower()))
    return set(WORD.findall(told.lower())) & ENGLISH - named - KEYS


KEYS = {
    word
    for table in [*_tables(Config), *DESTINATIONS.values()]
    for key in (*table.model_fields, *Kind)
    for word in key.split("_")
}
"""What a file is written in: its keys, and the names of kinds."""
WRITTEN = re.compile(r"comme |par exemple |le titre |: \"|ici, il y a")
"""After this stands what is to be written, as it is written."""


def test_no_kind_of_fault_is_left_without_words_of_its_own(faults: set[str]) -> None:
    assert [line for line in faults if config_faults._UNKNOWN in line] == []


def test_every_refusal_of_a_validator_was_met(faults: set[str]) -> None:
    modules = ("config.py", "uplink/broker.py", "uplink/settings.py", *OF_DESTINATIONS)
    refusals = raised(*modules, only="ValueError")
    met = {
        refusal
        for refusal in refusals
        for line in faults
        if re.search(re.escape(refusal).replace(r"\{\}", ".+"), line)
    }

    assert len(refusals) >= 14
    assert refusals - met == set()


OF_DESTINATIONS = [f"uplink/{kind}_settings.py" for kind in ("documents", "fhir", "mqtt")]


def test_a_value_is_in_no_message(faults: set[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        parse('[fleet]\nhost = 5\npassword = ["sesame-7"]\ntls = "sesame-7"\n')

    assert "sesame-7" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line", "about"),
    [
        ("[hub]\nzone = \n", 2, "no value"),
        ("[hub]\nzone = Paris\n", 2, "no value"),
        ("[hub]\nzone\n", 2, "after a key"),
        ("[hub]\n?\n", 2, "a line is"),
        ('[hub]\nzone = "a" "b"\n', 2, "nothing may follow"),
        ('[hub]\nzone = "a\n', 2, "text is not closed"),
        ('[hub]\nzone = """a\n', 3, "text is not closed"),
        ("[hub\n", 1, "heading is not closed"),
        ("[[hci]\n", 1, "heading is not closed"),
        ("[hub]\n[hub]\n", 2, "heading stands here twice"),
        ("[hub]\nzone = 1\nzone = 2\n", 3, "stands here twice"),
        ("a = {b = 1, b = 2}\n", 1, "stands here twice"),
        ("a = {b = 1}\na.c = 2\n", 2, "complete"),
        ("a.b = 1\n[a]\n", 2, "heading stands here twice"),
        ("[kiosk]\ndevices = ['a'\n", 3, "list is not closed"),
        ("a = {b = 1\n", 1, "table is not closed"),
        ('[hub]\nstate = "C:\\hub"\n', 2, "backslash"),
        ('[hub]\nstate = "\\uzzzz"\n', 2, "backslash"),
        ('[hub]\nstate = "\\ud800"\n', 2, "backslash"),
        ("[hub]\nzone = 2026-02-31\n", 2, "no such date"),
        ("[hub]\nzone = '\x01'\n", 2, "sign"),
        ("# \x01\n", 1, "sign"),
    ],
)
def test_what_is_no_toml_is_told_in_french_with_its_place(text: str, line: int, about: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    english = str(refused.value)
    french = FRENCH.again(english)

    what = english.split(": ", 2)[2]
    assert f"line {line}, " in english
    assert about in what
    assert f"ligne {line}, " in french
    assert french.endswith(BELOW[what])


def test_every_sentence_about_toml_has_its_french() -> None:
    said = {*config_syntax._SENTENCES.values(), config_syntax._NO_STATEMENT}

    assert said - set(BELOW) == set()


FAULTY = '[hub]\nlanguage = "{language}"\nzonee = "Europe/Paris"\n'


@pytest.mark.parametrize("command", [["config", "check"], ["run"], ["doctor"]])
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "la clé «\N{NO-BREAK SPACE}hub.zonee\N{NO-BREAK SPACE}» n'existe pas"),
        ("en", "unknown key"),
    ],
)
def test_a_faulty_file_is_told_in_the_language_it_states(
    language: str, said: str, command: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(FAULTY.format(language=language))
    told = subprocess.run(
        [sys.executable, "-m", "gateway", *command],
        env={"HEALTHSPACE_GATEWAY_CONFIG": str(file), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert said in told.stdout + told.stderr


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[api]\nport = 8470\n", encoding="utf-8-sig")

    assert load(file).api.port == 8470
