"""One connection to one broker, after its handshake: frames in, frames out, no task and no copy more than needed.

It speaks the client protocol of NATS (https://docs.nats.io/reference/reference-protocols/nats-protocol) on a
transport that ``dial`` opened. Each message goes at once to the function that listens; what is sent in one turn
of the loop leaves in one write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import msgspec

from crossply.errors import NotConnected, Origin
from crossply.wire import frames

if TYPE_CHECKING:
    from collections.abc import Callable

Take: TypeAlias = "Callable[[bytes, bytes, bytes, bytes], None]"
"""Gets subject, reply subject, payload and the header block of one message; must not block."""

HIGH_WATER: Final = 2 * 1024 * 1024
_LINE: Final = 64 * 1024
_CHUNK: Final = 16 * 1024
_PARTS: Final = 96
"""As much, or as many parts (three a message), is sent at once: so that the other end begins while this one goes on."""
_CLOSE_WITHIN: Final = 1.0
_MSG, _HMSG = 77, 72
_END: Final = b"\r\n"


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def lost(self, connection: Connection, why: str) -> None:
        """It is gone; called once, at once, unless its owner closed it."""
        ...

    def reading(self) -> None:
        """Something was read, and is about to be taken."""
        ...

    def informed(self, connection: Connection, info: dict[str, Any]) -> None:
        """The broker said something new of itself: other servers, lame duck."""
        ...

    def refused(self, connection: Connection, why: str) -> None:
        """The broker refused something (``-ERR``); the connection may end right after."""
        ...

    def dropped(self, subject: bytes, error: Exception) -> None:
        """A listening function raised."""
        ...


class Connection(asyncio.Protocol):
    """``heard`` counts reads, so that a watchdog sees whether the broker still speaks; ``server`` is host:port.

    ``full`` says that so much is unsent that nothing more should be.
    """

    def __init__(self, server: str, info: dict[str, Any], owner: Owner, keep: object = None) -> None:
        self.server = server
        self.max_payload: int = info.get("max_payload", 1024 * 1024)
        self.open = True
        self.heard = 0
        self._owner = owner
        self._keep = keep
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._takes: dict[bytes, Take] = {}
        self._out: list[bytes] = []
        self._out_size = 0
        self.full = False
        self._drained = asyncio.Event()
        self._pongs: deque[asyncio.Future[None]] = deque()
        self._parts: list[bytes] = []
        self._needed = 0
        self._have = 0
        self._why = ""
        self._gone = self._loop.create_future()

    def begin(self, transport: asyncio.Transport, read: bytes) -> None:
        """Take over a transport, and what was read from it already."""
        self._transport = transport
        transport.set_write_buffer_limits(HIGH_WATER)
        transport.set_protocol(self)
        if read:
            self.data_received(read)

    def send(self, subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        """Send one message; raise ``Unavailable`` when the connection is gone. Sizes are the caller's to check."""
        if not self.open:
            raise NotConnected(f"{subject.decode()}: not connected to the broker", origin=Origin.WIRE)
        size = len(payload)
        if headers:
            head = b"HPUB %b %b %d %d\r\n%b" % (subject, reply, len(headers), len(headers) + size, headers)
        else:
            head = b"PUB %b %b %d\r\n" % (subject, reply, size)
        if not self._out:
            self._loop.call_soon(self._write_out)
        self._out += (head, payload, _END)
        self._out_size += len(head) + size + 2
        if self._out_size >= _CHUNK or len(self._out) >= _PARTS:
            self._write_out()

    def subscribe(self, number: int, subject: bytes, queue: bytes, take: Take) -> None:
        """Listen; ``number`` names the subscription on this connection."""
        self._takes[b"%d" % number] = take
        self._command(b"SUB %b %b %d\r\n" % (subject, queue, number))

    def unsubscribe(self, number: int) -> None:
        """Ask for no more; what is under way still arrives, until ``forget``."""
        if self.open:
            self._command(b"UNSUB %d\r\n" % number)

    def forget(self, number: int) -> None:
        """Drop what still arrives for a subscription."""
        self._takes.pop(b"%d" % number, None)

    def ping(self) -> asyncio.Future[None]:
        """Return a future that is done once the broker has answered everything sent before."""
        answered: asyncio.Future[None] = self._loop.create_future()
        if self.open:
            self._pongs.append(answered)
            self._command(b"PING\r\n")
        else:
            answered.set_exception(ConnectionError("not connected to the broker"))
            answered.exception()  # who does not wait for it need not hear of it
        return answered

    async def room(self, timeout: float) -> bool:
        """Wait until little enough is unsent; return whether that came within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self.open and self.full:
                    # What this turn of the loop sent is the transport's, and counted, from the next turn on.
                    await asyncio.sleep(0)
                    if self.full:
                        await self._drained.wait()
        except TimeoutError:
            return False
        return True

    def pause_writing(self) -> None:
        """Have senders wait."""
        self.full = True
        self._drained.clear()

    def resume_writing(self) -> None:
        """Let senders go on."""
        self.full = False
        self._drained.set()

    def _command(self, line: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._write_out)
        self._out.append(line)
        self._out_size += len(line)

    def _write_out(self) -> None:
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            self._out_size = 0
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Hand every whole message to who listens; keep the rest."""
        self.heard += 1
        self._owner.reading()
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._needed:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        try:
            at = self._parse(data)
        except (ValueError, IndexError):
            self._give_up("the broker sent a message whose first line cannot be read")
            return
        if at < len(data) and self.open:
            self._parts.append(data[at:])
            self._have = len(data) - at

    def _parse(self, data: bytes) -> int:
        """Return where the first frame begins that is not whole; ``_needed`` is how long it must become."""
        at, length, takes = 0, len(data), self._takes
        while at < length:
            end = data.find(_END, at)
            if end < 0:
                return self._unended(at, length)
            first = data[at]
            if first != _MSG and first != _HMSG:  # noqa: PLR1714 - the fast way
                self._control(data[at:end])
                at = end + 2
                continue
            words = data[at:end].split()
            start = end + 2
            stop = start + int(words[-1])
            if stop + 2 > length:
                self._needed = stop + 2 - at
                return at
            at = stop + 2
            body = start if first == _MSG else frames.after_headers(words, start, stop)
            if len(words) != frames.WHOLE:
                frames.add_reply(words)
            take = takes.get(words[2])
            if take is not None:
                try:
                    take(words[1], words[3], data[body:stop], data[start:body])
                except Exception as error:  # noqa: BLE001 - one bad message must not end the others
                    self._owner.dropped(words[1], error)
        return at

    def _unended(self, at: int, length: int) -> int:
        self._needed = 0
        if length - at > _LINE:
            self._give_up("a line of the broker's does not end")
        return at

    def _control(self, line: bytes) -> None:
        word = line[:4].upper()
        if word == b"PING":
            self._command(b"PONG\r\n")
        elif word == b"PONG":
            if self._pongs:
                answered = self._pongs.popleft()
                if not answered.done():
                    answered.set_result(None)
        elif word == b"-ERR":
            self._why = line[4:].strip().strip(b"'").decode(errors="replace").lower()
            self._owner.refused(self, self._why)
        elif word == b"INFO":
            self._inform(line[5:])
        elif word not in {b"+OK", b""}:
            self._give_up(f"the broker said {line[:40]!r}, which is not its protocol")

    def _inform(self, raw: bytes) -> None:
        try:
            info = msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.DecodeError:
            self._give_up("the broker's INFO does not decode")
            return
        self.max_payload = info.get("max_payload", self.max_payload)
        self._owner.informed(self, info)

    # The end

    def _give_up(self, why: str) -> None:
        self._why = why
        self.abort(why)

    def abort(self, why: str) -> None:
        """Leave at once, whatever is unsent."""
        if self.open:
            self._transport.abort()
            self._end(why, told=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, unless it was the one who closed."""
        if not self._gone.done():
            self._gone.set_result(None)
        self._end(
            self._why or (f"{type(exc).__name__}: {exc}" if exc else "the broker closed the connection"), told=True
        )

    def _end(self, why: str, *, told: bool) -> None:
        if not self.open:
            return
        self.open = False
        self._out.clear()
        self._out_size = 0
        self._drained.set()
        while self._pongs:
            waiting = self._pongs.popleft()
            if not waiting.done():
                waiting.set_exception(ConnectionError(why))
                waiting.exception()
        if told:
            self._owner.lost(self, why)

    async def aclose(self) -> None:
        """Send what is unsent and close; a broker that does not take it within a second is left all the same."""
        if self.open:
            self._write_out()
            self._end("closed", told=False)
            self._transport.close()
        await asyncio.wait({self._gone}, timeout=_CLOSE_WITHIN)
        if not self._gone.done():
            self._transport.abort()
