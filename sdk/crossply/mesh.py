"""Mesh: what a service imports to declare endpoints and event handlers, to call, to publish, and to run."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from crossply import codec
from crossply.config import MeshConfig
from crossply.declared import Declared
from crossply.errors import ConfigError, Executed, IntegrityFailed, InvalidArgument
from crossply.handler import BYTES, Facts, Kind, Request
from crossply.lifecycle import Lifecycle
from crossply.names import new_id
from crossply.running import PUBLISH_WITHIN, Running
from crossply.telemetry.given import Given
from crossply.wire import connect as connect_nats
from crossply.wire.presence import Hello
from crossply_policy import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crossply.handler import Handler, Layer
    from crossply.telemetry.given import GivenExporters
    from crossply.wire.link import Connect, Link

T = TypeVar("T")
F = TypeVar("F", bound="Callable[..., Any]")

_ID = 16


class Mesh:
    """One service, or one caller, in the mesh.

    ``config`` may be given whole; otherwise it is read from ``environ`` (``os.environ``): the CROSSPLY_* variables
    of docs/configuration.md, or the mesh that ``crossply up`` runs in this folder or above it. ``kind`` tells a
    ``service`` from a ``bridge`` and from a mere ``client``. ``exporters`` of the OpenTelemetry SDK get the spans,
    and its metric readers the metrics, until the mesh stops; a function makes them for each start. Raises
    ``ConfigError`` with every fault at once.
    """

    def __init__(
        self,
        service: str,
        *,
        version: str = "0.0.0",
        description: str = "",
        kind: str = "service",
        config: MeshConfig | None = None,
        environ: Mapping[str, str] | None = None,
        connect: Connect = connect_nats,
        exporters: GivenExporters = (),
    ) -> None:
        self._declared = Declared(service)
        self._hello = Hello(service, "", version, kind, description=description)
        self._config = config
        self._environ = environ
        self._connect = connect
        self._exporters = Given(exporters)
        self._life = Lifecycle(service, self._make)

    @property
    def service(self) -> str:
        """The name of this service."""
        return self._declared.service

    @property
    def config(self) -> MeshConfig:
        """This process's configuration, read on first use."""
        if self._config is None:
            self._config = MeshConfig.from_mapping(os.environ if self._environ is None else self._environ)
        return self._config

    @property
    def running(self) -> Running:
        """What runs between start and stop; raise ``MeshError`` before and after."""
        return self._life.running

    @property
    def instance(self) -> str:
        """This instance's id while it runs."""
        return self.running.instance

    @property
    def link(self) -> Link:
        """The connection while it runs."""
        return self.running.link

    @overload
    def endpoint(
        self, function: F, /, *, name: str | None = None, idempotent: bool = False, idempotency: str = ""
    ) -> F: ...
    @overload
    def endpoint(
        self, function: None = None, /, *, name: str | None = None, idempotent: bool = False, idempotency: str = ""
    ) -> Callable[[F], F]: ...
    def endpoint(
        self, function: F | None = None, /, *, name: str | None = None, idempotent: bool = False, idempotency: str = ""
    ) -> F | Callable[[F], F]:
        """Serve a function as ``<service>.<name>``; the name is the function's, with ``-`` for ``_``.

        Its annotations validate what callers send; a plain ``def`` runs in a thread. ``idempotent`` says that callers
        may try again. ``idempotency="kv"`` makes it so: a call's first reply is kept, and answers its repetitions.
        """
        if function is not None:
            return self._declared.endpoint(function, name, idempotent=idempotent, idempotency=idempotency)
        return lambda given: self._declared.endpoint(given, name, idempotent=idempotent, idempotency=idempotency)

    def on(self, pattern: str, *, concurrency: int = 16) -> Callable[[F], F]:
        """Handle the events of a channel, or of a pattern with ``*`` and ``>``: durable, at least once, one a service.

        Returning acknowledges the event; raising has it delivered again after a delay. At most ``concurrency``
        events run at a time in one instance.
        """
        if not isinstance(pattern, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # @mesh.on without parentheses
            raise ConfigError(['write @mesh.on("family.name"): it takes the channel, or a pattern of channels'])
        return lambda given: self._declared.on(given, pattern, concurrency=concurrency)

    def serve_handler(self, name: str, handler: Handler, *, facts: Facts | None = None) -> None:
        """Serve a handler of raw requests as an endpoint; bridges do."""
        self._declared.handler(name, handler, facts or Facts())

    def add_layer(self, layer: Layer, *, around: Literal["call", "attempt"]) -> None:
        """Wrap every call out, or each of its attempts, in a layer of your own, from the next start on."""
        self._declared.layer(layer, around)

    def outbound(self, operation: str) -> Handler:
        """Return the handler of raw calls to ``operation``; raise ``InvalidArgument`` for a bad name."""
        try:
            handler = self.running.routes.outbound(operation)
        except names.NameFault as fault:
            raise InvalidArgument(str(fault), details=[("", str(fault))]) from fault
        return handler

    def publishing(self, channel: str) -> Handler:
        """Return the handler of raw events to ``channel``; raise ``InvalidArgument`` for a bad name."""
        try:
            return self.running.publishing.to(channel)
        except names.NameFault as fault:
            raise InvalidArgument(str(fault), details=[("", str(fault))]) from fault

    @overload
    async def call(
        self,
        operation: str,
        payload: object = None,
        *,
        returns: type[T],
        timeout: float | None = None,
        key: str | None = None,
        metadata: dict[str, str] | None = None,
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
    ) -> T: ...
    @overload
    async def call(
        self,
        operation: str,
        payload: object = None,
        *,
        returns: Any = None,
        timeout: float | None = None,
        key: str | None = None,
        metadata: dict[str, str] | None = None,
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Any: ...
    async def call(
        self,
        operation: str,
        payload: object = None,
        *,
        returns: Any = None,
        timeout: float | None = None,
        key: str | None = None,
        metadata: dict[str, str] | None = None,
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Call ``service.endpoint`` and return its result, decoded as ``returns`` when that is given.

        ``timeout`` is in seconds, for all attempts together; the policy's total and the deadline of the call being
        served bound it as well. Raises ``CallError``: its ``code`` says what went wrong, its ``executed`` whether
        the endpoint ran; a reply that is not of the type ``returns`` is ``integrity_failed``.
        """
        running = self._life.running
        known = running.called.get((operation, returns))
        handler, decoder = known or running.calls(operation, returns, self.outbound(operation))
        body, content_type = codec.encode(payload)
        request = Request(
            operation,
            body,
            content_type,
            id=new_id(),
            key=key,
            metadata=metadata,
            idempotent=idempotent,
            idempotency_key=idempotency_key,
        )
        if timeout is not None:
            if math.isnan(timeout):
                raise InvalidArgument(f"{operation}: timeout is not a number of seconds", details=[("", "timeout")])
            request.deadline = running.now() + timeout
        response = await handler(request)
        if returns is None and not response.body:
            return b"" if response.content_type == BYTES else None
        try:
            return decoder.decode(response.body, response.content_type)
        except InvalidArgument as fault:
            # Not the callee's word that the request was wrong: it ran, and answered something else.
            raise IntegrityFailed(fault.message, executed=Executed.YES, details=fault.details) from fault

    async def publish(
        self,
        channel: str,
        payload: object = None,
        *,
        timeout: float = PUBLISH_WITHIN,
        key: str | None = None,
        metadata: dict[str, str] | None = None,
        id: bytes | None = None,  # noqa: A002 - the field's name
    ) -> None:
        """Publish an event; return when the broker has stored it, raise ``CallError`` when it has not in time.

        The same bytes are sent again until ``timeout`` seconds have passed. ``id`` (16 bytes) names the event: one
        that was published under it within the stream's duplicate window is not stored twice.
        """
        handler = self.publishing(channel)
        if id is not None and len(id) != _ID:
            raise InvalidArgument(f"{channel}: an event's id has {_ID} bytes, not {len(id)}", details=[("", "id")])
        body, content_type = codec.encode(payload)
        request = Request(channel, body, content_type, Kind.EVENT, id or new_id(), key=key, metadata=metadata)
        # Whoever chooses an id may come back with it.
        request.idempotent = id is not None
        request.deadline = self.running.now() + timeout
        await handler(request)

    async def start(self) -> None:
        """Connect, serve what was declared, and be known; raise ``Unavailable`` when no broker answers in time."""
        await self._life.start()

    async def stop(self) -> None:
        """Drain and close: no call and no event that was taken is lost. It goes on although its caller gives up.

        A handler cannot wait for it, since it waits for the handlers; that raises ``MeshError``.
        """
        await self._life.stop()

    def _make(self) -> Running:
        return Running(self._declared, self._hello, self.config, self._connect, self._exporters())

    def connect_with(self, connect: Connect) -> None:
        """Open connections with ``connect`` from the next start on; ``crossply.testing`` does, for unit tests."""
        self._connect = connect

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def withdraw(self) -> None:
        """Leave the mesh without closing: bye, nothing new, what was taken is finished."""
        await self.running.withdraw()

    async def rejoin(self) -> None:
        """Come back after ``withdraw``."""
        await self.running.rejoin()

    def status(self) -> dict[str, object]:
        """Return what this instance says of itself."""
        running = self.running
        snapshot = running.routes.snapshot
        return {
            "service": self.service,
            "instance": running.instance,
            "connected": running.link.connected,
            "generation": snapshot.generation,
            "revision": snapshot.revision,
            "endpoints": sorted(self._declared.facts()),
            "in_flight": running.held,
            "draining": running.draining,
            "audit": {"waiting": running.audit.waiting, "dropped": running.audit.dropped},
            "callees": running.routes.held.status(),
        }

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then drain; exit 64 for bad configuration, 69 when no broker answers."""
        from crossply.program import run

        run(self)
