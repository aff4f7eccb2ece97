"""One subscription of a process, whatever connection it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.wire.connection import Take
    from crossply.wire.supervisor import Supervisor


class Listening:
    """One subscription, over all connections; ``aclose`` ends it after what it already got."""

    def __init__(self, owner: Supervisor, number: int, subject: bytes, queue: bytes, take: Take) -> None:
        self._owner = owner
        self.number = number
        self.subject = subject
        self.queue = queue
        self.take = take

    async def aclose(self, timeout: float = 2.0) -> None:
        """End it after what is under way; a broker that is away cannot hold this up."""
        await self._owner.unlisten(self.number, timeout)
