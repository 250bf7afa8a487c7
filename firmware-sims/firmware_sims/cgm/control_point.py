"""CGM Specific Ops Control Point 0x2AAC: what a sensor does when told.

The communication interval is always there. Starting and stopping a session only when the sensor was
made to allow it; everything else, calibration above all, is answered "op code not supported".
Spec: Continuous Glucose Monitoring Service 1.0.2 section 3.10.
"""

from collections.abc import Callable

from firmware_sims.packing.cgm import SpecificOpCode, SpecificResponse, interval, specific_response

FASTEST = 0xFF
OFF = 0

OPERAND_OCTETS = {
    0x01: 1,
    0x02: 0,
    0x04: 10,
    0x05: 2,
    0x07: 2,
    0x08: 0,
    0x0A: 2,
    0x0B: 0,
    0x0D: 2,
    0x0E: 0,
    0x10: 2,
    0x11: 0,
    0x13: 2,
    0x14: 0,
    0x16: 2,
    0x17: 0,
    0x19: 0,
    0x1A: 0,
    0x1B: 0,
}


class ControlPoint:
    """Answers requests without their check; `start` and `stop` say whether they could."""

    def __init__(
        self,
        *,
        e2e_crc: bool,
        start: Callable[[], bool] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        self._e2e_crc = e2e_crc
        self._session = {SpecificOpCode.START_SESSION: start, SpecificOpCode.STOP_SESSION: stop}
        self.interval_min = 5

    def answer(self, octets: bytes) -> bytes:
        """Return the indication for a request of at least one octet."""
        op_code, operand = octets[0], octets[1:]
        if op_code == SpecificOpCode.GET_INTERVAL:
            return interval(self.interval_min, e2e_crc=self._e2e_crc)
        return specific_response(op_code, self._do(op_code, operand), e2e_crc=self._e2e_crc)

    def _do(self, op_code: int, operand: bytes) -> SpecificResponse:
        if op_code == SpecificOpCode.SET_INTERVAL:
            if len(operand) != OPERAND_OCTETS[op_code]:
                return SpecificResponse.INVALID_OPERAND
            self.interval_min = operand[0]
            return SpecificResponse.SUCCESS
        change = self._session.get(SpecificOpCode(op_code)) if op_code in self._session else None
        if change is None:
            return SpecificResponse.OP_CODE_NOT_SUPPORTED
        if operand:
            return SpecificResponse.INVALID_OPERAND
        return SpecificResponse.SUCCESS if change() else SpecificResponse.PROCEDURE_NOT_COMPLETED
