"""A Dexcom receiver (G4, G4 Share, G5, G6) on its USB serial port: it answers, it never begins.

A command is answered by a frame that carries a result and what was asked for; the frames and the
records are in `firmware_sims.packing.dexcom`. Commands that change anything are refused here by
doing nothing, acknowledged as a receiver would, and recorded as forbidden.
Sources: openaps/dexcom_reader, ecc1/dexcom (with captured pages), tidepool-org/uploader.

Guesses: what a receiver answers to a frame with a wrong CRC (NAK) or asked for a page it does not
have (invalid parameter), the size of the one-number settings, the XML beyond the attributes named
in those sources, and that the real-time clock shows the same as the system time.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sims.cgm.dexcom_database import Partition
from firmware_sims.cgm.dexcom_sensor import SAMPLING, DexcomSensor
from firmware_sims.faults import Fault
from firmware_sims.packing.dexcom import (
    EPOCH_DEVICE_LOCAL,
    egv_bytes,
    frame,
    seconds,
    with_crc,
    xml_record,
)
from firmware_sims.placement import Placement
from firmware_sims.requests import Split

ACK, NAK, INVALID_COMMAND, INVALID_PARAM = 1, 2, 3, 4
MANUFACTURING, EGV, BACKFILLED_EGV = 0, 4, 18
FORBIDDEN = {
    26: "write transmitter id",
    28: "write language",
    30: "write display time offset",
    32: "reset receiver",
    36: "write system time",
    38: "write glucose unit",
    40: "write blinded mode",
    42: "write clock mode",
    45: "erase database",
    46: "shut down",
    47: "write PC parameters",
    60: "write charger current",
}
_EMPTY_RANGE = b"\xff" * 8
_LONGEST = 1590
_MOST_PAGES = 3
_OTHER_PARTITIONS = (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12)
_FRENCH = 0x040C


@dataclass(frozen=True, slots=True)
class Model:
    """How one kind of receiver names itself, and the revision of its EGV records."""

    name: str
    product_id: str
    software: str
    egv_revision: int
    transmitter: str
    backfills: bool = False


G4 = Model("G4", "G4Receiver", "SW10050", 2, "6C2CR")
G4_SHARE = Model("G4 Share", "G4Receiver", "SW10505", 3, "6C2CS")
G5 = Model("G5", "G5Receiver", "SW10611", 4, "406C2C")
G5_TOUCHSCREEN = Model("G5 touchscreen", "ScoutReceiver", "SW10751", 5, "406C2D", backfills=True)
G6 = Model("G6", "OrionReceiver", "SW11163", 5, "80AB2C", backfills=True)


class DexcomReceiver:
    """A virtual receiver, worn with its sensor by the first person of the placement.

    The placement's clock is the system clock, which no user sees and which may be months off;
    `display_offset` is what the display adds to it. `first_page` is the number its EGV pages begin
    with, `pages_kept` after how many the oldest goes. The public attributes may be changed.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        model: Model = G6,
        serial: str = "SM44792675",
        display_offset: timedelta = timedelta(),
        battery_percent: int = 80,
        battery_state: int = 2,
        blinded: bool = False,
        mmol: bool = False,
        display_only_share: float = 0.0,
        first_page: int = 0,
        pages_kept: int | None = None,
        backfill_partition: int = BACKFILLED_EGV,
    ) -> None:
        self.display_offset = display_offset
        self.battery_percent = battery_percent
        self.battery_state = battery_state  # 1 charging, 2 not, 3 NTC fault, 4 bad
        self.blinded = blinded
        self.mmol = mmol
        self._placement = placement
        self._model = model
        self._partitions = self._make_partitions(serial, first_page, pages_kept)
        self._answers = self._make_answers()
        self._sensor = DexcomSensor(
            placement,
            model=model.name,
            values_into=self._partitions[EGV],
            backfills_into=self._partitions.get(backfill_partition) if model.backfills else None,
            display_offset=lambda: self.display_offset,
            display_only_share=display_only_share,
        )

    def measure(self) -> Sequence[bytes]:
        """Take the sensor's value of now; a receiver pushes nothing."""
        if self._placement.faults.strikes(Fault.DROP_CLOCK):
            self._placement.clock.set_to(EPOCH_DEVICE_LOCAL)
        self._sensor.sample(self._placement.now())
        return []

    def remember(self, since: datetime, until: datetime) -> None:
        """Take every value between two true times, one each five minutes."""
        at = since
        while at <= until:
            self._sensor.sample(at)
            at += SAMPLING

    def lose_signal(self, samples: int) -> None:
        """Be out of range for the next values; a receiver that can fills them in afterwards."""
        self._sensor.lose_signal(samples)

    def split(self, heard: bytes) -> Split:
        """Find frames by their first byte and a length that can be."""
        requests: list[bytes] = []
        while (start := heard.find(1)) >= 0:
            heard = heard[start:]
            length = int.from_bytes(heard[1:3], "little")
            possible = 6 <= length <= _LONGEST
            if len(heard) < 3 or (possible and len(heard) < length):
                return requests, heard
            if possible:
                requests.append(heard[:length])
            heard = heard[length if possible else 1 :]
        return requests, b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one command."""
        if with_crc(request[:-2]) != request:
            return [frame(NAK)]
        command, payload = request[3], request[4:-2]
        if command in FORBIDDEN:
            self._placement.forbidden.record(FORBIDDEN[command])
            return [frame(ACK)]
        if command not in self._answers:
            return [frame(INVALID_COMMAND)]
        found = self._answers[command](payload)
        return [frame(INVALID_PARAM) if found is None else frame(ACK, found)]

    def _make_answers(self) -> dict[int, Callable[[bytes], bytes | None]]:
        def number(value: Callable[[], int], layout: str) -> Callable[[bytes], bytes]:
            return lambda _: struct.pack(layout, value())

        def offset() -> int:
            return int(self.display_offset.total_seconds())

        return {
            10: lambda _: b"",
            11: lambda _: self._firmware_header(),
            15: lambda _: self._partition_info(),
            16: self._page_range,
            17: self._pages,
            18: self._page_header,
            25: lambda _: self._model.transmitter.encode("ascii"),
            27: number(lambda: _FRENCH, "<H"),
            29: number(offset, "<i"),
            31: number(lambda: self._system_s(self._placement.now()), "<I"),
            33: number(lambda: self.battery_percent, "<I"),
            34: number(lambda: self._system_s(self._placement.now()), "<I"),
            35: number(lambda: 0, "<i"),
            37: number(lambda: 2 if self.mmol else 1, "<B"),
            39: number(lambda: int(self.blinded), "<B"),
            41: number(lambda: 0, "<B"),
            43: number(lambda: 0, "<B"),
            48: number(lambda: self.battery_state, "<B"),
            49: number(lambda: 1, "<H"),
            54: lambda _: (
                b"<FirmwareSettings FirmwareImageId='%b'/>" % self._model.software.encode()
            ),
        }

    def _make_partitions(
        self, serial: str, first_page: int, pages_kept: int | None
    ) -> dict[int, Partition]:
        revision = self._model.egv_revision
        made = Partition(MANUFACTURING, 1, 500)
        system_s = self._system_s(self._placement.now() - timedelta(days=300))
        text = (
            f'<ManufacturingParameters SerialNumber="{serial}" HardwarePartNumber="MT20649" '
            'HardwareRevision="23" DateTimeCreated="2014-12-09 18:25:59.246 -08:00" '
            'HardwareId="{00000000-0000-0000-0000-000000000000}" />'
        )
        made.append(xml_record(system_s, system_s, text))
        partitions = {each: Partition(each, 1, 500) for each in _OTHER_PARTITIONS}
        partitions[MANUFACTURING] = made
        partitions[EGV] = Partition(
            EGV, revision, egv_bytes(revision), first_page=first_page, pages_kept=pages_kept
        )
        if self._model.backfills:
            partitions[BACKFILLED_EGV] = Partition(BACKFILLED_EGV, revision, egv_bytes(revision))
        return partitions

    def _firmware_header(self) -> bytes:
        model = self._model
        return (
            "<FirmwareHeader SchemaVersion='1' ApiVersion='2.2.0.0' TestApiVersion='2.4.0.0' "
            f"ProductId='{model.product_id}' ProductName='Dexcom {model.name} Receiver' "
            f"SoftwareNumber='{model.software}' FirmwareVersion='5.0.1.043' "
            "PortVersion='4.6.4.45' RFVersion='1.0.0.27' DexBootVersion='3'/>"
        ).encode("ascii")

    def _partition_info(self) -> bytes:
        listed = "".join(
            f"<Partition Name='{number}' Id='{number}' RecordRevision='{each.revision}' "
            f"RecordLength='{500 // each.per_page}'/>"
            for number, each in sorted(self._partitions.items())
        )
        head = "<PartitionInfo SchemaVersion='1' PageHeaderVersion='1' PageDataLength='500'>"
        return f"{head}{listed}</PartitionInfo>".encode("ascii")

    def _page_range(self, payload: bytes) -> bytes | None:
        partition = self._partitions.get(payload[0]) if len(payload) == 1 else None
        if partition is None:
            return None
        pages = partition.page_range()
        return _EMPTY_RANGE if pages is None else struct.pack("<II", *pages)

    def _pages(self, payload: bytes) -> bytes | None:
        if len(payload) != 6:
            return None
        number, first, count = struct.unpack("<BIB", payload)
        partition = self._partitions.get(number)
        if partition is None or not 1 <= count <= _MOST_PAGES:
            return None
        pages = [partition.page(page) for page in range(first, first + count)]
        found = [page for page in pages if page is not None]
        return b"".join(found) if len(found) == count else None

    def _page_header(self, payload: bytes) -> bytes | None:
        if len(payload) != 5:
            return None
        number, page = struct.unpack("<BI", payload)
        partition = self._partitions.get(number)
        return None if partition is None else partition.header(page)

    def _system_s(self, at: datetime) -> int:
        return max(0, seconds(self._placement.clock.device_local(at)))
