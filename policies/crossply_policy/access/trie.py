"""Rules by the tokens they speak of, `*` for one token and `>` for a tail, and by their callers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from crossply_policy.access.rules import Rule

ONE: Final = "*"
TAIL: Final = ">"

Leaf: TypeAlias = "dict[str, list[Rule]]"


@dataclass(slots=True)
class Node:
    """A place in the trie; `here` and `tail` hold the rules that end here, by caller."""

    below: dict[str, Node] = field(default_factory=dict)
    here: Leaf = field(default_factory=dict)
    tail: Leaf = field(default_factory=dict)

    def add(self, tokens: Sequence[str], callers: Iterable[str], rule: Rule) -> None:
        """Keep a rule under the tokens it speaks of."""
        node = self
        for token in tokens[:-1]:
            node = node.below.setdefault(token, Node())
        leaf = node.tail if tokens[-1] == TAIL else node.below.setdefault(tokens[-1], Node()).here
        for caller in callers:
            leaf.setdefault(caller, []).append(rule)

    def covering(self, tokens: Sequence[str]) -> Iterator[Leaf]:
        """Yield what speaks of everything that the tokens name: an allow has to."""
        if not tokens:
            yield self.here
            return
        yield self.tail
        token, rest = tokens[0], tokens[1:]
        if token == TAIL:
            return
        # In a set, as for `*` itself the two are one.
        for key in {token, ONE}:
            if node := self.below.get(key):
                yield from node.covering(rest)

    def meeting(self, tokens: Sequence[str]) -> Iterator[Leaf]:
        """Yield what speaks of anything that the tokens name: a deny need not speak of all of it."""
        if not tokens:
            yield self.here
            return
        yield self.tail
        token, rest = tokens[0], tokens[1:]
        if token == TAIL:
            for below in self.below.values():
                yield from below.everything()
        elif token == ONE:
            for below in self.below.values():
                yield from below.meeting(rest)
        else:
            for key in (token, ONE):
                if node := self.below.get(key):
                    yield from node.meeting(rest)

    def everything(self) -> Iterator[Leaf]:
        """Yield what ends here or below."""
        yield self.here
        yield self.tail
        for node in self.below.values():
            yield from node.everything()

    def walk(self, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Leaf]]:
        """Yield what ends here or below, each with the tokens it speaks of."""
        if self.here:
            yield above, self.here
        if self.tail:
            yield (*above, TAIL), self.tail
        for token, node in self.below.items():
            yield from node.walk((*above, token))
