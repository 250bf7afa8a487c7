"""The life of a hub: installed, used, killed, started anew, upgraded, taken back, cleaned.

Under the real systemd of a real Debian. The tests share one hub and run in this order; each leaves
it as the next finds it.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.installation.box import Hub
from tests.installation.conftest import a_source, blocks, readings
from tests.journal.breaking import break_page, page_of_entries

INSTALL = ("/source/deploy/install.sh", "--wheels", "/wheels")
UNIT = "healthspace-gateway.service"
STATE = "/var/lib/healthspace-gateway"
CONFIGURATION = "/etc/healthspace-gateway/gateway.toml"
COPIES = "/var/backups/healthspace-gateway"
EXPOSURE_AT_MOST = 2.0
ETC = "/etc/healthspace-gateway"
RELAY = "healthspace-gateway-relay@r1.service"
RELAYING = f"""
[relay]
host = "127.0.0.1"
port = 1
tls = false
proof_key_file = "{ETC}/proof-key"
[relay.destination]
name = "clinic"
base_url = "https://fhir.example"
gateway = "relay"
patient_system = "urn:example"
"""

pytestmark = pytest.mark.timeout(400)


def acted(said: str) -> list[str]:
    """Return the steps that were not done before."""
    return [line for line in said.splitlines() if line.startswith(("  now", "  would"))]


def release(hub: Hub) -> str:
    return hub.say("readlink", "/opt/healthspace-gateway/current").strip()


def is_ready(hub: Hub) -> bool:
    return hub.unit("ActiveState") == "active"


def test_a_dry_run_tells_each_step_and_takes_none(hub: Hub) -> None:
    before = hub.say("find", "/opt", "/etc", "/usr/local", "/var/lib", "-newer", "/run/systemd")

    said = hub.say(*INSTALL, "--dry-run")

    assert len(acted(said)) == 6
    assert before == hub.say(
        "find", "/opt", "/etc", "/usr/local", "/var/lib", "-newer", "/run/systemd"
    )
    assert hub.run("id", "healthspace-gateway").status != 0


def test_it_speaks_french_where_the_machine_does(hub: Hub) -> None:
    said = hub.say("env", "LC_ALL=fr_FR.UTF-8", *INSTALL, "--dry-run")

    assert said.count("  ferait  ") == 6
    assert "installer les paquets Debian python3-venv" in said
    assert hub.say("find", "/source/gateway/language", "-newer", "/run/systemd") == ""


def test_without_its_packages_it_says_so_and_leaves_no_release(hub: Hub) -> None:
    ran = hub.run("/source/deploy/install.sh", "--wheels", "/var/empty")

    assert ran.status == 1
    assert "docs/install.md" in ran.error
    assert hub.run("id", "healthspace-gateway").status != 0


def test_a_package_that_is_not_the_one_of_the_lock_is_refused(hub: Hub) -> None:
    hub.say("sh", "-c", "cp -r /wheels /var/changed; echo | tee -a /var/changed/hatchling-*.whl")

    ran = hub.run("/source/deploy/install.sh", "--wheels", "/var/changed")

    assert ran.status == 1
    assert "DO NOT MATCH THE HASHES" in ran.error
    assert hub.run("id", "healthspace-gateway").status != 0


def test_a_disk_to_be_copied_holds_no_key_and_starts_the_gateway_on_each_copy(hub: Hub) -> None:
    hub.say(*INSTALL, "--image")
    there = hub.unit("ActiveState"), hub.unit("UnitFileState"), hub.run("ls", STATE).status == 0

    again = hub.say(*INSTALL, "--image")
    hub.reboot()
    hub.until(lambda: is_ready(hub))
    refused = hub.run(*INSTALL, "--image")
    hub.say("systemctl", "disable", "--now", UNIT)  # where none ever ran the next tests begin
    hub.say("rm", "-r", STATE)

    assert there == ("inactive", "enabled", False)
    assert acted(again) == ["  now     check the configuration with the new release"]
    assert refused.status == 1
    assert "a gateway ran on this disk" in refused.error


def test_the_gateway_says_that_it_is_ready_and_starts_with_the_hub(installed: Hub) -> None:
    assert installed.unit("Type") == "notify"  # active then means that it was heard
    assert installed.unit("ActiveState") == "active"
    assert installed.unit("UnitFileState") == "enabled"
    looked = json.loads(installed.run("healthspace-gateway", "doctor", "--json").output)
    assert [each["ok"] for each in looked if each["subject"] == "daemon"] == [True]


def test_nobody_else_may_read_what_it_keeps(installed: Hub) -> None:
    found = installed.say("find", STATE, CONFIGURATION, "-printf", "%M %u %P\n").splitlines()

    assert "drwx------ healthspace-gateway keys" in found
    assert "-rw------- healthspace-gateway keys/hub.key" in found
    assert "-rw-r----- root " in found
    assert not [line for line in found if line[4:10].strip("-") not in ("", "r")]
    stranger = ("runuser", "-u", "nobody", "--")
    assert installed.run(*stranger, "cat", CONFIGURATION).status != 0
    assert installed.run(*stranger, "ls", STATE).status != 0


def test_installing_again_changes_nothing(installed: Hub) -> None:
    process = installed.unit("MainPID")

    said = installed.say(*INSTALL)

    assert acted(said) == []
    assert installed.unit("MainPID") == process


def test_another_unit_alone_starts_the_gateway_anew(installed: Hub) -> None:
    unit = a_source(installed, "unit") / "deploy" / "healthspace-gateway.service"
    unit.write_text(unit.read_text().replace("RestartSec=5", "RestartSec=4"))
    process, before = installed.unit("MainPID"), release(installed)

    installed.say("/sources/unit/deploy/install.sh", "--wheels", "/wheels")
    changed = installed.unit("MainPID")
    installed.say(*INSTALL)

    assert release(installed) == before
    assert process != changed != installed.unit("MainPID")
    assert installed.unit("RestartUSec") == "5s"


def test_systemd_rates_the_running_unit(installed: Hub) -> None:
    told = installed.say("systemd-analyze", "security", "--no-pager", "healthspace-gateway")

    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert float(exposure) <= EXPOSURE_AT_MOST


def test_a_relay_runs_beside_it_and_says_how_it_is(installed: Hub) -> None:
    installed.say("cp", f"/source/deploy/{RELAY.replace('r1', '')}", "/etc/systemd/system/")
    installed.say("sh", "-c", f"umask 027; head -c 32 /dev/urandom >{ETC}/proof-key")
    installed.say("sh", "-c", f"umask 027; cat >{ETC}/relay.toml", given=RELAYING)
    installed.say("sh", "-c", f"chgrp healthspace-gateway {ETC}/proof-key {ETC}/relay.toml")

    installed.say("systemctl", "daemon-reload")
    installed.say("systemctl", "start", RELAY)
    installed.until(lambda: "cannot be reached" in installed.unit("StatusText", RELAY))
    state, limit = installed.unit("ActiveState", RELAY), installed.unit("WatchdogUSec", RELAY)
    told = installed.say("systemd-analyze", "security", "--no-pager", RELAY)
    installed.say("systemctl", "stop", RELAY)
    installed.say("rm", f"/etc/systemd/system/{RELAY.replace('r1', '')}")  # who laid it removes it

    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert (state, limit) == ("active", "3min")
    assert float(exposure) < EXPOSURE_AT_MOST
    assert installed.unit("Result", RELAY) == "success"


def test_what_a_device_remembered_is_in_the_journal(used: Hub) -> None:
    assert len(readings(used)) == 6


def test_a_killed_daemon_is_started_again_and_has_lost_nothing(used: Hub) -> None:
    before, restarts = readings(used), int(used.unit("NRestarts"))

    used.say("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
    used.until(lambda: int(used.unit("NRestarts")) > restarts and is_ready(used))

    assert readings(used) == before


def test_a_daemon_that_hangs_is_ended_by_the_watchdog_and_started_again(used: Hub) -> None:
    drop_in = "/run/systemd/system/healthspace-gateway.service.d/hurry.conf"
    used.say("mkdir", "-p", str(Path(drop_in).parent))
    used.say("tee", drop_in, given="[Service]\nWatchdogSec=3\n")
    used.say("systemctl", "daemon-reload")
    used.say("systemctl", "restart", "healthspace-gateway")
    process = used.unit("MainPID")

    used.say("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT)
    used.until(lambda: used.unit("MainPID") not in (process, "0") and is_ready(used))

    told = used.say("journalctl", "--unit=healthspace-gateway", "--output=cat", "--no-pager")
    assert "Watchdog timeout" in told
    assert "with signal SIGKILL" in told
    assert len(readings(used)) == 6
    used.say("rm", "-r", str(Path(drop_in).parent))
    used.say("systemctl", "daemon-reload")


def test_after_a_reboot_it_runs_and_has_lost_nothing(used: Hub) -> None:
    before = readings(used)

    used.reboot()

    assert is_ready(used)
    assert readings(used) == before


def test_a_journal_that_breaks_under_systemd_is_saved_by_the_next_start(
    used: Hub, tmp_path: Path
) -> None:
    kept = readings(used)
    used.say("systemctl", "stop", "healthspace-gateway")
    journal = used.path(f"{STATE}/journal.db")
    page = page_of_entries(Path(shutil.copy(journal, tmp_path)))
    used.say("systemctl", "start", "healthspace-gateway")
    restarts = int(used.unit("NRestarts"))

    break_page(journal, page)
    used.run("healthspace-gateway", "audit", "damage")  # looks at the disk, not at what it read
    used.until(lambda: int(used.unit("NRestarts")) > restarts and is_ready(used))

    damage = json.loads(used.say("healthspace-gateway", "audit", "damage", "--json"))
    assert len(damage["salvaged"]) == 1
    assert readings(used) == kept


def test_a_configuration_that_a_release_refuses_stops_nothing(used: Hub) -> None:
    sound = used.say("cat", CONFIGURATION)
    used.say("tee", "-a", CONFIGURATION, given="\n[hubb]\n")
    source = a_source(used, "other")
    (source / "README.md").write_text("another release\n")
    process, before = used.unit("MainPID"), release(used)

    ran = used.run("/sources/other/deploy/install.sh", "--wheels", "/wheels")

    assert ran.status == 1
    assert "did you mean 'hub'" in ran.error
    assert (used.unit("MainPID"), release(used)) == (process, before)
    used.say("tee", CONFIGURATION, given=sound)


def test_a_release_that_does_not_start_gives_way_to_the_former(used: Hub) -> None:
    source = a_source(used, "broken")
    daemon = source / "gateway" / "app" / "daemon.py"
    daemon.write_text(daemon.read_text() + "\n\ndef run(config: object) -> None:\n    1 / 0\n")
    before, kept = release(used), readings(used)

    ran = used.run("/sources/broken/deploy/install.sh", "--wheels", "/wheels")

    assert ran.status == 1
    assert "ZeroDivisionError" in ran.error
    assert f"{Path(before).name} runs again" in ran.error
    assert release(used) == before
    assert is_ready(used)
    assert readings(used) == kept
    assert "no such former release" in used.run("/source/deploy/install.sh", "rollback").error


def test_an_upgrade_that_changes_the_journal_copies_it_before(used: Hub) -> None:
    source = a_source(used, "newer")
    schema = source / "gateway" / "journal" / "schema"
    number = len(list(schema.glob("*.sql"))) + 1
    (schema / f"{number:04}.sql").write_text("CREATE TABLE later (number INTEGER) STRICT")
    before, kept = release(used), readings(used)

    said = used.say("/sources/newer/deploy/install.sh", "--wheels", "/wheels")

    assert any("copy its journal" in line for line in acted(said))
    assert release(used) != before
    assert is_ready(used)
    assert readings(used) == kept
    found = used.say("find", COPIES, "-printf", "%M %u %f\n").splitlines()
    assert [line.split()[:2] for line in found] == [
        ["drwx------", "root"],
        ["-rw-------", "root"],
        ["-rw-------", "root"],
    ]


def test_going_back_over_that_change_is_refused_and_the_way_that_is_told_works(used: Hub) -> None:
    kept = readings(used)
    used.say("healthspace-gateway", "people", "add", "Marcel")
    used.say("healthspace-gateway", "people", "erase", "Odile", given="y\n")

    refused = used.run("/source/deploy/install.sh", "rollback")
    (way,) = re.findall(r"run\s+'([^']+)'", refused.error)

    assert refused.status == 1
    assert "has form" in refused.error
    assert is_ready(used)
    used.say("systemctl", "stop", "healthspace-gateway")
    restored = used.say(*way.split())
    used.say("/source/deploy/install.sh", "rollback")
    assert is_ready(used)
    assert "1 people were erased again" in restored  # who was erased since stays erased
    assert readings(used) == []
    assert kept


def test_a_driver_of_somebody_else_is_found_by_the_release_that_runs(used: Hub) -> None:
    look = ("healthspace-gateway", "decode", "--guest", "plume-driver")
    described = "/opt/healthspace-gateway/guests/plume_driver-1.dist-info"
    missing = used.run(*look).error
    used.say("mkdir", "-p", described)
    used.say("tee", f"{described}/METADATA", given="Name: plume-driver\nVersion: 1\n")
    used.say("tee", f"{described}/entry_points.txt", given="[gateway.drivers]\nplume = plume:IT\n")

    found = used.run(*look).error

    assert "No installed package" in missing
    assert "plume of plume-driver cannot be loaded" in found  # found, and there is no more of it


def test_going_back_to_a_release_that_can_read_the_journal_is_a_restart(used: Hub) -> None:
    source = a_source(used, "later")
    (source / "README.md").write_text("a later release\n")
    before = release(used)
    used.say("/sources/later/deploy/install.sh", "--wheels", "/wheels")

    used.say("/source/deploy/install.sh", "rollback")

    assert release(used) == before
    assert is_ready(used)
    kept = used.say("ls", "/opt/healthspace-gateway/releases").split()
    assert len(kept) == 2


def test_copies_of_the_journal_go_after_thirty_days(used: Hub) -> None:
    used.say("sh", "-c", f"touch -d '29 days ago' {COPIES}/*.passphrase")
    used.say("sh", "-c", f"touch -d '31 days ago' {COPIES}/*.backup")

    used.say("systemd-tmpfiles", "--clean")

    assert [Path(it).suffix for it in used.say("ls", COPIES).split()] == [".passphrase"]


def test_systemd_keeps_the_key_as_the_page_says(used: Hub) -> None:
    used.say("healthspace-gateway", "people", "add", "Suzanne")
    keep, copy = blocks("The key")
    used.say("sh", "-euc", keep)

    used.say("systemctl", "restart", "healthspace-gateway")
    used.say("tee", "/root/passphrase", given="a phrase of some words")
    used.say("sh", "-euc", copy)

    assert used.run("ls", f"{STATE}/keys/hub.key").status != 0
    assert "Suzanne" in used.say("healthspace-gateway", "people", "list")
    assert "hub.backup" in used.say("ls", "/root")


def test_an_upgrade_that_cannot_copy_the_journal_changes_nothing(used: Hub) -> None:
    before = release(used)

    ran = used.run("/sources/newer/deploy/install.sh", "--wheels", "/wheels")

    assert ran.status == 1
    assert "Nothing was changed" in ran.error
    assert "--without-copy" in ran.error
    assert release(used) == before
    assert is_ready(used)


def test_uninstalling_keeps_the_readings_and_installing_finds_them(used: Hub) -> None:
    used.say("healthspace-gateway", "people", "add", "Paul")

    said = used.say("/source/deploy/install.sh", "uninstall")
    gone = used.run("healthspace-gateway", "people", "list").status
    used.say(*INSTALL)

    assert f"Kept: {STATE}" in said
    assert gone != 0
    assert "Paul" in used.say("healthspace-gateway", "people", "list")


def test_readings_are_deleted_only_by_who_says_so(used: Hub) -> None:
    hesitant = used.run("/source/deploy/install.sh", "uninstall", "--with-readings", given="yes\n")
    assert hesitant.status == 1
    assert is_ready(used)
    sound = used.say("cat", CONFIGURATION)
    used.say("tee", CONFIGURATION, given='[hub]\nstate = "/home"\n')
    elsewhere = used.run("/source/deploy/install.sh", "uninstall", "--with-readings", "--yes")
    assert elsewhere.status == 1
    assert "/home" in elsewhere.error
    used.say("tee", CONFIGURATION, given=sound)

    used.say(
        *("/source/deploy/install.sh", "uninstall", "--with-readings"),
        given="delete the readings\n",
    )

    left = used.say("find", "/", "-xdev", "-name", "*healthspace-gateway*")
    assert [path for path in left.split() if not path.startswith(("/run/", "/tmp/"))] == []
    assert used.run("id", "healthspace-gateway").status != 0
