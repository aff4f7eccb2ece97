"""The sealed half of a link: what stands beside, or before, the parts that send and read unsealed messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.wire import subjects
from crossply.wire.sealed.calling import SealedCaller
from crossply.wire.sealed.events import SealedEvents
from crossply.wire.sealed.keeping import SealedStore
from crossply.wire.sealed.lookup import CredentialLookup
from crossply.wire.sealed.sealing import Sealing
from crossply.wire.sealed.serving import SealedServer
from crossply.wire.store import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.tasks import Tasks
    from crossply.wire.calling import Caller
    from crossply.wire.jetstream import JetStream
    from crossply.wire.link import LinkConfig, Store
    from crossply.wire.mux import Mux
    from crossply.wire.sealed.own_keys import OwnKeys
    from crossply.wire.sealed.serving import Again, Answer
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor


class SealedLink:
    """Makes the sealed parts of one link; they share sessions and replay windows, over all its connections.

    Without a ``lookup`` a sender whose credential is not known here is told so.
    """

    def __init__(
        self, config: LinkConfig, keys: OwnKeys, sender: Sender, now: Clock, lookup: CredentialLookup | None = None
    ) -> None:
        self._sender = sender
        self._now = now
        self._lookup = lookup
        self.sealing = Sealing(keys, config.service, config.audit)
        self.events = SealedEvents(self.sealing, sender)

    @classmethod
    def over(
        cls, jetstream: JetStream, config: LinkConfig, keys: OwnKeys, sender: Sender, now: Clock, tasks: Tasks
    ) -> SealedLink:
        """Return the sealed parts of a link whose broker has the tenant's credentials."""
        bucket = Bucket(jetstream, subjects.credentials(config.tenant))
        return cls(config, keys, sender, now, CredentialLookup(bucket, keys.credentials, now, tasks))

    def caller(self, plain: Caller, broker: Supervisor, mux: Mux, senders: Senders) -> SealedCaller:
        """Return what seals calls; ``plain`` sends those that go unsealed."""
        return SealedCaller(
            self.sealing,
            plain,
            broker=broker,
            mux=mux,
            sender=self._sender,
            senders=senders,
            now=self._now,
            lookup=self._lookup,
        )

    def server(self, answer: Answer, again: Again, forget: Callable[[], None]) -> SealedServer:
        """Return what opens calls and seals their replies; ``SealedServer`` says what it calls."""
        return SealedServer(
            self.sealing, self._sender, answer=answer, again=again, forget=forget, now=self._now, lookup=self._lookup
        )

    def store(self, store: Store) -> SealedStore:
        """Return a store of the service's own, in which everything is sealed to it."""
        return SealedStore(store, self.sealing)
