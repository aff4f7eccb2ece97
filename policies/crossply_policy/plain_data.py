"""Plain data: what counts as an object or a list, and every value within, with the way to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeGuard

from crossply_policy.faults import step


class Place(NamedTuple):
    """A value, the key or index it stands at, the place around it, and the number of places around it."""

    value: object
    key: object
    parent: Place | None
    depth: int

    @property
    def path(self) -> str:
        """Return the way from the whole to this value."""
        if self.parent is None:
            return ""
        around = self.parent.path
        return f"{around}[{self.key}]" if is_list(self.parent.value) else step(around, self.key)


def places(value: object, *, deepest: int) -> Iterator[Place]:
    """Yield the place of the whole, then of every value within, down to a depth."""
    waiting = [Place(value, None, None, 0)]
    while waiting:
        place = waiting.pop()
        yield place
        if place.depth < deepest:
            within = reversed(list(_within(place.value)))
            waiting.extend(Place(held, key, place, place.depth + 1) for key, held in within)


def is_object(value: object) -> TypeGuard[Mapping[object, object]]:
    """Return whether the value is an object, whatever its keys are."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Return whether the value is a list."""
    return isinstance(value, list | tuple)


def _within(value: object) -> Iterator[tuple[object, object]]:
    if is_object(value):
        yield from value.items()
    elif is_list(value):
        yield from enumerate(value)
