"""Leases of rates between the links of one broker in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.handler import Kind
from crossply.names import new_id
from crossply.testing.memory.listening import Listening
from crossply.wire import shares as wire
from crossply.wire.envelope import EnvelopeFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.testing.memory.link import MemoryLink
    from crossply.wire.lease import Shares, SharesHandler, Wanted
    from crossply.wire.link import Closable


class MemoryShares:
    """Asks for shares through a link, and answers who asks."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
        self._handlers: list[SharesHandler] = []

    async def ask(self, wanted: dict[str, Wanted], timeout: float) -> Shares | None:
        """Return what a registry leases; ``None`` when none answers in time."""
        link = self._link
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        question = wire.pack(link.sender, Kind.REQUEST, new_id(), wire.Want(wanted))
        registries = [each for each in link.broker.present() if each.shares.answers] if link.connected else []
        if not registries:
            return None
        for each in registries:
            each.shares.asked(question, lambda raw: link.receive(lambda: answers.put_nowait(raw)))
        try:
            async with asyncio.timeout(timeout):
                return wire.answered(await answers.get(), link.senders)
        except (TimeoutError, EnvelopeFault):
            return None

    async def answer(self, handler: SharesHandler) -> Closable:
        """Hear every instance's question."""
        return Listening(self._handlers, handler)

    @property
    def answers(self) -> bool:
        """Whether somebody answers here."""
        return bool(self._handlers)

    def asked(self, raw: bytes, reply: Callable[[bytes], None]) -> None:
        """Take a question, and answer it unless the handler is silent."""

        def answering() -> None:
            peer, wanted, mid = wire.question(raw, self._link.senders)
            for handler in self._handlers:
                shares = handler(peer.service, peer.instance, wanted)
                if shares is not None:
                    reply(wire.pack(self._link.sender, Kind.RESPONSE, mid, wire.Leased(shares)))

        self._link.receive(answering)
