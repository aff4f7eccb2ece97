"""What a process's standing with the authority acts on: its link, its stacks, its tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.routing.moves import Moves
    from crossply.tasks import Tasks
    from crossply.wire.link import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``bar`` is told whom not to believe, ``ask`` sends renewals, ``moved`` is called when what waited goes on.

    ``needs`` are the channel patterns whose events the process takes.
    """

    link: Link
    tenant: str
    bar: Callable[[frozenset[str]], None]
    ask: Callable[[bytes], Awaitable[bytes]]
    needs: tuple[str, ...]
    moves: Moves
    moved: Callable[[], None]
    tasks: Tasks
