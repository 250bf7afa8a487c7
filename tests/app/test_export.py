"""All that is here of a person, in one file, and nothing of anybody else."""

import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.app.export import export
from gateway.clock import Instant
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Limit, Measure, Quality
from gateway.domain.subject import SubjectId
from gateway.drivers.cgm.bluetooth_sig.readings import FLAGS as SENSOR_FLAGS
from gateway.drivers.glucose_meter.bluetooth_sig.readings import _MEALS, _SAMPLES, _STATUS
from gateway.glucose.computed import report_reading
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from gateway.web.words import words
from tests.journal.making import (
    LONG_AGO,
    SENSOR,
    glucose,
    grant,
    ketone,
    open_journal,
    undated,
    weight,
)
from tests.journal.making import SCALE as NAMELESS
from tests.uplink.documents import PAGE

TITLES = {"mes": "Mon espace santé"}
SCALE = NAMELESS.model_copy(update={"serial": "SN-1"})
HIS = Device(id=DeviceId("ble:C0:FF:EE:00:00:09"), driver="scale/test")


@dataclass
class Hub:
    """A journal with two people, each with a scale of their own."""

    reader: Reader
    journal: Journal
    odile: SubjectId
    marcel: SubjectId

    def export(self, language: str = "fr") -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BytesIO(b"".join(self.pieces(language))))

    def pieces(self, language: str = "fr") -> Iterator[bytes]:
        return export(self.reader, self.odile, language, START, TITLES.__getitem__)

    def table(self, language: str = "fr") -> list[dict[str, str]]:
        text = self.export(language).read("readings.csv").decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text), delimiter=";" if language == "fr" else ","))

    def observations(self) -> list[dict[str, object]]:
        bundle = json.loads(self.export().read("readings.fhir.json"))
        found = (entry["resource"] for entry in bundle.get("entry", []))
        return [resource for resource in found if resource["resourceType"] == "Observation"]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    path = tmp_path / "journal.db"
    async with open_journal(path, ManualClock()) as journal:
        odile = (await journal.add_subject("Odile")).id
        marcel = (await journal.add_subject("Marcel")).id
        for device, subject in ((SCALE, odile), (HIS, marcel)):
            await journal.adopt(device.id, device.driver)
            await journal.assign(device.id, None, subject, LONG_AGO)
        with Reader.open(path) as reader:
            yield Hub(reader, journal, odile, marcel)


async def test_every_reading_of_theirs_is_in_the_table_and_none_of_anybody_else(hub: Hub) -> None:
    mine = await hub.journal.record(SCALE, [weight(n, kg=f"{70 + n}.5") for n in range(450)])
    await hub.journal.record(HIS, [weight(1, kg="99.9", device=HIS.id)])

    lines = hub.table()

    assert sorted(line["Identifiant"] for line in lines) == sorted(entry.id for entry in mine)
    assert {line["Valeur"] for line in lines} == {f"{70 + n},5" for n in range(450)}


async def test_a_french_spreadsheet_reads_it(hub: Hub) -> None:
    await hub.journal.record(SCALE, [weight(1, kg="70.5")])

    (line,) = hub.table()

    assert line == {
        "Mesurée le": "2026-03-14 10:26:53",
        "Décalage UTC": "+0100",
        "Incertitude (s)": "120",
        "Type": "Poids",
        "Mesure": "Poids",
        "Valeur": "70,5",
        "Unité": "kg",
        "Remarques": "",
        "Appareil": "S1",
        "Où elle est": "Gardée ici\N{NO-BREAK SPACE}: pas d'accord pour Mon espace santé",
        "Identifiant": line["Identifiant"],
    }


async def test_a_spreadsheet_gets_thousands_without_a_sign_between(hub: Hub) -> None:
    amount = Quantity(value=Decimal("6512.5"), unit=Unit.KILOJOULE)
    values = {**weight(1).values, Measure.BASAL_METABOLISM: amount}
    await hub.journal.record(SCALE, [weight(1).model_copy(update={"values": values})])

    found = {line["Mesure"]: line["Valeur"] for line in hub.table()}

    assert found["Métabolisme de base"] == "6512,5"


