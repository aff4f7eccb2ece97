"""The sealed half of a link: what stands beside, or before, the parts that send and read unsealed messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.wire.sealed.calling import SealedCaller
from crossply.wire.sealed.events import SealedEvents
from crossply.wire.sealed.keeping import SealedStore
from crossply.wire.sealed.sealing import Sealing
from crossply.wire.sealed.serving import SealedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.wire.calling import Caller
    from crossply.wire.link import LinkConfig, Store
    from crossply.wire.mux import Mux
    from crossply.wire.sealed.own_keys import OwnKeys
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor


class SealedLink:
    """Makes the sealed parts of one link; they share sessions and replay windows, over all its connections."""

    def __init__(self, config: LinkConfig, keys: OwnKeys, sender: Sender, now: Clock) -> None:
        self._sender = sender
        self._now = now
        self.sealing = Sealing(keys, config.service, config.audit)
        self.events = SealedEvents(self.sealing, sender)

    def caller(self, plain: Caller, broker: Supervisor, mux: Mux, senders: Senders) -> SealedCaller:
        """Return what seals calls; ``plain`` sends those that go unsealed."""
        sender, now = self._sender, self._now
        return SealedCaller(self.sealing, plain, broker=broker, mux=mux, sender=sender, senders=senders, now=now)

    def server(self, answer: Callable[[bytes, bytes, bytes], None], forget: Callable[[], None]) -> SealedServer:
        """Return what opens calls and seals their replies, which ``answer`` sends; ``forget`` drops forms of calls."""
        return SealedServer(self.sealing, self._sender, answer, forget, self._now)

    def store(self, store: Store) -> SealedStore:
        """Return a store of the service's own, in which everything is sealed to it."""
        return SealedStore(store, self.sealing)
