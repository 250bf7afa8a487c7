"""When a person measures: every so often, so many times, until told to stop."""

import asyncio
import math
from collections.abc import Callable


class Routine:
    """Measures every `interval_s`, at most `limit` times; infinity is "only when asked"."""

    def __init__(self, interval_s: float = math.inf, limit: int | None = None) -> None:
        self._interval_s = interval_s
        self._left = math.inf if limit is None else limit
        self._quiet = asyncio.Event()

    def be_quiet(self) -> None:
        """Measure no more."""
        self._quiet.set()

    async def run(
        self, measure: Callable[[], object], wait_s: Callable[[], float] | None = None
    ) -> None:
        """Measure until the routine is over; `wait_s`, if given, may lengthen an interval."""
        while self._left > 0:
            longest = max(self._interval_s, wait_s() if wait_s else 0)
            try:
                async with asyncio.timeout(None if math.isinf(longest) else longest):
                    await self._quiet.wait()
            except TimeoutError:
                measure()
                self._left -= 1
            else:
                return
