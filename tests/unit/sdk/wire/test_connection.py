"""A connection hands over every message whole, however its bytes arrive, and ends cleanly for whatever else comes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossply.errors import Unavailable
from crossply.wire.connection import HIGH_WATER, Connection

Message = tuple[bytes, bytes, bytes, bytes]


@dataclass
class Told:
    """An owner that writes down what it is told."""

    said: list[tuple[str, object]] = field(default_factory=list[tuple[str, object]])
    reads: int = 0

    def lost(self, connection: Connection, why: str) -> None:
        self.said.append(("lost", why))

    def reading(self) -> None:
        self.reads += 1

    def informed(self, connection: Connection, info: dict[str, Any]) -> None:
        self.said.append(("informed", info))

    def refused(self, connection: Connection, why: str) -> None:
        self.said.append(("refused", why))

    def dropped(self, subject: bytes, error: Exception) -> None:
        self.said.append(("dropped", subject))


class Pipe:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = False

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == HIGH_WATER

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast("Connection", protocol)

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    close = abort


def opened() -> tuple[Connection, Pipe, Told, list[Message]]:
    """Return a connection that listens to subscription 7."""
    told, pipe, got = Told(), Pipe(), list[Message]()
    connection = Connection("127.0.0.1:4222", {"max_payload": 1000}, told)
    connection.begin(cast("asyncio.Transport", pipe), b"")

    def take(subject: bytes, reply: bytes, payload: bytes, headers: bytes) -> None:
        got.append((subject, reply, payload, headers))

    connection.subscribe(7, b"a.*", b"g", take)
    return connection, pipe, told, got


def frame(message: Message, number: int = 7) -> bytes:
    subject, reply, payload, headers = message
    place = b" ".join(part for part in (subject, b"%d" % number, reply) if part)
    if headers:
        return b"HMSG %b %d %d\r\n%b%b\r\n" % (place, len(headers), len(headers) + len(payload), headers, payload)
    return b"MSG %b %d\r\n%b\r\n" % (place, len(payload), payload)


token = st.from_regex(rb"[a-z0-9._-]{1,20}", fullmatch=True)
messages = st.tuples(
    token,
    st.one_of(st.just(b""), token),
    st.binary(max_size=300),
    st.one_of(
        st.just(b""), st.binary(max_size=50).map(lambda raw: b"NATS/1.0\r\n" + raw.replace(b"\r", b"") + b"\r\n\r\n")
    ),
)


@settings(max_examples=200)
@given(st.lists(messages, max_size=8), st.lists(st.integers(1, 80), max_size=40))
def test_messages_arrive_whole_and_in_order_however_they_are_cut(sent: list[Message], cuts: list[int]) -> None:
    async def run() -> None:
        connection, pipe, told, got = opened()
        stream = b"".join(frame(each) + b"PING\r\n" for each in sent) + b"PONG\r\n+OK\r\n"
        for cut in [*cuts, len(stream)]:
            connection.data_received(stream[:cut])
            stream = stream[cut:]
        assert got == sent
        assert told.said == []
        await asyncio.sleep(0)
        assert b"".join(pipe.written).count(b"PONG\r\n") == len(sent)

    asyncio.run(run())


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_garbage_ends_the_connection_or_is_nothing_but_never_raises(garbage: bytes) -> None:
    async def run() -> None:
        connection, _, told, _ = opened()
        connection.data_received(garbage)
        assert connection.open or [kind for kind, _ in told.said] == ["lost"]
        await asyncio.sleep(0)

    asyncio.run(run())


@pytest.mark.parametrize(
    "frame_",
    [b"MSG\r\n", b"MSG a\r\n", b"MSG a 7 x\r\n", b"HMSG a 7 5 2\r\nxx\r\n", b"MSG a 7 -5\r\n", b"x" * 70_000],
)
async def test_a_frame_that_is_none_ends_the_connection(frame_: bytes) -> None:
    connection, pipe, told, _ = opened()
    connection.data_received(frame_)
    assert pipe.aborted
    assert [kind for kind, _ in told.said] == ["lost"]
    with pytest.raises(Unavailable):
        connection.send(b"a.b", b"x")


async def test_a_listener_that_raises_costs_its_message_only() -> None:
    connection, _, told, got = opened()

    def raising(*_message: bytes) -> None:
        raise RuntimeError("no")

    connection.subscribe(8, b"b", b"", raising)
    connection.data_received(frame((b"b", b"", b"x", b""), 8) + frame((b"a.b", b"", b"y", b"")))
    assert got == [(b"a.b", b"", b"y", b"")]
    assert told.said == [("dropped", b"b")]


async def test_what_the_broker_says_of_itself_reaches_the_owner() -> None:
    connection, _, told, _ = opened()
    connection.data_received(
        b'-ERR \'Permissions Violation for Publish to "x"\'\r\nINFO {"max_payload":9,"ldm":true}\r\n'
    )
    assert told.said == [
        ("refused", 'permissions violation for publish to "x"'),
        ("informed", {"max_payload": 9, "ldm": True}),
    ]
    assert connection.max_payload == 9
    assert connection.open


async def test_what_is_sent_in_one_turn_leaves_in_one_write() -> None:
    connection, pipe, _, _ = opened()
    await asyncio.sleep(0)
    pipe.written.clear()
    for number in range(3):
        connection.send(b"a.b", b"%d" % number, b"r")
    connection.send(b"c", b"body", b"", b"NATS/1.0\r\n\r\n")
    await asyncio.sleep(0)
    assert pipe.written == [
        b"PUB a.b r 1\r\n0\r\nPUB a.b r 1\r\n1\r\nPUB a.b r 1\r\n2\r\nHPUB c  12 16\r\nNATS/1.0\r\n\r\nbody\r\n"
    ]


async def test_a_sender_waits_while_the_broker_takes_nothing() -> None:
    connection, _, _, _ = opened()
    connection.pause_writing()
    assert connection.full
    assert not await connection.room(0.01)
    asyncio.get_running_loop().call_later(0.01, connection.resume_writing)
    assert await connection.room(5.0)


async def test_pings_fail_with_the_connection_and_at_once_afterwards() -> None:
    connection, _, told, _ = opened()
    waiting = connection.ping()
    connection.connection_lost(OSError("reset"))
    with pytest.raises(ConnectionError):
        await waiting
    with pytest.raises(ConnectionError):
        await connection.ping()
    assert told.said == [("lost", "OSError: reset")]


async def test_nothing_is_told_of_an_end_that_was_asked_for() -> None:
    connection, pipe, told, _ = opened()
    connection.send(b"a.b", b"last")
    await connection.aclose()
    assert told.said == []
    assert b"".join(pipe.written).endswith(b"PUB a.b  4\r\nlast\r\n")
