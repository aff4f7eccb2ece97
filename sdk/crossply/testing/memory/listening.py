"""Something that listens, in a list of those that do, until it is closed."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Listening(Generic[T]):
    """Stands in ``others`` from its making until ``aclose``."""

    def __init__(self, others: list[T], one: T) -> None:
        self._others = others
        self._one = one
        others.append(one)

    async def aclose(self) -> None:
        """Take it out of the list."""
        if self._one in self._others:
            self._others.remove(self._one)