async def test_ketone_is_taken_along_as_what_it_is(hub: Hub) -> None:
    amount = ketone(1, "1.4", START).model_copy(update={"device": SCALE.id})
    await hub.journal.record(SCALE, [amount])

    (line,) = hub.table()
    (told,) = hub.observations()

    assert (line["Type"], line["Mesure"]) == ("Cétones dans le sang", "Cétones")
    assert (line["Valeur"], line["Unité"]) == ("1,4", "mmol/L")
    ucum = {"unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
    assert told["code"] == {"coding": [{"system": "http://loinc.org", "code": "66441-7"}]}
    assert told["valueQuantity"] == {"value": 1.4, **ucum}


async def test_what_a_device_remarks_is_told_in_words_and_what_nobody_knows_as_it_was(
    hub: Hub,
) -> None:
    flags = frozenset({"fasting", "of_a_guest_driver", "calibration_not_allowed"})
    await hub.journal.record(SCALE, [weight(1).model_copy(update={"flags": flags})])

    (french,), (english,) = hub.table("fr"), hub.table("en")

    assert french["Remarques"] == "à jeun, of_a_guest_driver, pas d'étalonnage possible à ce moment"
    assert english["Remarks"] == "fasting, no calibration possible now, of_a_guest_driver"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_remark_of_a_standard_sensor_or_meter_has_words(language: str) -> None:
    names = {
        *SENSOR_FLAGS.values(),
        *(value for table in (_MEALS, _SAMPLES, _STATUS) for value in table.values()),
    }

    known = {key.removeprefix("flag.") for key in words(language) if key.startswith("flag.")}
    assert len(names) > 30
    assert names - known == set()


async def test_what_cannot_be_passed_on_is_in_the_table_alone(hub: Hub) -> None:
    *_, nobodys = await hub.journal.record(
        SCALE, [weight(1), weight(2, kg="7", quality=Quality.QUESTIONABLE), undated(3)]
    )
    await hub.journal.claim_entry(nobodys.id, hub.odile)

    table, (passed_on,) = hub.table("en"), hub.observations()

    assert sorted(line["Remarks"] for line in table) == ["", "", "questionable"]
    assert sorted(line["Uncertainty (s)"] for line in table) == ["", "120", "120"]
    assert passed_on["valueQuantity"]["value"] == 70.5  # type: ignore[index]


async def test_all_that_is_referred_to_is_in_the_bundle_once(hub: Hub) -> None:
    await hub.journal.record(SCALE, [weight(n) for n in range(3)])

    bundle = json.loads(hub.export().read("readings.fhir.json"))
    names = [entry["fullUrl"] for entry in bundle["entry"]]
    referred = {
        entry["resource"][to]["reference"]
        for entry in bundle["entry"]
        for to in ("subject", "device")
        if to in entry["resource"]
    }

    assert bundle["type"] == "collection"
    assert len(names) == len(set(names)) == 3 + 3  # three readings; the person, scale and gateway
    assert referred <= set(names)
    assert not [entry for entry in bundle["entry"] if "request" in entry]


async def test_a_value_beyond_the_device_is_said_in_words(hub: Hub) -> None:
    await hub.journal.adopt(SENSOR.id, SENSOR.driver)
    await hub.journal.assign(SENSOR.id, None, hub.odile, LONG_AGO)
    await hub.journal.record(SENSOR, [glucose(1, None, START, Limit.BELOW)])

    (line,) = hub.table()

    assert line["Valeur"] == "Trop bas pour l'appareil"


async def test_a_name_that_a_spreadsheet_would_compute_is_text(hub: Hub) -> None:
    named = SCALE.model_copy(update={"manufacturer": '=HYPERLINK("http://x")'})
    await hub.journal.record(named, [weight(1)])

    (line,) = hub.table()

    assert line["Appareil"].startswith("'=HYPERLINK")


async def test_their_consents_and_documents_are_in_it(hub: Hub) -> None:
    await hub.journal.record_grant(grant(hub.odile))
    await hub.journal.record_grant(grant(hub.marcel, "his"))
    made = report_reading(
        SCALE.id,
        hub.odile,
        PAGE,
        days=14,
        samples=1,
        end=START - timedelta(days=1),
        received=ManualClock().now(),
    )
    await hub.journal.compute(SCALE, hub.odile, made)

    file = hub.export()
    (consent,) = json.loads(file.read("consents.fhir.json"))["entry"]
    (document,) = [name for name in file.namelist() if name.startswith("documents/")]

    assert consent["resource"]["patient"]["identifier"]["value"] == hub.odile
    assert file.read(document) == PAGE.content


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_of_somebody_who_has_nothing_there_is_an_empty_table(hub: Hub, language: str) -> None:
    file = hub.export(language)

    assert file.testzip() is None
    assert len(file.read("readings.csv").splitlines()) == 1
    assert "entry" not in json.loads(file.read("readings.fhir.json"))


async def test_it_comes_in_pieces_however_much_there_is(hub: Hub) -> None:
    await hub.journal.record(SCALE, [weight(n, kg=f"{n % 200 + 1}.{n % 10}") for n in range(2000)])

    pieces = list(hub.pieces())

    assert sum(map(len, pieces)) > 40_000
    assert max(map(len, pieces)) < 32_768
    assert len(pieces) < 10, "each is handed over to another thread"


async def test_a_reading_whose_time_is_corrected_meanwhile_is_in_it_once(hub: Hub) -> None:
    believed, minute = START + timedelta(days=900), timedelta(minutes=1)
    later = Instant(believed, 60.0, "test-boot", trusted=False)
    early = weight(0).model_copy(update={"received": later})
    (moved,) = await hub.journal.record(SCALE, [early])
    await hub.journal.claim_entry(moved.id, hub.odile)
    await hub.journal.record(
        SCALE, [weight(n, kg=f"{n % 200 + 1}.5", at=START - n * minute) for n in range(1, 2000)]
    )
    pieces = hub.pieces()
    content = next(pieces)

    await hub.journal.hub_time_known(Instant(START - timedelta(days=9), 120.0, "test-boot"))
    content += b"".join(pieces)

    table = zipfile.ZipFile(io.BytesIO(content)).read("readings.csv").decode()
    now = hub.reader.entry(moved.id)
    assert now is not None
    assert len(now.earlier) == 1
    assert table.count(moved.id) == 1
    assert table.count("\n") == 1 + 2000
