"""Events in: one task an event, ack after the handler, delayed redelivery if it fails."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING, Any

import msgspec

from crossply.errors import CallError, Code, Unwelcome
from crossply.handler import FOREIGN, JSON, Kind, Request
from crossply.wire import envelope, message, subjects
from crossply.wire.envelope import EnvelopeFault, NotYetReadable
from crossply.wire.pulling import Pulling

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from crossply.clock import Clock
    from crossply.handler import Handler
    from crossply.tasks import Tasks
    from crossply.wire.mux import Mux
    from crossply.wire.pulling import Event
    from crossply.wire.sealed.events import SealedEvents
    from crossply.wire.senders import Senders
    from crossply.wire.supervisor import Supervisor

_PROGRESS_EVERY = 10.0
_REDELIVERY = (1.0, 5.0, 30.0, 60.0)
_NANOSECONDS = 1_000_000_000
_ACK_V1, _ACK_V2 = 9, 11
_LATER = b'-NAK {"delay": 5000000000}'
_ACK, _GIVE_BACK, _PROGRESS, _TERMINATE = b"+ACK", b"-NAK", b"+WPI", b"+TERM"


class Delivery:
    """One service's consumption of one channel pattern; ``on_missing`` hears that it has no consumer yet."""

    def __init__(  # noqa: PLR0913 - the parts of one consumption
        self,
        service: str,
        pattern: str,
        handler: Handler,
        *,
        concurrency: int,
        broker: Supervisor,
        mux: Mux,
        senders: Senders,
        tasks: Tasks,
        now: Clock,
        report: Callable[[str, BaseException], None],
        on_missing: Callable[[], None],
        sealed: SealedEvents | None = None,
    ) -> None:
        self._sealed = sealed
        self._pattern = pattern
        self._handler = handler
        self._room = asyncio.Semaphore(concurrency)
        self._broker = broker
        self._senders = senders
        self._tasks = tasks
        self._now = now
        self._report = report
        self._pulling = Pulling(
            service,
            pattern,
            batch=concurrency,
            room=self._room,
            broker=broker,
            mux=mux,
            now=now,
            take=self._take,
            on_missing=on_missing,
        )
        self._pull: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self) -> None:
        """Begin to pull."""
        self._pulling.start()
        self._pull = self._tasks.for_ever(self._pulling.pull, f"pull {self._pattern}")

    async def aclose(self) -> None:
        """Pull nothing more and wait for the handlers that run.

        What the last pull still brings is given back at once: another instance gets it without waiting.
        """
        self._closing = True
        if self._pull is not None:
            self._pull.cancel()
            await asyncio.gather(self._pull, return_exceptions=True)
        await self._pulling.aclose()
        if self._running:
            await asyncio.wait(self._running)

    def _take(self, event: Event, held: bool) -> None:  # noqa: FBT001 - a callback
        if self._closing:
            self._spawn(self._settle(event, _GIVE_BACK), "give back")
        else:
            self._spawn(self._deliver(event, held=held), "event")

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = self._tasks.spawn(work, f"{what} {self._pattern}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, event: Event, *, held: bool) -> None:
        channel = event.subject.removeprefix(f"{subjects.EVENTS}.")
        # From now on, as it may have to wait: one that came when its pull had ended has no place of its own.
        progress = self._tasks.for_ever(lambda: self._in_progress(event), f"in progress {self._pattern}")
        try:
            if not held:
                await self._room.acquire()
                held = True
                if self._closing:  # while it waited
                    await self._settle(event, _GIVE_BACK)
                    return
            try:
                request = self._request(event, channel)
            except NotYetReadable as fault:
                self._report(f"{channel}: event cannot be opened yet", fault)
                await self._settle(event, _LATER)
                return
            except EnvelopeFault as fault:
                self._report(f"{channel}: event refused", fault)
                await self._settle(event, _TERMINATE + b" not an event of this protocol")
                return
            response = await self._handler(request)
            progress.cancel()
            await self._settle(
                event, _ACK if response.failure is None else negative(response.failure, request.delivery)
            )
        except asyncio.CancelledError:
            # Stopped before its end: another instance may begin at once.
            await self._settle(event, _GIVE_BACK)
            raise
        finally:
            progress.cancel()
            if held:
                self._room.release()

    def _request(self, event: Event, channel: str) -> Request:
        delivery, sequence, stored = place(event.reply)
        age = max(0.0, time.time() - stored) if stored else 0.0
        if self._sealed is not None and self._sealed.takes(event.data):
            request = self._sealed.open(event.data, channel, stored, self._now())
            request.delivery, request.sequence, request.age = delivery, sequence, age
            return request
        if not envelope.is_envelope(event.data):
            return Request(
                channel,
                event.data,
                JSON,
                Kind.EVENT,
                _foreign_id(event.subject, sequence),
                FOREIGN,
                received=self._now(),
                delivery=delivery,
                sequence=sequence,
                age=age,
            )
        request = message.open_event(event.data, channel, self._senders, self._now())
        request.delivery, request.sequence, request.age = delivery, sequence, age
        return request

    async def _in_progress(self, event: Event) -> None:
        await asyncio.sleep(_PROGRESS_EVERY)
        if self._broker.connected:
            self._broker.send(event.reply.encode(), _PROGRESS)

    async def _settle(self, event: Event, verdict: bytes) -> None:
        if self._broker.connected:
            self._broker.send(event.reply.encode(), verdict)
        else:
            self._tasks.spawn(self._settle_later(event, verdict), f"verdict {self._pattern}")

    async def _settle_later(self, event: Event, verdict: bytes) -> None:
        # The consumer outlives its broker: told after an outage, it does not deliver again what was handled.
        await self._broker.connection()
        self._broker.send(event.reply.encode(), verdict)


def negative(failure: CallError, delivery: int) -> bytes:
    """Return what the broker is told of a failure: a bare negative ack redelivers at once, so the delay grows."""
    if isinstance(failure, Unwelcome) and delivery >= failure.deliveries:
        return _TERMINATE + b" its publisher may not publish it"
    delay = failure.retry_after or _REDELIVERY[min(delivery, len(_REDELIVERY)) - 1]
    if failure.code is Code.UNAVAILABLE:
        delay = _REDELIVERY[0]
    return b"-NAK " + msgspec.json.encode({"delay": round(delay * _NANOSECONDS)})


def _foreign_id(subject: str, sequence: int) -> bytes:
    """Return an id for an event that brought none: the same in every delivery."""
    return hashlib.blake2b(f"{subject}/{sequence}".encode(), digest_size=16).digest()


def place(ack: str) -> tuple[int, int, float]:
    """Return delivery count, stream sequence and unix seconds of storing from an ack subject, old form or new."""
    tokens = ack.split(".")
    at = 4 if len(tokens) == _ACK_V1 else 6
    if len(tokens) != _ACK_V1 and len(tokens) < _ACK_V2:
        return 1, 0, 0.0
    try:
        return int(tokens[at]), int(tokens[at + 1]), int(tokens[at + 3]) / _NANOSECONDS
    except (ValueError, OverflowError):
        return 1, 0, 0.0
