"""What the rest of Crossply sees of leases: shares in rates that the mesh keeps together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from crossply.wire.link import Closable


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an instance says of its share in a rate: how much it holds, and how many a second ask for it."""

    held: float
    asked: float


Shares: TypeAlias = dict[str, float]
"""Shares in rates, from 0 to 1, by the limit's name."""
SharesHandler: TypeAlias = Callable[[str, str, dict[str, Wanted]], Shares | None]


class SharesOfRates(Protocol):
    """What instances have of the rates that the mesh keeps together."""

    async def ask(self, wanted: dict[str, Wanted], timeout: float) -> Shares | None:
        """Return what a registry leases; ``None`` when none answers in time."""
        ...

    async def answer(self, handler: SharesHandler) -> Closable:
        """Answer each instance's question with what ``handler`` returns, if anything (the registry only)."""
        ...
