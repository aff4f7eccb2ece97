"""The inbound stacks of a process: one for each endpoint and channel pattern, composed again with each snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply import stacks
from crossply.telemetry.recorder import Side
from crossply_policy.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.access.guard import Guard
    from crossply.handler import Facts, Handler, Request, Response
    from crossply.protection.admission import Admission
    from crossply.protection.rates import Rates
    from crossply.protection.replies import Replies
    from crossply.stacks import Surroundings


class Inbound:
    """Hands out handlers that always go through the newest stack; a call in flight finishes on the one it began on."""

    def __init__(
        self,
        service: str,
        around: Surroundings,
        calls: Admission,
        events: Admission,
        guard: Guard,
        rates: Rates,
        replies: Replies,
        report: Callable[[Request, BaseException], None],
    ) -> None:
        self._service = service
        self._around = around
        self._calls = calls
        self._events = events
        self._guard = guard
        self._rates = rates
        self._replies = replies
        self._report = report
        self._composers: dict[str, Callable[[], None]] = {}
        self._snapshot = Snapshot()
        self._barred: frozenset[str] = frozenset()

    def bar(self, barred: frozenset[str]) -> None:
        """Refuse these identities from the next request on, and no others."""
        if barred != self._barred:
            self._barred = barred
            self.compose_again()

    def adopt(self, snapshot: Snapshot) -> None:
        """Use a new snapshot from the next request on."""
        self._snapshot = snapshot
        self._calls.adopt(snapshot.route(self._service, "any").admission)
        self.compose_again()

    def compose_again(self) -> None:
        """Use stacks of the same snapshot that are composed anew."""
        for again in self._composers.values():
            again()

    def endpoint(self, name: str, handler: Handler, facts: Facts, *, prompt: bool) -> Handler:
        """Return the handler of calls to an endpoint of this service; a ``prompt`` one never waits."""
        operation = f"{self._service}.{name}"
        return self._live(
            operation,
            lambda: stacks.inbound(
                handler,
                side=Side.CALLEE,
                around=self._around,
                admission=self._calls,
                operation=operation,
                permitted=self._guard.served(self._snapshot, name),
                limits=self._rates.served(self._snapshot, name),
                barred=self._barred,
                kept=(self._replies, facts) if facts.kept else None,
                prompt=prompt,
                report=self._report,
            ),
        )

    def events(self, pattern: str, handler: Handler) -> Handler:
        """Return the handler of events on a channel pattern; what is limited is limited where they are published."""
        return self._live(
            f"on {pattern}",
            lambda: stacks.inbound(
                handler,
                side=Side.SUBSCRIBER,
                around=self._around,
                admission=self._events,
                operation=pattern,
                permitted=self._guard.delivered(self._snapshot, pattern),
                limits=(),
                report=self._report,
            ),
        )

    def _live(self, name: str, compose: Callable[[], Handler]) -> Handler:
        stack = compose()

        def again() -> None:
            nonlocal stack
            stack = compose()

        def serving(request: Request) -> Awaitable[Response]:
            return stack(request)

        self._composers[name] = again
        return serving
