"""One of each device on a USB cable at one hub: each is read, and none keeps another from it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import load
from firmware_sims.staging import Stage

from gateway.app.daemon import daemon
from gateway.config import Config
from gateway.config_tables import HubSettings
from gateway.domain.entry import Entry
from gateway.domain.reading import Quality
from gateway.transport.settings import HidSettings
from tests.end_to_end.counter import UTC_OFFSET, ZONE, missing_and_extra, said, shown
from tests.end_to_end.passing import Passing

DRIVERS = {
    "libre_reader": "cgm/freestyle_libre",
    "libre_2_reader": "cgm/freestyle_libre",
    "freestyle_neo": "glucose_meter/freestyle_neo",
    "contour_usb": "glucose_meter/contour_usb",
}
TIME_WITHIN = timedelta(seconds=70)
"""The clocks are read to the minute."""


async def test_a_hub_with_one_of_each_device_on_usb_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, time: Passing
) -> None:
    folder = tmp_path_factory.mktemp("usb")
    scenario = replace(load(Path("usb.toml")), utc_offset=UTC_OFFSET)
    ledger = Ledger()
    async with Stage(scenario, ledger=ledger, now=time.utc, sockets=folder) as stage:
        stage.be_quiet()
        config = Config(
            hub=HubSettings(state=folder / "state", zone=ZONE),
            hid=tuple(
                HidSettings(
                    name=spec.address,
                    path=f"unix:{folder / spec.address}",
                    driver=DRIVERS[spec.type],
                )
                for spec in scenario.devices
            ),
        )
        async with daemon(config, clock=time, timer=time.timer) as hub:

            def people() -> list[Entry]:
                return [
                    view.entry
                    for view in hub.reader.entries(limit=100_000)
                    if view.entry.reading.quality is not Quality.CONTROL
                ]

            wanted = len(ledger.produced)
            while hub.reader.summary().entries < wanted or len(people()) < wanted:
                time.skip(5)
                await time.look_again()

            missing, extra = missing_and_extra(ledger.produced, people(), TIME_WITHIN)
            assert [(one.device, one.measured_at, shown(one)) for one in missing] == []
            assert [(entry.reading.device, said(entry)) for entry in extra] == []
            assert stage.forbidden.received == []
            assert len(hub.status().problems) == 1, "of the Libre 2, which only its maker reads"
