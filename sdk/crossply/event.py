"""What an event handler may know of its event besides the payload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossply.handler import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossply.handler import Peer, Request


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery of an event. ``id`` is the same in every delivery; ``delivery`` counts from 1."""

    id: str
    channel: str
    source: Peer
    delivery: int
    sequence: int
    metadata: Mapping[str, str]

    @classmethod
    def of(cls, request: Request) -> Event:
        """Return the event that a request of kind event carries."""
        return cls(
            request.id.hex(),
            request.operation,
            request.peer or FOREIGN,
            request.delivery,
            request.sequence,
            request.metadata or {},
        )
