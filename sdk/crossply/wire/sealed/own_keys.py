"""What the wire asks of the keys of a process that an authority vouches for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from crossply.seal.credentials import Credentials, Recipient
    from crossply.seal.group import Group
    from crossply.seal.holder import Holder
    from crossply.seal.lineage import Lineage
    from crossply.seal.ring import Ring


class OwnKeys(Protocol):
    """The keys of one process; all of it is at hand, nothing waits."""

    @property
    def own(self) -> Holder:
        """The credential and its private keys, as of now."""
        ...

    @property
    def lineage(self) -> Lineage:
        """The right to these keys, which a forked child has not."""
        ...

    @property
    def credentials(self) -> Credentials:
        """Whose credentials were verified, and which are revoked."""
        ...

    @property
    def ring(self) -> Ring:
        """The private keys to open with."""
        ...

    @property
    def since(self) -> int:
        """Until when, in unix milliseconds, others may have sealed to these keys before this process had them."""
        ...

    def on_renewal(self, listener: Callable[[Holder], None]) -> None:
        """Call ``listener`` with each renewed holder, once ``own`` and ``ring`` have it."""
        ...

    def recipient(self, service: str) -> Recipient | None:
        """Return to whom to seal what whichever instance of a service may take; ``None`` when that is not known."""
        ...

    def group(self, channel: str) -> Group | None:
        """Return the keys of a channel's events; ``None`` when this process was not given them."""
        ...
