"""The commands that keep a hub and account for it, as a person types them."""

import asyncio
import hashlib
import json
import re
import sqlite3
import zipfile
from pathlib import Path

import pytest
import segno
from firmware_sims.health_space import HealthSpace

from gateway.consent.grant import BY_RESTORING
from gateway.consent.texts import __file__ as texts
from gateway.journal.database import row_sum
from gateway.journal.hub_key import PASSPHRASE_FILE
from tests.end_to_end.home import MARCEL, ODILE, Home
from tests.end_to_end.passing import Passing
from tests.end_to_end.processes import Ran, run_here
from tests.end_to_end.test_command import a_used_hub, assert_one_sentence, here

pytestmark = pytest.mark.usefixtures("phrase")
EITHER = pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])


@pytest.fixture
def phrase(tmp_path: Path) -> Path:
    path = tmp_path / "phrase"
    path.write_text("correct horse\n")
    return path


async def elsewhere(home: Home, *asked: str) -> Ran:
    """Type it on another hub, with the same configuration and a state of its own."""
    path = home.path.with_name("other.toml")
    path.write_text(home.path.read_text().replace("/state", "/other-state"))
    return await asyncio.to_thread(run_here, path, *asked)


@EITHER
async def test_a_backup_is_restored_on_another_hub_that_then_asks_for_consent_anew(
    tmp_path: Path, space: HealthSpace, time: Passing, phrase: Path, running: bool
) -> None:
    by = ("--passphrase-file", str(phrase))
    async with a_used_hub(tmp_path, space, time) as home:
        if running:
            made = await here(home, "backup", str(tmp_path / "hub.backup"), *by)
    if not running:
        made = await here(home, "backup", str(tmp_path / "hub.backup"), *by)
    restored = await elsewhere(home, "restore", str(tmp_path / "hub.backup"), *by)
    readings = await elsewhere(home, "journal", "--json")
    consents = await elsewhere(home, "consent", "show", ODILE, "--json")
    again = await elsewhere(home, "consent", "grant", ODILE, "--to", "mes", "--yes")

    assert (made.status, made.error) == (0, "")
    assert "Without its passphrase nobody can open it" in made.output
    assert restored.output.startswith("Restored. 1 consents of the backup count as withdrawn")
    assert "Whoever still consents says so again" in restored.output
    assert len(json.loads(readings.output)) == 3
    grant, ended = json.loads(consents.output)
    assert (grant["living"], ended["living"]) == (False, False)
    assert ended["id"].startswith(BY_RESTORING)
    assert again.status == 0


async def test_a_backup_is_refused_with_another_passphrase_and_while_the_daemon_runs(
    tmp_path: Path, space: HealthSpace, time: Passing, phrase: Path
) -> None:
    file, wrong = str(tmp_path / "hub.backup"), tmp_path / "wrong"
    wrong.write_text("battery staple")
    async with a_used_hub(tmp_path, space, time) as home:
        await here(home, "backup", file, "--passphrase-file", str(phrase))
        meanwhile = await here(home, "restore", file, "--passphrase-file", str(phrase))
    refused = await here(home, "restore", file, "--passphrase-file", str(wrong))
    kept = await here(home, "journal", "--json")

    assert_one_sentence(meanwhile)
    assert "in use by process" in meanwhile.error
    assert_one_sentence(refused)
    assert "the passphrase is another" in refused.error
    assert len(json.loads(kept.output)) == 3


