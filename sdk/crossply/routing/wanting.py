"""What those who send ask of keys that they have not got: a part of the key feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from crossply.seal.credentials import Recipient
    from crossply.seal.group import Group


class Wanting(Protocol):
    """Asks for keys, once; what is known already is returned at once."""

    async def want(self, service: str) -> Recipient | None:
        """Have the keys of a service, and keep them current."""
        ...

    def unwant(self, service: str) -> None:
        """Keep them current no more."""
        ...

    async def want_channel(self, channel: str) -> Group | None:
        """Have the keys of a channel to publish on."""
        ...
