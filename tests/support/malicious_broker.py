"""Whoever runs the broker: has its certificate, and stands between its members and a broker that does as it should."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from crossply.identity.issued import show, trusting
from crossply.identity.kept import Kept
from tests.support import nats_frames
from tests.support.closed_mesh import Closed
from tests.support.nats_frames import Delivered, Said

Delivery = tuple["Session", Delivered]


class Malice(Protocol):
    """What is done to what a broker was about to deliver."""

    def __call__(self, to: Session, message: Delivered, /) -> Iterable[Delivery]:
        """Return what is delivered instead, in this order."""
        ...


class Old(Protocol):
    """What is answered from an old state of the store."""

    def answer(self, said: Said, /) -> Delivered | None:
        """Return the answer to a question for the store, as for the subscription ``""``; ``None``: ask the store."""
        ...


class Session:
    """One client's connection; ``subjects`` are its subscriptions by their sid."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.service = self.instance = ""
        self.subjects: dict[str, str] = {}
        self.open = True
        self._writer = writer

    def sid(self, subject: str) -> str | None:
        """Return the subscription that a message on a subject goes to."""
        for sid, pattern in self.subjects.items():
            ends = pattern.rstrip("*>")
            if subject == pattern or (ends != pattern and subject.startswith(ends)):
                return sid
        return None

    def send(self, frame: bytes) -> None:
        """Say something to the client."""
        if self.open:
            self._writer.write(frame)

    def cut(self) -> None:
        """End the connection."""
        self.open = False
        self._writer.transport.abort()

    def read(self, line: bytes) -> None:
        """Note who connects, and what it listens to."""
        verb, *words = line.decode().split()
        match verb.upper():
            case "CONNECT":
                name = str(msgspec.json.decode(line.partition(b" ")[2])["name"]).split()[0]
                self.service, _, self.instance = name.partition("/")
            case "SUB":
                self.subjects[words[-1]] = words[0]
            case "UNSUB" if len(words) == 1:
                self.subjects.pop(words[0], None)
            case _:
                pass


class MaliciousBroker:
    """Between the members of a mesh and its broker; honest until ``malice`` or ``old`` is given.

    To the broker it shows each member's own certificate, as if it were the member: the broker that it stands for has
    let that member in.
    """

    def __init__(self, mesh: Closed) -> None:
        self._mesh = mesh
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.malice: Malice | None = None
        self.old: Old | None = None
        self.sessions: list[Session] = []
        self.heard: list[Said] = []
        self.delivered: list[Delivery] = []

    @property
    def url(self) -> str:
        """Return where members connect."""
        assert self._server is not None
        return f"tls://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def session(self, service: str, instance: str = "") -> Session:
        """Return the newest open connection of a service, or of one of its instances."""
        return [
            each for each in self.sessions if each.open and each.service == service and instance in {"", each.instance}
        ][-1]

    def inject(self, session: Session, subject: str, reply: str, data: bytes) -> None:
        """Deliver a message that nobody published now, to whatever of a client listens on its subject."""
        sid = session.sid(subject)
        assert sid is not None
        session.send(Delivered(subject, sid, reply, b"", data).packed())

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        session = Session(writer)
        try:
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._between(session, reader, writer)
        finally:
            session.cut()
            self._tasks.discard(task)

    async def _between(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self._mesh.broker.port)
        try:
            writer.write(await from_broker.readline())
            await writer.start_tls(self._own())
            await to_broker.start_tls(self._as(writer), server_hostname="127.0.0.1")
            self.sessions.append(session)
            async with asyncio.TaskGroup() as both:
                up = both.create_task(self._from_client(session, reader, to_broker))
                down = both.create_task(self._from_broker(session, from_broker, to_broker))
                await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
                down.cancel()
        finally:
            to_broker.transport.abort()

    async def _from_client(self, session: Session, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while (frame := await nats_frames.read(reader)) is not None:
            if isinstance(frame, Said):
                self.heard.append(frame)
                answer = None if self.old is None else self.old.answer(frame)
                if answer is not None:
                    sid = session.sid(answer.subject)
                    session.send(Delivered(answer.subject, sid or "0", "", answer.headers, answer.data).packed())
                    continue
                to.write(frame.packed())
            elif isinstance(frame, bytes):
                session.read(frame)
                to.write(frame)
            await to.drain()

    async def _from_broker(self, session: Session, reader: asyncio.StreamReader, _to: asyncio.StreamWriter) -> None:
        while (frame := await nats_frames.read(reader)) is not None:
            if isinstance(frame, Delivered):
                self._deliver(session, frame)
            elif isinstance(frame, bytes):
                session.send(frame)

    def _deliver(self, session: Session, message: Delivered) -> None:
        self.delivered.append((session, message))
        deliveries = [(session, message)] if self.malice is None else self.malice(session, message)
        for to, each in deliveries:
            to.send(each.packed())

    def _own(self) -> ssl.SSLContext:
        files = self._mesh.out / "broker"
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files / "ca.pem")
        context.load_cert_chain(files / "tls.pem", files / "tls.key")
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _as(self, writer: asyncio.StreamWriter) -> ssl.SSLContext:
        """Return what to show to the broker: what the client has just shown here."""
        shown: dict[str, Any] = writer.get_extra_info("peercert")
        instance = next(value for parts in shown["subject"] for name, value in parts if name == "serialNumber")
        for path in self._mesh.state.rglob("*.identity"):
            held = Kept(path.parent, path.stem, None).load()
            if held is not None and held.issued.instance == instance:
                return _context(self._mesh.out / "broker" / "ca.pem", held)
        raise ConnectionError(f"nobody keeps the identity of {instance}")


def _context(root: Path, held: Any) -> ssl.SSLContext:
    context = trusting(root)
    show(context, held.issued, held.keys)
    return context
