"""The brokers' own account: who is connected to any of them, and the end of a connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from crossply.clock import chance_of_loop, of_loop
from crossply.errors import CallError, Unavailable
from crossply.telemetry.logs import get_logger
from crossply.wire import subjects
from crossply.wire.dial import dial
from crossply.wire.link import ConnectionEvent
from crossply.wire.mux import Mux
from crossply.wire.supervisor import Supervisor

if TYPE_CHECKING:
    from crossply.wire.link import LinkConfig

T = TypeVar("T")

_PAGE: Final = 256
_FIRST, _NEXT = 1.0, 0.1
"""Seconds to wait for the first broker's answer, and for another after each: nobody knows how many there are."""
_KICK_WITHIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Connected:
    """One connection: its broker's id, its number there, seconds since it began, who it is, and what it calls itself.

    ``subject`` maps attribute types to values, such as ``OU`` to the service; it is empty without a certificate.
    """

    broker: str
    number: int
    age: float
    subject: dict[str, str]
    name: str = ""


class _Certificate(msgspec.Struct, frozen=True):
    subject: str = ""


class _Connection(msgspec.Struct, frozen=True):
    cid: int
    start: datetime
    name: str = ""
    tls_peer_certs: tuple[_Certificate, ...] = ()


class _Page(msgspec.Struct, frozen=True):
    now: datetime
    total: int
    connections: tuple[_Connection, ...] = ()


class _Broker(msgspec.Struct, frozen=True):
    id: str


class _Answer(msgspec.Struct, frozen=True):
    """What a broker says of its connections."""

    server: _Broker
    data: _Page


class _Done(msgspec.Struct, frozen=True):
    error: dict[str, Any] | None = None


class System(Protocol):
    """What an authority does to brokers."""

    async def connections(self) -> list[Connected]:
        """Return the connections to all brokers that answer; raise ``Unavailable`` when none does."""
        ...

    async def end(self, connection: Connected) -> bool:
        """End one; return whether it was there and has ended."""
        ...

    async def aclose(self) -> None:
        """Leave."""
        ...


class SystemOnWire:
    """Asks and tells brokers over a connection to their own account; ``connect`` opens it."""

    def __init__(self, config: LinkConfig) -> None:
        self._now = of_loop()
        self._log = get_logger("wire").bind(service=config.service, instance=config.instance)
        self._mux = Mux(subjects.inbox(config.service, config.instance), self._now)
        self._broker = Supervisor(
            config, dial, self._now, chance_of_loop(), on_event=self._happened, report=self._report
        )

    @classmethod
    async def connect(cls, config: LinkConfig) -> SystemOnWire:
        """Return it, connected; raise ``Unavailable`` when no broker takes it in time."""
        made = cls(config)
        made._broker.listen(made._mux.prefix + b"*", made._mux.take)
        await made._broker.open()
        return made

    async def connections(self) -> list[Connected]:
        """Ask every broker, page by page."""
        found: list[Connected] = []
        for broker, first in (await self._first_pages()).items():
            found += _read(broker, first)
            for offset in range(_PAGE, first.total, _PAGE):
                raw = await self._ask(subjects.brokers_connections(broker), _query(offset))
                found += _read(broker, _decoded(raw, _Answer).data)
        return found

    async def end(self, connection: Connected) -> bool:
        """Kick it."""
        try:
            subject = subjects.end_of_connection(connection.broker)
            raw = await self._ask(subject, msgspec.json.encode({"cid": connection.number}))
            return _decoded(raw, _Done).error is None
        except CallError:
            return False

    async def aclose(self) -> None:
        """Leave."""
        await self._broker.aclose()
        self._mux.close_all()

    async def _first_pages(self) -> dict[str, _Page]:
        """Return what each broker that answers says first, by its id."""
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        token = self._mux.listen(lambda _subject, data, _headers: answers.put_nowait(data))
        found: dict[str, _Page] = {}
        try:
            self._broker.send(subjects.EVERY_BROKERS_CONNECTIONS.encode(), _query(0), self._mux.prefix + token)
            while True:
                async with asyncio.timeout(_NEXT if found else _FIRST):
                    said = _decoded(await answers.get(), _Answer)
                found[said.server.id] = said.data
        except TimeoutError:
            if not found:
                raise Unavailable("no broker says who is connected: is this its system account?") from None
            return found
        finally:
            self._mux.unlisten(token)

    async def _ask(self, subject: str, body: bytes) -> bytes:
        now = self._now()
        token, attempt = self._mux.open(subject, None, now, now + _KICK_WITHIN)
        try:
            self._broker.send(subject.encode(), body, self._mux.prefix + token)
            return (await attempt.reply)[0]
        finally:
            self._mux.close(token, attempt)

    def _happened(self, event: ConnectionEvent) -> None:
        self._log.info("system_connection", event_=event.value)

    def _report(self, what: str, error: BaseException) -> None:
        self._log.warning("wire_fault", what=what, error=str(error) or type(error).__name__)


def _decoded(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise Unavailable(f"a broker answers something else than its connections: {error}") from error


def _query(offset: int) -> bytes:
    return msgspec.json.encode({"auth": True, "limit": _PAGE, "offset": offset})


def _read(broker: str, said: _Page) -> list[Connected]:
    return [
        Connected(broker, each.cid, (said.now - each.start).total_seconds(), _subject(each), each.name)
        for each in said.connections
    ]


def _subject(connection: _Connection) -> dict[str, str]:
    """Return the parts of a name that an authority of ours wrote: no value has a comma or an equals sign."""
    leaf = next(iter(connection.tls_peer_certs), None)
    parts = (part.partition("=") for part in (leaf.subject.split(",") if leaf is not None else ()))
    return {name: value for name, equals, value in parts if equals}
