"""The stacks of what this process publishes: one for each channel, composed again with each snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply import stacks
from crossply.names import new_id
from crossply_policy import names
from crossply_policy.snapshot import Snapshot

if TYPE_CHECKING:
    from crossply.access.guard import Guard
    from crossply.handler import Handler, Request, Response
    from crossply.protection.rates import Rates
    from crossply.routing.wanting import Wanting
    from crossply.stacks import Surroundings
    from crossply.wire.link import Link

_CHANNELS = 2048


class Publishing:
    """Finds the stack of a channel; ``within`` is how long one event may take, in seconds."""

    def __init__(self, link: Link, around: Surroundings, guard: Guard, rates: Rates, within: float) -> None:
        self._link = link
        self._around = around
        self._guard = guard
        self._rates = rates
        self._within = within
        self._handlers: dict[str, Handler] = {}
        self._stacks: dict[str, Handler] = {}
        self._snapshot = Snapshot()
        self.keys: Wanting | None = None

    def adopt(self, snapshot: Snapshot) -> None:
        """Use a new snapshot from the next event on."""
        self._snapshot, self._stacks = snapshot, {}

    def compose_again(self) -> None:
        """Use stacks of the same snapshot that are composed anew."""
        self._stacks = {}

    def to(self, channel: str) -> Handler:
        """Return a handler that always publishes through the newest stack; raise ``NameFault`` for a bad name."""
        known = self._handlers.get(channel)
        if known is None:
            names.channel(channel)
            if len(self._handlers) >= _CHANNELS:
                self._handlers.clear()
                self._stacks.clear()
            known = self._handlers[channel] = self._publisher(channel)
        return known

    def _publisher(self, channel: str) -> Handler:
        async def publishing_event(request: Request) -> Response:
            request.id = request.id or new_id()
            if self.keys is not None:
                await self.keys.want_channel(channel)
            stack = self._stacks.get(channel)
            if stack is None:
                stack = self._stacks[channel] = self._compose(channel)
            return await stack(request)

        return publishing_event

    def _compose(self, channel: str) -> Handler:
        return stacks.publishing(
            around=self._around,
            within=self._within,
            permitted=self._guard.published(self._snapshot, channel),
            limits=self._rates.published(self._snapshot, channel),
            wire=self._link.publish,
        )
