"""What nobody should ever send to a device: erase, reset, set the clock, start inflating."""

from collections.abc import Callable


class ForbiddenCommands:
    """Remembers the forbidden commands that arrived, by name, so that a test can see none did.

    `tell` is called with each one as it arrives.
    """

    def __init__(self, tell: Callable[[str], object] | None = None) -> None:
        self._tell = tell
        self.received: list[str] = []

    def record(self, command: str) -> None:
        """Take note of one; the device obeys for show and does nothing."""
        self.received.append(command)
        if self._tell is not None:
            self._tell(command)
