"""One of each Bluetooth device in one house: each is heard, and none keeps another from it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import load
from firmware_sims.staging import Stage

from gateway.app.daemon import daemon
from gateway.config import Config
from gateway.config_tables import DeviceSettings, HubSettings
from gateway.domain.device import DeviceId
from gateway.transport.settings import HciSettings
from tests.end_to_end.counter import UTC_OFFSET, ZONE
from tests.end_to_end.passing import Passing
from tests.end_to_end.room import Room

CUFF, SCALE = "bp_monitor/bluetooth_sig", "scale/bluetooth_sig"
DRIVERS = {
    "bp_monitor": CUFF,
    "enhanced_bp_monitor": CUFF,
    "beurer_bp_monitor": CUFF,
    "and_bp_monitor": CUFF,
    "omron_standard_bp_monitor": CUFF,
    "omron_bp_monitor": "bp_monitor/omron_ble",
    "taidoc_bp_monitor": "bp_monitor/taidoc_ble",
    "taidoc_meter": "glucose_meter/taidoc_ble",
    "yonker_bp_monitor": "bp_monitor/yonker",
    "microlife_bp_monitor": "bp_monitor/microlife",
    "scale": SCALE,
    "and_scale": SCALE,
    "mi_scale": "scale/xiaomi",
    "sanitas_scale": "scale/sanitas",
    "qn_scale": "scale/qn",
    "glucose_meter": "glucose_meter/bluetooth_sig",
    "contour_meter": "glucose_meter/bluetooth_sig",
    "caresens_meter": "glucose_meter/bluetooth_sig",
    "onetouch_meter": "glucose_meter/onetouch_ble",
    "cgm": "cgm/bluetooth_sig",
}
SETTINGS = {
    "scale": {"consents": "1:3752, 2:0042"},
    "omron_bp_monitor": {"model": "HEM-7142T2"},
}
HEARD_ONCE = ("mi_scale", "sanitas_scale", "qn_scale")
"""Of these only who stands on them now is heard."""
WITHIN = timedelta(minutes=2)


@pytest.mark.slow
async def test_a_house_with_one_of_each_device_loses_nothing(tmp_path: Path, time: Passing) -> None:
    scenario = replace(load(Path("every_device.toml")), utc_offset=UTC_OFFSET)
    types = {DeviceId(f"ble:{spec.address}"): spec.type for spec in scenario.devices}
    ledger = Ledger()
    async with Stage(scenario, ledger=ledger, now=time.utc) as stage:
        stage.be_quiet()
        config = Config(
            hub=HubSettings(state=tmp_path / "state", zone=ZONE),
            hci=(HciSettings(url=f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"),),
            devices={
                device: DeviceSettings(settings=dict(SETTINGS.get(kind, {})))
                for device, kind in types.items()
            },
        )
        async with daemon(config, clock=time, timer=time.timer) as hub:
            room = Room(stage, ledger, hub, time)
            for device, kind in types.items():
                await hub.adopt(device, DRIVERS[kind])

            await room.is_heard()
            for spec in scenario.devices:
                if spec.type in HEARD_ONCE:
                    stage.devices[spec.name].measure()
                    await room.is_heard()
            assert (room.missing(WITHIN), room.extra(WITHIN)) == ([], [])
            assert hub.status().problems == {}
            assert stage.forbidden.received == []
