"""Serial simulators on cables that lose bytes, are pulled anywhere, and a gateway that begins anew.

What happens is drawn from a seed. Bytes of either side are lost or come twice, frames come late or
never; the cable is pulled in the midst of a frame, the device falls silent, the gateway stops and
opens its journal again; people measure meanwhile. After a calm conversation in the end, what a
memory holds is in the journal, once and right. Of what is sent unasked, nothing good is in the
journal that was not measured, nothing twice, and all that was sent while nothing was wrong. `make
broken-links` tries more seeds.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from firmware_sims.cgm.dexcom_receiver import DexcomReceiver
from firmware_sims.scale.rice_lake import RiceLake

from tests.conversations.counter import Counter, each_seed, told
from tests.end_to_end.serial_devices import ASKED, PUSHING, REMEMBERING

SENDING = {
    **PUSHING,
    **ASKED,
    # It has no word for a platform that moves, and shows the virtual one at the same weight twice.
    "Rice Lake": replace(ASKED["Rice Lake"], make=lambda place: RiceLake(place, settle_s=0)),
}


@each_seed
@pytest.mark.parametrize("name", REMEMBERING)
async def test_wherever_a_cable_fails_a_memory_is_there_once_after_a_calm_conversation(
    name: str, seed: int, tmp_path: Path
) -> None:
    counter = Counter(REMEMBERING[name], f"{name}/{seed}", tmp_path)
    device, now = counter.device, counter.clock.now().utc
    if isinstance(device, DexcomReceiver):
        device.remember(now - timedelta(hours=4), now - timedelta(minutes=5))
    else:
        device.remember(5, timedelta(hours=8))  # type: ignore[attr-defined]
    await counter.live()

    counter.assert_all_is_there()


@each_seed
@pytest.mark.parametrize("name", SENDING)
async def test_however_a_cable_harms_what_is_sent_nothing_comes_twice_or_wrong(
    name: str, seed: int, tmp_path: Path
) -> None:
    counter = Counter(SENDING[name], f"{name}/{seed}", tmp_path)
    await counter.live()

    story = "\n".join(counter.story)
    missing, extra = counter.missing_and_extra()
    calm = counter.ledger.produced[counter.calm_from :]
    assert [told(one) for one in missing if one in calm] == [], story
    assert [told(one) for one in extra] == [], story
