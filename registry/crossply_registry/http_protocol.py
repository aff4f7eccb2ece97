"""One HTTP connection: uvicorn's, with problem documents for what is no HTTP, and an end to waiting for a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from crossply_registry.api.problems import MEDIA_TYPE, bare_problem

if TYPE_CHECKING:
    import asyncio

HEAD_WITHIN: Final = 10.0
"""Seconds for a request's head, from when the connection had nothing else to do."""


class Protocol(H11Protocol):
    """Answers bytes that are no HTTP with a problem document; closes after `within` seconds without a whole head."""

    within = HEAD_WITHIN
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once a request runs."""
        super().data_received(data)
        if self._busy():
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Wait for the next head, unless the client has sent it already."""
        super().on_response_complete()
        if not self._busy():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP, and close."""
        if not (self._busy() and self.cycle.response_started):
            body = bare_problem(400, f"this is no HTTP/1.1 request: {msg[:1].lower()}{msg[1:].rstrip('.')}")
            head = (
                "HTTP/1.1 400 Bad Request",
                f"content-type: {MEDIA_TYPE}",
                f"content-length: {len(body)}",
                "connection: close",
            )
            self.transport.write("\r\n".join((*head, "", "")).encode() + body)
        self.transport.close()

    def _busy(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._wait_no_more()
        self._waiting = self.loop.call_later(self.within, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
