"""A broker in memory that speaks NATS's client protocol, over transports that lose, repeat, delay and end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from crossply.wire.connection import HIGH_WATER, Connection, Owner
from crossply.wire.dial import DialFault
from crossply.wire.link import LinkConfig

INFO = {"max_payload": 1024 * 1024}
FASTEST, SLOWEST = 0.0001, 0.003
Sent = Callable[[bytes, bytes], None]
"""Hears the subject and the payload of every message when it is written."""


class SimBroker:
    """Routes messages among its transports; each fault counts down the messages it still befalls."""

    def __init__(self, chance: random.Random, sent: Sent) -> None:
        self.chance = chance
        self.sent = sent
        self.transports: list[SimTransport] = []
        self.down = False
        self.dropping = self.doubling = self.reordering = 0
        self.doubled: Counter[bytes] = Counter()
        self.gone: set[str] = set()

    async def dial(
        self, address: str, _credentials: dict[str, str], config: LinkConfig, owner: Owner, timeout: float, /
    ) -> Connection:
        """Open a connection, as ``crossply.wire.dial`` does."""
        await asyncio.sleep(self.delay())
        if self.down or config.instance in self.gone:
            await asyncio.sleep(min(timeout, 0.02))
            raise DialFault("nobody listens there")
        connection = Connection(address, INFO, owner)
        transport = SimTransport(self, connection, config.instance)
        self.transports.append(transport)
        connection.begin(cast("asyncio.Transport", transport), b"")
        return connection

    def delay(self) -> float:
        """Return how long something travels, in seconds."""
        return FASTEST + (SLOWEST - FASTEST) * self.chance.random()

    def stop(self, seconds: float) -> None:
        """Go away, and come back."""
        self.down = True
        for transport in list(self.transports):
            transport.end(OSError("the broker went away"))
        asyncio.get_running_loop().call_later(seconds, self._back)

    def _back(self) -> None:
        self.down = False

    def publish(self, source: SimTransport, subject: bytes, reply: bytes, payload: bytes) -> None:
        """Deliver a message to one of each queue group and to all others who listen."""
        if self.dropping and subject.startswith((b"mesh.rpc.", b"_INBOX.")):
            self.dropping -= 1
            return
        times = 1
        if self.doubling and subject.startswith(b"mesh.rpc."):
            self.doubling -= 1
            self.doubled[payload] += 1
            times = 2
        late = 0.0
        if self.reordering:
            self.reordering -= 1
            late = 0.02 + 0.1 * self.chance.random()
        heard = [self._route(subject, reply, payload, late) for _ in range(times)]
        if not all(heard) and reply:
            answering = [(each, number) for each, number in self._listeners(reply, plain=True) if each is source]
            for transport, number in answering[:1]:
                transport.deliver(b"HMSG %b %b 16 16\r\nNATS/1.0 503\r\n\r\n\r\n" % (reply, number))

    def _route(self, subject: bytes, reply: bytes, payload: bytes, late: float) -> bool:
        groups: dict[bytes, list[tuple[SimTransport, bytes]]] = {}
        for transport in self.transports:
            for number, (pattern, queue) in transport.listening.items():
                if matches(pattern, subject):
                    groups.setdefault(queue or b"%d/%b" % (id(transport), number), []).append((transport, number))
        for members in groups.values():
            transport, number = self.chance.choice(members)
            place = b" ".join(part for part in (subject, number, reply) if part)
            transport.deliver(b"MSG %b %d\r\n%b\r\n" % (place, len(payload), payload), late)
        return bool(groups)

    def _listeners(self, subject: bytes, *, plain: bool) -> list[tuple[SimTransport, bytes]]:
        return [
            (transport, number)
            for transport in self.transports
            for number, (pattern, queue) in transport.listening.items()
            if matches(pattern, subject) and not (plain and queue)
        ]


class SimTransport:
    """One connection's bytes; in order, but for what a fault delays."""

    def __init__(self, broker: SimBroker, connection: Connection, instance: str) -> None:
        self.instance = instance
        self.listening: dict[bytes, tuple[bytes, bytes]] = {}
        self._broker = broker
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._paused = False
        self._held: list[Callable[[], None]] = []
        self._unread = 0
        self._in_at = self._out_at = 0.0

    def pause(self, seconds: float) -> None:
        """Let nothing through, in either direction, for a while."""
        self._paused = True
        self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._paused = False
        held, self._held = self._held, []
        for each in held:
            each()
        if self._unread:
            self._unread = 0
            self._connection.resume_writing()

    def fail(self) -> None:
        """Say that something was wrong, and close, as nats-server does."""
        self.deliver(b"-ERR 'Authorization Violation'\r\n")
        self._loop.call_later(SLOWEST * 2, self.end, None)

    def end(self, error: Exception | None) -> None:
        """Close."""
        if self._open:
            self._open = False
            self.listening.clear()
            self._broker.transports.remove(self)
            self._loop.call_soon(self._connection.connection_lost, error)

    def deliver(self, data: bytes, late: float = 0.0) -> None:
        """Bring bytes to the client."""
        at = self._loop.time() + self._broker.delay()
        if late:
            at += late
        else:
            at = self._in_at = max(at, self._in_at + 1e-6)
        self._loop.call_at(at, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        if self._paused:
            self._held.append(lambda: self._arrive(data))
        elif self._open:
            self._connection.data_received(data)

    # What a Connection needs of a transport

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == HIGH_WATER

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert protocol is self._connection

    def abort(self) -> None:
        self.end(None)

    def close(self) -> None:
        self._loop.call_later(SLOWEST * 2, self.end, None)

    def write(self, data: bytes) -> None:
        for subject, _, payload in published(data):
            self._broker.sent(subject, payload)
        if self._paused:
            self._unread += len(data)
            if self._unread > HIGH_WATER:
                self._connection.pause_writing()
        at = self._out_at = max(self._loop.time() + self._broker.delay(), self._out_at + 1e-6)
        self._loop.call_at(at, self._take, data)

    def _take(self, data: bytes) -> None:
        if self._paused:
            self._held.append(lambda: self._take(data))
            return
        if not self._open:
            return
        for words, payload in frames(data):
            if words[0] in {b"PUB", b"HPUB"}:
                sizes = 1 if words[0] == b"PUB" else 2
                reply = words[2] if len(words) == 3 + sizes else b""
                self._broker.publish(self, words[1], reply, payload)
            elif words[0] == b"SUB":
                self.listening[words[-1]] = (words[1], words[2] if len(words) == 4 else b"")
            elif words[0] == b"UNSUB":
                self.listening.pop(words[1], None)
            elif words[0] == b"PING":
                self.deliver(b"PONG\r\n")


def frames(data: bytes) -> list[tuple[list[bytes], bytes]]:
    """Return the frames of a client's bytes: words of the first line, and the payload without its headers."""
    found: list[tuple[list[bytes], bytes]] = []
    at = 0
    while at < len(data):
        end = data.index(b"\r\n", at)
        words = data[at:end].split()
        at = end + 2
        payload = b""
        if words[0] in {b"PUB", b"HPUB"}:
            size = int(words[-1])
            payload = data[at : at + size]
            at += size + 2
        found.append((words, payload))
    return found


def published(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Return subject, reply subject and payload of every message in a client's bytes."""
    return [
        (words[1], words[2] if len(words) == 4 else b"", payload)
        for words, payload in frames(data)
        if words[0] == b"PUB"
    ]


def matches(pattern: bytes, subject: bytes) -> bool:
    """Whether a subject is one of those that a pattern names."""
    if pattern == subject:
        return True
    wanted, said = pattern.split(b"."), subject.split(b".")
    for number, token in enumerate(wanted):
        if token == b">":
            return len(said) > number
        if number >= len(said) or token not in {b"*", said[number]}:
            return False
    return len(wanted) == len(said)


def pending(link: Any) -> int:
    """Return how many attempts a link still waits for."""
    return len(link._mux)
