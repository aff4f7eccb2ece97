"""What is told of keys between the links of one broker in memory, and the bucket of credentials."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from crossply.testing.memory.listening import Listening
from crossply.testing.memory.store import MemoryStore
from crossply.wire.plans import CredentialsPlan

if TYPE_CHECKING:
    from crossply.testing.memory.link import MemoryLink
    from crossply.wire.link import AnnouncementHandler, Closable, Store
    from crossply.wire.notices import Notices


class MemoryKeys:
    """Those of one link: its own notices too."""

    def __init__(self, link: MemoryLink, tenant: str) -> None:
        self._link = link
        self._handlers: list[AnnouncementHandler] = []
        bucket = link.broker.bucket(f"credentials of {tenant}")
        self.credentials: Store = MemoryStore(link, bucket, CredentialsPlan().age)

    @property
    def notices(self) -> Notices:
        """What is told of keys."""
        return self

    async def ensure_credentials(self, plan: CredentialsPlan) -> bool:  # noqa: ARG002 - there is one replica
        """Do nothing: that bucket is always there."""
        return False

    def tell(self, message: bytes) -> None:
        """Tell everybody who is connected."""
        if self._link.connected:
            for each in self._link.broker.present():
                each.keys.hear(message)

    def watch(self, handler: AnnouncementHandler) -> Closable:
        """Hear what is told."""
        return Listening(self._handlers, handler)

    def hear(self, message: bytes) -> None:
        """Take a notice."""
        for handler in list(self._handlers):
            self._link.receive(partial(handler, message))
