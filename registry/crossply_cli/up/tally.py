"""Counts what the shop's processes print: every call, every event published, every event handled."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

PLANTED: Final = ("orders.create", "aborted")
"""The one failure that the shop has on purpose: billing does not answer, and orders gives up."""


class Tally:
    """Facts come from several processes, so an event may be said to be handled before it is said to be sent.

    What an earlier run left in the broker is handled as well, and not counted: this run did not publish it.
    """

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.charges: Counter[str] = Counter()
        self.events_handled = 0
        self._acknowledged = 0
        self._sending: set[str] = set()
        self._waiting: set[str] = set()
        self._handled_early: set[str] = set()
        self._unsaid: set[str] = set()

    def take(self, line: bytes) -> bool:
        """Count one line; return False for what is no fact."""
        try:
            fact = json.loads(line)
        except ValueError:
            return False
        match fact:
            case {"call": str(operation), "code": str(code)}:
                self.calls[operation, code] += 1
            case {"charge": str(code)}:
                self.charges[code] += 1
            case {"publishing": str(order)}:
                self._publishing(order)
            case {"published": str(order)}:
                self._published(order)
            case {"handled": str(order)}:
                self._handled(order)
            case _:
                return False
        return True

    @property
    def made(self) -> int:
        """How many calls came back, well or not."""
        return self.calls.total()

    @property
    def ok(self) -> int:
        """How many calls succeeded."""
        return sum(count for (_, code), count in self.calls.items() if code == "ok")

    @property
    def surprises(self) -> dict[str, int]:
        """How often each failure occurred that was not planted."""
        return {
            f"{operation} {code}": count
            for (operation, code), count in self.calls.items()
            if code != "ok" and (operation, code) != PLANTED
        }

    @property
    def events_published(self) -> int:
        """How many events the broker has: those it acknowledged, and those that were handled without that."""
        return self._acknowledged + len(self._unsaid)

    @property
    def outstanding(self) -> int:
        """How many acknowledged events are not handled yet."""
        return len(self._waiting)

    def totals(self) -> dict[str, Any]:
        """Return the counts under the names of the report."""
        return {
            "calls": self.made,
            "ok": self.ok,
            "failed": self.made - self.ok,
            "events_published": self.events_published,
            "events_handled": self.events_handled,
        }

    def _publishing(self, order: str) -> None:
        if order in self._handled_early:
            self._handled_early.remove(order)
            self._unsaid.add(order)
            self.events_handled += 1
        else:
            self._sending.add(order)

    def _published(self, order: str) -> None:
        self._acknowledged += 1
        if order in self._unsaid:
            self._unsaid.remove(order)
        else:
            self._sending.discard(order)
            self._waiting.add(order)

    def _handled(self, order: str) -> None:
        if order in self._waiting:
            self._waiting.remove(order)
            self.events_handled += 1
        elif order in self._sending:
            self._sending.remove(order)
            self._unsaid.add(order)
            self.events_handled += 1
        else:
            self._handled_early.add(order)
