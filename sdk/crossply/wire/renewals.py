"""How connections learn that what they were opened with has a successor, and say what they may."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.wire.allow_list import AllowList


class Renewals:
    """Stands between the identity of a process and its connections."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []
        self._ask: Callable[[], Awaitable[AllowList | None]] | None = None

    def on_renewal(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at every renewal."""
        self._listeners.append(listener)

    def tell(self) -> None:
        """Say that there was one."""
        for listener in self._listeners:
            listener()

    def on_question(self, ask: Callable[[], Awaitable[AllowList | None]]) -> None:
        """Have ``ask`` say what the connection may."""
        self._ask = ask

    async def allowed(self) -> AllowList | None:
        """Return what the connection may; ``None`` when that is everything, or not to be learned now."""
        return None if self._ask is None else await self._ask()
