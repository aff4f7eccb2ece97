"""How connections learn that what they were opened with has a successor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Renewals:
    """Tells connections that the certificate they were opened with has a successor."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def on_renewal(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at every renewal."""
        self._listeners.append(listener)

    def tell(self) -> None:
        """Say that there was one."""
        for listener in self._listeners:
            listener()
