"""Streams and consumers as they are declared, for tests of events that have no registry."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from crossply.names import new_instance
from crossply.tls import TlsFiles
from crossply.wire import connect
from crossply.wire.link import Closable, Link, LinkConfig, StoreUnavailable
from crossply.wire.plans import ConsumerPlan, RepliesPlan, StreamPlan
from crossply.wire.presence import Hello, Presence
from tests.support.broker import Broker


class Provider:
    """Hears every hello and creates what it asks for; ``ack_wait`` in seconds."""

    def __init__(self, broker: Broker, *, ack_wait: float = 30.0, tls: TlsFiles | None = None) -> None:
        self._config = LinkConfig(servers=(broker.url,), service="registry", instance=new_instance(), tls=tls)
        self._ack_wait = ack_wait
        self._wanted: asyncio.Queue[Hello] = asyncio.Queue()
        self.link: Link

    async def ensure(self, *, families: tuple[str, ...] = (), consumers: tuple[tuple[str, str], ...] = ()) -> None:
        """Create streams of families, and consumers of ``(service, pattern)`` with their streams."""
        for family in dict.fromkeys((*families, *(pattern.partition(".")[0] for _, pattern in consumers))):
            await self.link.streams.ensure_stream(StreamPlan(family=family))
        for service, pattern in consumers:
            plan = ConsumerPlan(service=service, pattern=pattern, ack_wait=self._ack_wait)
            await self.link.streams.ensure_consumer(plan)

    async def __aenter__(self) -> Self:
        self.link = await connect(self._config)
        self._watch: Closable = await self.link.watch(None, self._hear)
        await self.link.flush()
        self._work = asyncio.get_running_loop().create_task(self._provide(), name="provide")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        await self._watch.aclose()
        await self.link.aclose()

    def _hear(self, message: Presence) -> None:
        if isinstance(message, Hello):
            self._wanted.put_nowait(message)

    async def _provide(self) -> None:
        while True:
            hello = await self._wanted.get()
            try:
                if any(endpoint.kept for endpoint in hello.endpoints):
                    await self.link.streams.ensure_replies(RepliesPlan(service=hello.service))
                await self.ensure(
                    families=hello.publishes,
                    consumers=tuple((hello.service, pattern) for pattern in hello.subscriptions),
                )
            except StoreUnavailable:
                continue  # it says hello again while something is missing
