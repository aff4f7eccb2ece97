"""Events in: pulls from a durable consumer, one task an event, ack after the handler, delayed redelivery if it fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from crossply.errors import CallError, Code
from crossply.handler import FOREIGN, JSON, Kind, Request
from crossply.names import new_id
from crossply.wire import envelope, message, subjects
from crossply.wire.envelope import EnvelopeFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from crossply.clock import Clock
    from crossply.handler import Handler
    from crossply.tasks import Tasks
    from crossply.wire.client import MeshClient
    from crossply.wire.message import Senders
    from crossply.wire.mux import Mux

_PULL_EXPIRES, _PULL_HEARTBEAT = 30.0, 5.0
_MISSING_PAUSE = 0.5
_PROGRESS_EVERY = 10.0
_REDELIVERY = (1.0, 5.0, 30.0, 60.0)
_NANOSECONDS = 1_000_000_000
_ACK_V1, _ACK_V2 = 9, 11
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
        client: MeshClient,
        mux: Mux,
        senders: Senders,
        tasks: Tasks,
        now: Clock,
        connected: asyncio.Event,
        report: Callable[[str, BaseException], None],
        on_missing: Callable[[], None],
    ) -> None:
        self._pattern = pattern
        self._consumer = subjects.durable(service, pattern)
        self._stream = subjects.stream(pattern.partition(".")[0])
        self._handler = handler
        self._free = asyncio.Semaphore(concurrency)
        self._batch = concurrency
        self._client = client
        self._mux = mux
        self._senders = senders
        self._tasks = tasks
        self._now = now
        self._connected = connected
        self._report = report
        self._on_missing = on_missing
        self._running: set[asyncio.Task[None]] = set()
        self._closing = False
        self._pulling = tasks.spawn(self._pull_for_ever(), f"pull {pattern}")

    async def aclose(self) -> None:
        """Pull nothing more and wait for the handlers that run.

        What the last pull still brings is given back at once, so that another instance gets it without waiting.
        """
        self._closing = True
        self._pulling.cancel()
        await asyncio.gather(self._pulling, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running)

    async def _pull_for_ever(self) -> None:
        while True:
            await self._connected.wait()
            if not await self._pull_once():
                self._on_missing()
                await asyncio.sleep(_MISSING_PAUSE)

    async def _pull_once(self) -> bool:
        """Pull as many as there is room for; return False when there is no consumer to pull from."""
        await self._free.acquire()
        room = 1
        while room < self._batch and not self._free.locked():
            await self._free.acquire()
            room += 1
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        token = self._mux.listen(lambda msg: self._give_back(msg) if self._closing else arrived.put_nowait(msg))
        taken = 0
        try:
            await self._client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}",
                msgspec.json.encode(
                    {
                        "batch": room,
                        "expires": round(_PULL_EXPIRES * _NANOSECONDS),
                        "idle_heartbeat": round(_PULL_HEARTBEAT * _NANOSECONDS),
                    }
                ),
                reply=self._mux.prefix + token,
            )
            while taken < room:
                try:
                    msg = await asyncio.wait_for(arrived.get(), _PULL_HEARTBEAT * 2.5)
                except TimeoutError:
                    return True
                status = (msg.headers or {}).get("Status")
                if status is None or msg.data:
                    taken += 1
                    self._start(msg)
                elif status == "100":
                    continue
                else:
                    return status not in {"503", "404"} or taken > 0
            return True
        finally:
            if not self._closing:
                self._mux.close(token)
            for _ in range(room - taken):
                self._free.release()
            while not arrived.empty():
                # Came while this pull ended: run it, the consumer counts it as delivered.
                msg = arrived.get_nowait()
                if (msg.headers or {}).get("Status") is None:
                    self._start(msg, held=False)

    def _give_back(self, msg: Msg) -> None:
        if (msg.headers or {}).get("Status") is None:
            self._tasks.spawn(self._settle(msg, _GIVE_BACK), f"give back {self._pattern}")

    def _start(self, msg: Msg, *, held: bool = True) -> None:
        task = self._tasks.spawn(self._deliver(msg, held=held), f"event {self._pattern}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, msg: Msg, *, held: bool) -> None:
        try:
            channel = msg.subject.removeprefix(f"{subjects.EVENTS}.")
            try:
                request = self._request(msg, channel)
            except EnvelopeFault as fault:
                self._report(f"{channel}: event refused", fault)
                await self._settle(msg, _TERMINATE + b" not an event of this protocol")
                return
            progress = asyncio.get_running_loop().create_task(self._in_progress(msg), name="in progress")
            try:
                response = await self._handler(request)
            finally:
                progress.cancel()
            await self._settle(msg, _ACK if response.failure is None else _negative(response.failure, request.delivery))
        finally:
            if held:
                self._free.release()

    def _request(self, msg: Msg, channel: str) -> Request:
        delivery, sequence = _place(msg.reply)
        if not envelope.is_envelope(msg.data):
            return Request(
                channel, msg.data, JSON, Kind.EVENT, new_id(), FOREIGN, received=self._now(), delivery=delivery, sequence=sequence
            )
        opened = envelope.unpack(msg.data)
        if opened.kind is not Kind.EVENT or opened.text(envelope.OPERATION) != channel:
            raise EnvelopeFault("message is not an event of the channel it lies in")
        request = message.unpack_request(opened, channel, self._senders.peer(opened), self._now())
        request.delivery, request.sequence = delivery, sequence
        return request

    async def _in_progress(self, msg: Msg) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_EVERY)
            await self._settle(msg, _PROGRESS)

    async def _settle(self, msg: Msg, verdict: bytes) -> None:
        if self._client.is_connected:
            await self._client.publish(msg.reply, verdict)


def _negative(failure: CallError, delivery: int) -> bytes:
    """A bare negative ack redelivers at once; the delay grows with each delivery."""
    delay = failure.retry_after or _REDELIVERY[min(delivery, len(_REDELIVERY)) - 1]
    if failure.code is Code.UNAVAILABLE:
        delay = _REDELIVERY[0]
    return b"-NAK " + msgspec.json.encode({"delay": round(delay * _NANOSECONDS)})


def _place(ack: str) -> tuple[int, int]:
    """Return delivery count and stream sequence from an ack subject, in its old and its new form."""
    tokens = ack.split(".")
    at = 4 if len(tokens) == _ACK_V1 else 6
    if len(tokens) != _ACK_V1 and len(tokens) < _ACK_V2:
        return 1, 0
    return int(tokens[at]), int(tokens[at + 1])
