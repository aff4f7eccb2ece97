"""Notices over fakes."""

from __future__ import annotations

from collections.abc import Callable


class Open:
    """Something to close."""

    async def aclose(self) -> None:
        return


class FakeNotices:
    """Notices, each heard at once by all who watch."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self._handlers: list[Callable[[bytes], None]] = []

    def tell(self, message: bytes) -> None:
        self.told.append(message)
        for handler in list(self._handlers):
            handler(message)

    def watch(self, handler: Callable[[bytes], None]) -> Open:
        self._handlers.append(handler)
        return Open()
