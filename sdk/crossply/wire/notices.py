"""What the authority or the registry tells everybody: short messages on one subject, each of which may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from crossply.wire.link import AnnouncementHandler, Closable
    from crossply.wire.supervisor import Supervisor


class Notices(Protocol):
    """One sort of them. Nobody vouches for a notice: what it carries is signed, or read from the store."""

    def tell(self, message: bytes) -> None:
        """Tell everybody who is connected now; while this side is not, nobody."""
        ...

    def watch(self, handler: AnnouncementHandler) -> Closable:
        """Hear them, until closed."""
        ...


class NoticesOnWire:
    """Those on one subject; ``group`` is this instance's, so that one with two connections hears each once."""

    def __init__(self, broker: Supervisor, subject: str, group: str) -> None:
        self._broker = broker
        self._subject = subject.encode()
        self._group = group.encode()

    def tell(self, message: bytes) -> None:
        """Tell everybody."""
        if self._broker.connected:
            self._broker.send(self._subject, message)

    def watch(self, handler: AnnouncementHandler) -> Closable:
        """Hear them."""

        def heard(_subject: bytes, _reply: bytes, data: bytes, _headers: bytes) -> None:
            handler(data)

        return self._broker.listen(self._subject, heard, queue=self._group)
