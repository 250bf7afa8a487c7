"""Record Access Control Point 0x2A52 of a device: reports, counts, aborts, one at a time.

Spec: Glucose Service 1.0.1 section 3.5, Continuous Glucose Monitoring Service 1.0.2 section 3.9.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bumble import att

from firmware_sims.faults import Fault, Faults
from firmware_sims.gatt import (
    CONFIGURATION_IMPROPER,
    INDICATE,
    PROCEDURE_IN_PROGRESS,
    WRITE,
    att_error,
    characteristic,
)
from firmware_sims.packing import racp
from firmware_sims.packing.racp import OpCode, ResponseCode
from firmware_sims.peripheral import Peripheral
from firmware_sims.record_access import Refusal, Request, Rules, read_request

_SHORTEST_REQUEST = 2
_REPORTED = racp.response(OpCode.REPORT, ResponseCode.SUCCESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a control point gives access to.

    `records` returns them oldest first; `told` the values that tell some of them, each with its
    characteristic, in values of at most `room` octets. `vendor` answers op codes of the maker's.
    `postscript` is indicated once more behind the end of each report that told what was asked for.
    """

    rules: Rules
    records: Callable[[], Sequence[Any]]
    told: Callable[[Sequence[Any], int], Iterable[tuple[Any, bytes]]]
    tells_by: Sequence[Any]
    vendor: Mapping[int, Callable[[], bytes]] = field(default_factory=dict)
    postscript: bytes = b""


class RecordAccessPoint:
    """The control point over a device's records.

    A report needs a subscription to each characteristic of `tells_by`. `start` runs a procedure
    beside the write that asked for it: the answer to the write comes first, then records, then the
    indication. Records that must be confirmed are indicated.
    """

    def __init__(
        self,
        access: Access,
        *,
        start: Callable[[Coroutine[Any, Any, object]], None],
        faults: Faults,
        notification_gap_s: float,
        slow_s: float,
        secure: bool,
    ) -> None:
        self.characteristic = characteristic(
            0x2A52, WRITE | INDICATE, write=self._write, secure=secure
        )
        self.peripheral: Peripheral | None = None
        self.reporting = asyncio.Lock()
        self._access = access
        self._start = start
        self._faults = faults
        self._gap_s = notification_gap_s
        self._slow_s = slow_s
        self._busy = False
        self._aborted = False

    def _write(self, octets: bytes) -> None:
        peripheral = self.peripheral
        if len(octets) < _SHORTEST_REQUEST:
            raise att_error(att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR)
        if peripheral is None or not peripheral.subscribed(self.characteristic):
            raise att_error(CONFIGURATION_IMPROPER)
        if octets[0] == OpCode.REPORT and not all(
            map(peripheral.subscribed, self._access.tells_by)
        ):
            raise att_error(CONFIGURATION_IMPROPER)
        if octets[0] in self._access.vendor:
            self._start(self._say(peripheral, self._access.vendor[octets[0]]()))
            return
        request = read_request(octets, self._access.rules)
        if isinstance(request, Request) and request.op_code is OpCode.ABORT:
            self._abort(peripheral)
            return
        if self._busy:
            raise att_error(PROCEDURE_IN_PROGRESS)
        self._busy = True
        self._aborted = False
        self._start(self._procedure(peripheral, request))

    def _abort(self, peripheral: Peripheral) -> None:
        code = ResponseCode.SUCCESS
        if self._faults.strikes(Fault.CANNOT_ABORT):
            code = ResponseCode.ABORT_UNSUCCESSFUL
        elif self._busy:
            # The report sees this, stops, and answers for the abort.
            self._aborted = True
            return
        self._start(self._say(peripheral, racp.response(OpCode.ABORT, code)))

    async def _procedure(self, peripheral: Peripheral, request: Request | Refusal) -> None:
        try:
            async with self.reporting:
                answer = await self._carried_out(peripheral, request)
        finally:
            self._busy = False
        await self._say(peripheral, answer)
        if self._access.postscript and answer == _REPORTED:
            await self._say(peripheral, self._access.postscript)

    async def _carried_out(self, peripheral: Peripheral, request: Request | Refusal) -> bytes:
        if self._faults.strikes(Fault.BUSY):
            return racp.response(request.op_code, ResponseCode.SERVER_BUSY)
        if self._faults.strikes(Fault.REFUSE):
            return racp.response(request.op_code, ResponseCode.PROCEDURE_NOT_COMPLETED)
        if isinstance(request, Refusal):
            return racp.response(request.op_code, request.code)
        chosen = request.select(self._access.records())
        if request.op_code is OpCode.COUNT:
            return racp.count_response(len(chosen))
        if not chosen:
            return racp.response(request.op_code, ResponseCode.NO_RECORDS)
        sent = await self._report(peripheral, chosen)
        if self._aborted:
            return racp.response(OpCode.ABORT, ResponseCode.SUCCESS)
        code = ResponseCode.SUCCESS if sent else ResponseCode.PROCEDURE_NOT_COMPLETED
        return racp.response(request.op_code, code)

    async def _report(self, peripheral: Peripheral, chosen: Sequence[Any]) -> bool:
        for told_by, value in self._access.told(chosen, peripheral.room):
            if self._aborted:
                return False
            if self._faults.strikes(Fault.SLOW):
                await asyncio.sleep(self._slow_s)
            if self._faults.strikes(Fault.GARBAGE_FRAME):
                await peripheral.send(told_by, value[:-1])
            if not await peripheral.send(told_by, value):
                return False
            if self._faults.strikes(Fault.DUPLICATE_INDICATION):
                await peripheral.send(told_by, value)
            if self._faults.strikes(Fault.DISCONNECT_MID_RECORD):
                await peripheral.disconnect()
                return False
            await asyncio.sleep(self._gap_s)
        return True

    async def _say(self, peripheral: Peripheral, answer: bytes) -> None:
        await peripheral.indicate(self.characteristic, answer)
