"""The glucose report through the API, over a real journal."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.api.inside import request
from gateway.api.server import make_app
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Reading
from tests.api.hubs import Api, api

SENSOR = Device(id=DeviceId("ble:C0:FF:EE:00:00:09"), driver="cgm/bluetooth_sig")


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as made:
        yield made


async def wearer(asked: Api) -> str:
    """Add a person who wore a sensor for the last 15 days, 120 mg/dL all the time."""
    subject = str((await asked.post("people", label="Camille"))[1]["id"])
    await asked.post("devices/adopt", device=SENSOR.id, driver=SENSOR.driver)
    since = "2026-01-01T00:00:00Z"
    await asked.post("assignments", device=SENSOR.id, subject=subject, since=since)
    now = asked.hub.clock.now()
    amount = Quantity(value=Decimal(120), unit=Unit.MILLIGRAM_PER_DECILITRE)
    moments: list[datetime] = [now.utc - timedelta(minutes=30 * n) for n in range(15 * 48)]
    readings = [
        Reading(
            device=SENSOR.id,
            kind=Kind.INTERSTITIAL_GLUCOSE,
            values={Measure.GLUCOSE: amount},
            received=now,
            device_time=DeviceTime(
                stamp=at.replace(tzinfo=None), raw=at.isoformat(), utc_offset=timedelta()
            ),
            record=f"seq:{number}",
            live=False,
        )
        for number, at in enumerate(moments)
    ]
    assert moments[0].tzinfo is UTC
    await asked.hub.journal.record(SENSOR, readings)
    return subject


async def test_the_metrics_tell_what_they_are_worth(asked: Api) -> None:
    subject = await wearer(asked)

    status, told = await asked.get(f"people/{subject}/glucose?days=14")

    assert status == 200
    assert (told["days_worn"], told["active_percent"]) == (14, "16.7")
    assert told["metrics"]["mean"] == {"value": "120.0", "sufficient": False}
    assert told["metrics"]["target"]["value"] == "100.0"


async def test_nobody_and_nothing_are_told_apart(asked: Api) -> None:
    subject = str((await asked.post("people", label="Camille"))[1]["id"])

    assert (await asked.get("people/nobody/glucose"))[0] == 404
    assert (await asked.get(f"people/{subject}/glucose"))[0] == 404
    assert (await asked.get(f"people/{subject}/glucose?days=15"))[0] == 422


@pytest.mark.parametrize(
    ("form", "begins"),
    [("pdf", b"%PDF-1.7"), ("svg", b"<svg"), ("txt", b"Glucose\xc2\xa0: Camille")],
)
async def test_the_page_comes_in_every_form(asked: Api, form: str, begins: bytes) -> None:
    subject = await wearer(asked)

    status, page = await request(
        make_app(asked.hub), "GET", f"/api/v1/people/{subject}/report.{form}", b""
    )

    assert status == 200
    assert page.startswith(begins)


async def test_the_moment_of_what_is_computed_here_is_known_exactly(asked: Api) -> None:
    subject = await wearer(asked)
    asked.hub.routes = {"documents": frozenset({Kind.GLUCOSE_REPORT})}

    _, answer = await asked.post(f"people/{subject}/report/deposit", days=14, language="fr")

    assert (await asked.get(f"readings/{answer['id']}"))[1]["uncertainty_s"] == 0


async def test_a_page_is_kept_to_be_deposited_wherever_documents_go(asked: Api) -> None:
    subject = await wearer(asked)
    asked.hub.routes = {"documents": frozenset({Kind.GLUCOSE_REPORT})}

    status, answer = await asked.post(f"people/{subject}/report/deposit", days=14, language="en")
    again, _ = await asked.post(f"people/{subject}/report/deposit", days=14, language="en")
    other, _ = await asked.post(f"people/{subject}/report/deposit", days=14, language="fr")

    assert (status, again, other) == (201, 409, 201)
    assert answer["destinations"] == answer["without_consent"] == ["documents"]
    _, told = await asked.get(f"readings/{answer['id']}")
    assert (told["kind"], told["attribution"]) == ("glucose_report", "computed")
    assert "document" not in told
    assert "Camille" not in str(told)


async def test_a_page_of_nothing_or_for_nowhere_is_not_made(asked: Api) -> None:
    subject = await wearer(asked)
    nobody = str((await asked.post("people", label="Nobody"))[1]["id"])

    nowhere, told = await asked.post(f"people/{subject}/report/deposit", days=14)
    asked.hub.routes = {"documents": frozenset({Kind.GLUCOSE_REPORT})}
    nothing, _ = await asked.post(f"people/{nobody}/report/deposit", days=14)
    stranger, _ = await asked.post("people/p-x/report/deposit", days=14)
    period, _ = await asked.post(f"people/{subject}/report/deposit", days=15)

    assert (nowhere, nothing, stranger, period) == (422, 404, 404, 422)
    assert "type documents" in told["detail"]


async def test_documents_are_consented_to_by_their_own_text(asked: Api) -> None:
    subject = await wearer(asked)
    asked.hub.routes = {
        "documents": frozenset({Kind.GLUCOSE_REPORT}),
        "mes": frozenset({Kind.WEIGHT}),
    }
    given = {
        "subject": subject,
        "covers_from": "2026-01-01T00:00:00Z",
        "given_by": "Camille",
        "language": "fr",
    }

    _, text = await asked.get("consents/text?language=fr&to=documents")
    _, other = await asked.get("consents/text?language=fr&to=mes")
    refused, _ = await asked.post("consents/grant", destination="documents", **given)
    wrong, _ = await asked.post("consents/grant", destination="mes", purpose="documents", **given)
    status, granted = await asked.post(
        "consents/grant", destination="documents", purpose=text["purpose"], **given
    )

    assert (refused, wrong, status) == (422, 422, 201)
    assert text["sha256"] != other["sha256"]
    assert granted["text"]["sha256"] == text["sha256"]
    assert granted["kinds"] == ["glucose_report"]


@pytest.mark.parametrize(("address", "without"), [("/srv/a", []), ("/srv/b", ["documents"])])
async def test_who_consented_to_another_place_for_documents_consents_to_none_of_this(
    address: str, without: list[str], asked: Api
) -> None:
    subject = await wearer(asked)
    asked.hub.routes = {"documents": frozenset({Kind.GLUCOSE_REPORT})}
    asked.hub.addresses = {"documents": ("/srv/a",)}
    await asked.post(
        *("consents/grant",),
        subject=subject,
        destination="documents",
        purpose="documents",
        covers_from="2020-01-01T00:00:00Z",
        given_by="Camille",
        language="fr",
    )
    asked.hub.addresses = {"documents": (address,)}

    _, answer = await asked.post(f"people/{subject}/report/deposit", days=14)

    assert answer["without_consent"] == without
