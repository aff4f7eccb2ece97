"""Reading over TLS into one buffer, where each read would otherwise have memory of its own from the system.

Without it a read asks for 256 KiB, is given back all but what one TLS record held, and does so again for the next
record. Into a buffer that is there all records that came together are read at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply.wire.connection import Connection

_SIZE: Final = 128 * 1024


class Buffered(asyncio.BufferedProtocol):
    """What a TLS transport reads for a connection; all else it passes on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = memoryview(bytearray(_SIZE))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - it is as large as it is
        """Return where to read to."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self._connection.data_received(bytes(self._buffer[:nbytes]))

    def pause_writing(self) -> None:
        """Have senders wait."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that it has ended."""
        self._connection.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Let the transport close."""
        return self._connection.eof_received()
