"""Streams, consumers and kept replies as instances declare them: made once, looked after when the broker came back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.telemetry.logs import get_logger
from crossply.wire.link import ConnectionEvent, StoreUnavailable
from crossply.wire.plans import ConsumerPlan, RepliesPlan, StreamPlan
from crossply_policy import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from crossply.clock import Clock
    from crossply.tasks import Tasks
    from crossply.wire.link import Streams
    from crossply.wire.presence import Hello

MOST_PLANS: Final = 8_192
_MOST_REFUSED: Final = 1_024
_FRESH: Final = 1.0
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
_log = get_logger("registry.provisioning")

Plan: TypeAlias = StreamPlan | ConsumerPlan | RepliesPlan


@dataclass(slots=True)
class Provision:
    """One plan: whether the broker has it, what went wrong last, and when it was seen to be there."""

    plan: Plan
    ready: bool = False
    error: str = ""
    seen: float = float("-inf")


class Provisioning:
    """Owns one worker; a hello only notes what is wanted. ``clock`` is monotonic."""

    def __init__(
        self,
        streams: Streams,
        replicas: int,
        tasks: Tasks,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._streams = streams
        self._replicas = replicas
        self._tasks = tasks
        self._clock = clock
        self._pause = pause
        # A stream comes before its consumers: a hello notes streams first, and dicts keep the order.
        self._provisions: dict[str, Provision] = {}
        self._refused: set[tuple[str, str]] = set()
        self._wanted = asyncio.Event()

    def start(self) -> None:
        """Begin to provide."""
        self._tasks.spawn(self._work(), "provide streams and consumers")

    def declare(self, hello: Hello) -> None:
        """Note what an instance publishes and subscribes to; what is malformed is logged once and left out."""
        for key, plan in self._plans(hello):
            provision = self._provisions.get(key)
            if provision is None:
                if len(self._provisions) >= MOST_PLANS:
                    _log.warning("provision_dropped", plan=key, limit=MOST_PLANS)
                    continue
                provision = self._provisions[key] = Provision(plan)
            if self._clock() - provision.seen > _FRESH:
                # Said again on purpose: an instance repeats its hello when the broker lacks what it needs.
                provision.seen = float("-inf")
                self._wanted.set()

    def connection(self, event: ConnectionEvent) -> None:
        """Look after everything again: the broker that came back may have lost it."""
        if event is ConnectionEvent.RECONNECTED:
            for provision in self._provisions.values():
                provision.seen = float("-inf")
            self._wanted.set()

    def streams(self) -> list[Provision]:
        """Return the streams declared so far."""
        return [one for one in self._provisions.values() if isinstance(one.plan, StreamPlan)]

    def consumers(self) -> list[Provision]:
        """Return the consumers declared so far."""
        return [one for one in self._provisions.values() if isinstance(one.plan, ConsumerPlan)]

    async def provide(self) -> int:
        """Make sure of all that is wanted; return how many are still missing."""
        missing = 0
        for key, provision in list(self._provisions.items()):
            if provision.seen == float("-inf") and not await self._ensure(key, provision):
                missing += 1
        return missing

    async def _ensure(self, key: str, provision: Provision) -> bool:
        try:
            if isinstance(provision.plan, StreamPlan):
                made = await self._streams.ensure_stream(provision.plan)
            elif isinstance(provision.plan, RepliesPlan):
                made = await self._streams.ensure_replies(provision.plan)
            else:
                made = await self._streams.ensure_consumer(provision.plan)
        except StoreUnavailable as error:
            if provision.error != str(error):
                _log.warning("provision_failed", plan=key, reason=str(error))
            provision.ready, provision.error = False, str(error)
            return False
        if made:
            _log.info("provisioned", plan=key)
        provision.ready, provision.error, provision.seen = True, "", self._clock()
        return True

    async def _work(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                missing = await self.provide()
            except Exception as error:  # noqa: BLE001 - one strange answer must not end all provisioning
                _log.error("provisioning_failed", reason=repr(error))
                missing = 1
            if missing:
                await self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                self._wanted.set()
            else:
                pause = _FIRST_PAUSE

    def _plans(self, hello: Hello) -> Iterator[tuple[str, Plan]]:
        if not list(self._valid((hello.service,), names.service, hello)):
            return
        if any(endpoint.kept for endpoint in hello.endpoints):
            yield f"replies/{hello.service}", RepliesPlan(service=hello.service, replicas=self._replicas)
        patterns = list(self._valid(hello.subscriptions, names.pattern, hello))
        families = list(self._valid(hello.publishes, names.service, hello))
        for family in dict.fromkeys([*families, *(pattern.partition(".")[0] for pattern in patterns)]):
            yield f"stream/{family}", StreamPlan(family=family, replicas=self._replicas)
        for pattern in patterns:
            yield (
                f"consumer/{hello.service}/{pattern}",
                ConsumerPlan(service=hello.service, pattern=pattern),
            )

    def _valid(self, texts: tuple[str, ...], check: Callable[[str], str], hello: Hello) -> Iterator[str]:
        for text in texts:
            try:
                yield check(text)
            except names.NameFault as fault:
                self._refuse(hello, str(fault))

    def _refuse(self, hello: Hello, reason: str) -> None:
        """Say it once: an instance repeats its hello for as long as it lives."""
        said = (hello.service, reason)
        if said in self._refused:
            return
        if len(self._refused) >= _MOST_REFUSED:
            self._refused.clear()
        self._refused.add(said)
        _log.warning("declaration_refused", service=hello.service, instance=hello.instance, reason=reason)
