"""Notices between the links of one broker in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from crossply.testing.memory.listening import Listening

if TYPE_CHECKING:
    from crossply.testing.memory.link import MemoryLink
    from crossply.wire.link import AnnouncementHandler, Closable


class MemoryNotices:
    """Those of one sort, which every link of the broker hears."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
        self._handlers: list[AnnouncementHandler] = []

    def tell(self, message: bytes) -> None:
        """Tell everybody."""
        if self._link.connected:
            for each in self._link.broker.present():
                each.revoked.hear(message)

    def watch(self, handler: AnnouncementHandler) -> Closable:
        """Hear them."""
        return Listening(self._handlers, handler)

    def hear(self, message: bytes) -> None:
        """Take one."""
        for handler in list(self._handlers):
            self._link.receive(partial(handler, message))