async def test_after_a_change_of_the_key_everything_is_still_there(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        meanwhile = await here(home, "change-key")
    key = tmp_path / "state" / "keys" / "hub.key"
    before = key.read_bytes()

    changed = await here(home, "change-key")
    readings = await here(home, "journal", "--json")

    assert_one_sentence(meanwhile)
    assert (changed.status, key.read_bytes() != before) == (0, True)
    assert len(json.loads(readings.output)) == 3


async def test_a_key_can_come_from_a_passphrase_and_then_nothing_opens_without_it(
    tmp_path: Path,
    space: HealthSpace,
    time: Passing,
    phrase: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        pass
    not_given = await here(home, "change-key", "--to-passphrase")
    monkeypatch.setenv(PASSPHRASE_FILE, str(phrase))

    changed = await here(home, "change-key", "--to-passphrase")
    readings = await here(home, "journal", "--json")
    monkeypatch.delenv(PASSPHRASE_FILE)
    locked = await here(home, "journal", "--json")

    assert_one_sentence(not_given)
    assert PASSPHRASE_FILE in not_given.error
    assert changed.output.startswith("The hub key comes from the passphrase now")
    assert len(json.loads(readings.output)) == 3
    assert_one_sentence(locked)
    assert "locked by a passphrase" in locked.error
    assert not (tmp_path / "state" / "keys" / "hub.key").exists()


@EITHER
async def test_an_erased_person_is_gone_and_the_audit_log_still_whole(
    tmp_path: Path, space: HealthSpace, time: Passing, running: bool
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        if running:
            erased = await here(home, "people", "erase", ODILE, "--yes")
    if not running:
        erased = await here(home, "people", "erase", ODILE, "--yes")

    assert erased.output.startswith("Erased: 3 readings.")
    assert json.loads((await here(home, "people", "list", "--json")).output) == []
    assert len(json.loads((await here(home, "journal", "--json")).output)) == 0
    assert (await here(home, "audit", "verify")).output.startswith("Whole: ")


@EITHER
async def test_the_audit_log_is_verified_against_a_checkpoint_and_a_receipts_code(
    tmp_path: Path, space: HealthSpace, time: Passing, running: bool
) -> None:
    file, scanned = tmp_path / "checkpoint.json", tmp_path / "scanned.json"
    async with a_used_hub(tmp_path, space, time) as home:
        made = await here(home, "audit", "checkpoint", str(file))
        scanned.write_text(json.dumps({"grant": "g", "checkpoint": json.loads(file.read_text())}))
        if running:
            ran = await verified(home, file, scanned)
    if not running:
        ran = await verified(home, file, scanned)

    assert "Keep it away from this machine" in made.output
    assert [each.status for each in ran] == [0, 0, 0]
    assert ran[0].output.startswith("Whole: ")
    assert all("goes on from the checkpoint" in each.output for each in ran[1:])


async def test_a_log_that_was_edited_reordered_or_cut_is_told_by_the_command(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    file = tmp_path / "checkpoint.json"
    async with a_used_hub(tmp_path, space, time) as home:
        await here(home, "audit", "checkpoint", str(file))
    database = tmp_path / "state" / "journal.db"
    whole = database.read_bytes()
    told = {}
    for hurt in (
        "UPDATE audit SET event = 'settled' WHERE number = 2",
        "DELETE FROM audit WHERE number = 2",
        "UPDATE audit SET number = CASE number WHEN 2 THEN -3 ELSE -2 END"
        " WHERE number IN (2, 3); UPDATE audit SET number = -number WHERE number < 0",
        "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)",
    ):
        database.write_bytes(whole)
        forge(database, hurt)
        told[hurt] = await here(home, "audit", "verify", "--checkpoint", str(file))

    edited, deleted, reordered, cut = told.values()
    assert [each.status for each in told.values()] == [1, 1, 1, 1]
    for each in (edited, deleted, reordered):
        assert each.output.startswith("The chain fails at link 2 of ")
    assert cut.output == "The chain ends before the checkpoint: its tail was cut off.\n"


def forge(database: Path, statements: str) -> None:
    """Change the log as somebody would who can write the file."""
    with sqlite3.connect(database) as other:
        other.create_function("row_sum", -1, row_sum, deterministic=True)
        kept = other.execute(
            "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'audit_no_%'"
        ).fetchall()
        for name, _ in kept:
            other.execute(f"DROP TRIGGER {name}")
        other.executescript(statements)
        for _, sql in kept:
            other.execute(sql)
    other.close()


async def verified(home: Home, *files: Path) -> list[Ran]:
    return [
        await here(home, "audit", "verify"),
        *[await here(home, "audit", "verify", "--checkpoint", str(file)) for file in files],
    ]


async def test_damage_is_named_by_the_command(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        well = await here(home, "audit", "damage")
    database = tmp_path / "state" / "journal.db"
    with sqlite3.connect(database) as looking:
        ((reading, payload),) = looking.execute(
            "SELECT lower(hex(id)), payload FROM entries ORDER BY number LIMIT 1"
        )
    looking.close()
    content = database.read_bytes()
    at = content.index(payload)
    database.write_bytes(content[:at] + bytes([payload[0] ^ 1]) + content[at + 1 :])

    told = await here(home, "audit", "damage")
    listed = await here(home, "audit", "damage", "--json")

    assert well.output == "No damage: every reading can be read.\n"
    assert told.output == f"cannot be read: {reading}\n"
    assert json.loads(listed.output) == {"unreadable": [reading], "salvaged": []}


@EITHER
async def test_a_person_is_shown_what_left_and_a_readings_way_in_both_languages(
    tmp_path: Path, space: HealthSpace, time: Passing, running: bool
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        if running:
            account, french, english = await accounts(home)
    if not running:
        account, french, english = await accounts(home)

    lines = json.loads(account.output)
    assert [way["state"] for line in lines for way in line["deliveries"]] == ["settled"] * 2
    assert all(way["grant"] for line in lines for way in line["deliveries"])
    told = french.output.replace("\N{NO-BREAK SPACE}", " ")
    assert "À qui elle est : à la personne à qui est l'appareil." in told
    assert "Acceptée par Mon espace santé" in french.output
    assert "Whose it is: the person's whom this device measures." in english.output
    assert "Accepted by Mon espace santé" in english.output


async def accounts(home: Home) -> tuple[Ran, Ran, Ran]:
    account = await here(home, "audit", "account", ODILE, "--json")
    sent = [line["reading"] for line in json.loads(account.output) if line["deliveries"]]
    reading = sent[0]
    french = await here(home, "trace", reading, "--language", "fr")
    return account, french, await here(home, "trace", reading, "--language", "en")


async def test_a_parent_consents_for_a_child_on_paper_for_a_period_and_keeps_a_receipt(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        await here(home, "people", "add", MARCEL)
        given = await here(
            *(home, "consent", "grant", MARCEL, "--to", "mes", "--kinds", "weight,height"),
            *("--since", "2026-01-01T00:00Z", "--until", "2026-06-30T00:00Z"),
            *("--expires", "2099-01-01T00:00Z", "--by", "Claude", "--capacity", "parent"),
            *("--method", "paper", "--language", "en", "--yes", "--json"),
        )
        grant = json.loads(given.output)
        receipt = await here(home, "consent", "receipt", MARCEL, grant["id"])
        exported = await here(home, "consent", "export", MARCEL)
        checkpoint = await here(home, "audit", "checkpoint", str(tmp_path / "c.json"))
        withdrawn = await here(home, "consent", "withdraw", MARCEL, "--to", "mes", "--json")
        ended = await here(home, "consent", "receipt", MARCEL, grant["id"])

    assert (grant["capacity"], grant["method"]) == ("parent", "paper")
    assert sorted(grant["kinds"]) == ["height", "weight"]
    shown = Path(texts).with_name("health_record.3.en.txt").read_bytes()
    assert grant["text"]["sha256"] == hashlib.sha256(shown).hexdigest()
    for told in (
        *(
            "Given by: Claude",
            "Acting as: parent",
            "Destination: Mon espace santé",
            "Readings: Height, Weight",
        ),
        "from 1 January 2026 at 1:00 (Europe/Paris, UTC+1) until 30 June 2026 at 2:00",
        "In force until: 1 January 2099 at 1:00 (Europe/Paris, UTC+1)",
        grant["text"]["sha256"],
        shown.decode().splitlines()[0],
    ):
        assert told in receipt.output
    (resource,) = json.loads(exported.output)
    assert (resource["resourceType"], resource["status"]) == ("Consent", "active")
    assert resource["provision"]["dataPeriod"]["end"].startswith("2026-06-30")
    to = resource["provision"]["actor"][0]["reference"]["display"]
    assert re.fullmatch(r"Mon espace santé \(https://127\.0\.0\.1:\d+/fhir\)", to)
    assert checkpoint.status == 0
    assert json.loads(withdrawn.output)["dropped"] == 0
    assert "WITHDRAWN on " in ended.output
    assert "WITHDRAWN" not in receipt.output


async def test_the_code_on_a_receipt_is_the_signed_head_of_the_log(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with a_used_hub(tmp_path, space, time) as home:
        (grant,) = json.loads((await here(home, "consent", "show", ODILE, "--json")).output)
    receipt = await here(home, "consent", "receipt", ODILE, grant["id"])
    head = next(
        line.partition(": ")[2].split()
        for line in receipt.output.splitlines()
        if line.startswith("État du journal")
    )

    side, dark = scanned(receipt.output)

    # Nothing here reads QR codes back: what must have been drawn is drawn again and compared.
    database = sqlite3.connect(tmp_path / "state" / "journal.db")
    number, stored = database.execute(
        "SELECT number, lower(hex(hash)) FROM audit ORDER BY number DESC LIMIT 1"
    ).fetchone()
    database.close()
    assert head[:2] == [str(number), stored]
    versions = {4 * n + 17: n for n in range(1, 41)}
    assert versions[side] == segno.make("x" * 400, micro=False, error="l").version
    finder = {(x, y) for x in range(7) for y in range(7)} & dark
    assert len(finder) == 33  # of a finder pattern, 7 by 7, so many modules are dark


def scanned(receipt: str) -> tuple[int, set[tuple[int, int]]]:
    """Read the drawing back: how many modules wide it is, and which are dark."""
    lines = receipt.rpartition("-" * 40 + "\n")[2].splitlines()[1:]
    upper, lower = {"▀", "█"}, {"▄", "█"}
    dark = {(x, 2 * y) for y, line in enumerate(lines) for x, c in enumerate(line) if c in upper}
    dark |= {
        (x, 2 * y + 1) for y, line in enumerate(lines) for x, c in enumerate(line) if c in lower
    }
    left, top = min(x for x, _ in dark), min(y for _, y in dark)
    moved = {(x - left, y - top) for x, y in dark}
    return max(x for x, _ in moved) + 1, moved


@EITHER
async def test_a_person_takes_along_all_that_is_here_of_them(
    tmp_path: Path, space: HealthSpace, time: Passing, running: bool
) -> None:
    file = tmp_path / "odile.zip"

    async def asked(home: Home) -> list[Ran]:
        asked = ("people", "export", ODILE, str(file), "--language", "fr")
        twice = [await here(home, *asked) for _ in range(2)]
        return [*twice, await here(home, "audit", "verify")]

    async with a_used_hub(tmp_path, space, time) as home:
        known = await home.readings()
        if running:
            made, again, verified = await asked(home)
    if not running:
        made, again, verified = await asked(home)
    with zipfile.ZipFile(file) as archive:
        table = archive.read("readings.csv").decode("utf-8-sig").splitlines()
        bundle = json.loads(archive.read("readings.fhir.json"))
        readme = archive.read("readme.txt").decode()

    ids = {line.rpartition(";")[2] for line in table[1:]}
    assert ids == {reading["id"] for reading in known if reading["subject"] is not None}
    assert "Observation" in {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    assert "Tout ce que ce boîtier garde à votre sujet" in readme
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.output.endswith("give it to them only.\n")
    assert_one_sentence(again)
    assert "is there already" in again.error
    assert verified.status == 0
