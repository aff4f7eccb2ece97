"""Choose the subset of a call, by weights; the same one for the same key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import Handler, Request, Response, layer
from crossply.routing.shares import Shares, Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from crossply.clock import Chance
    from crossply.routing.subsets import Subsets


@layer
def split(inner: Handler, weights: Mapping[str, float], subsets: Subsets, chance: Chance, *, known: bool) -> Handler:
    """Share calls among subsets.

    With ``known`` a weight counts once an instance of its subset is known, and until then its share is the others'.
    Without, it counts always: who stands in for a subset that has nobody is decided below.
    """
    shared, turns = Shared(weights, subsets, known=known), Turns(chance.random())

    def splitting(request: Request) -> Awaitable[Response]:
        request.subset = shared.now().of(request.key, turns)
        return inner(request)

    return splitting


class Shared:
    """The shares of the subsets that count now; worked out again when the callee's instances change."""

    def __init__(self, weights: Mapping[str, float], subsets: Subsets, *, known: bool) -> None:
        weighty = {subset: weight for subset, weight in weights.items() if weight > 0}
        self._all = Shares(weighty)
        self._weights = weighty
        self._subsets = subsets
        self._known = known
        self._changes = -1
        self._shares = self._all

    def now(self) -> Shares:
        """Return the shares to go by; those of all subsets while nobody of any is known."""
        if self._known and self._changes != self._subsets.callee.changes:
            self._changes = self._subsets.callee.changes
            there = {subset: weight for subset, weight in self._weights.items() if self._subsets.serving(subset)}
            self._shares = Shares(there) if there else self._all
        return self._shares
