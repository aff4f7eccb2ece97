"""Calls out: one attempt, one reply, by the deadline; the terminal handler of the outbound stack."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from crossply.errors import CallError, DeadlineExceeded, Executed, Origin, PayloadTooLarge, Unavailable
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.wire import envelope, message, subjects
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.link import Pong

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from crossply.clock import Clock
    from crossply.wire.client import MeshClient
    from crossply.wire.message import Sender, Senders
    from crossply.wire.mux import Attempt, Mux

_FOREVER = 3600.0
_SOON = 0.005


class Caller:
    """Sends attempts over a client and waits for their replies in the mux."""

    def __init__(
        self,
        client: MeshClient,
        mux: Mux,
        sender: Sender,
        senders: Senders,
        connected: asyncio.Event,
        now: Clock,
    ) -> None:
        self._client = client
        self._mux = mux
        self._sender = sender
        self._senders = senders
        self._connected = connected
        self._now = now

    async def ready(self, what: str, deadline: float) -> None:
        """Wait for the connection until the deadline; nothing is buffered while there is none."""
        if self._connected.is_set() and self._client.is_connected:
            return
        try:
            async with asyncio.timeout(min(_FOREVER, max(0.0, deadline - self._now()))):
                await self._connected.wait()
                while not self._client.is_connected:
                    # The client knows that the connection is lost a moment before it says so.
                    await asyncio.sleep(_SOON)
                    await self._connected.wait()
        except TimeoutError:
            raise Unavailable(
                f"{what}: not connected to the broker, and it did not come back in time", origin=Origin.WIRE
            ) from None

    async def call(self, request: Request) -> Response:
        """Send one attempt and return its reply."""
        await self.ready(request.operation, request.deadline)
        reply = await self._exchange(request, request.operation)
        try:
            opened = envelope.unpack(reply.data)
            return message.unpack_response(opened, request, self._senders.peer(opened))
        except EnvelopeFault as fault:
            raise message.integrity(request.operation, fault) from fault

    async def _exchange(self, request: Request, operation: str) -> Msg:
        now = self._now()
        if request.deadline <= now:
            raise DeadlineExceeded(
                f"{operation}: deadline passed before the request was sent",
                executed=Executed.NO,
                origin=Origin.LOCAL,
            )
        service, endpoint = request.service, request.endpoint
        instance = request.instance
        subject = (
            subjects.any_instance(service, endpoint)
            if instance is None
            else subjects.one_instance(service, instance, endpoint)
        )
        # A ping is not an attempt: it is not pinged about in its turn.
        token, attempt = self._mux.open(operation, None if request.kind is Kind.PING else instance)
        inbox = self._mux.prefix + token
        try:
            payload = message.pack_request(self._sender, request, reply=inbox, now=now)
            if len(payload) > self._client.max_payload:
                raise PayloadTooLarge(
                    f"{operation}: message of {len(payload)} bytes is above the broker's limit of"
                    f" {self._client.max_payload}; raise its max_payload or send less"
                )
            await self._client.room(min(_FOREVER, request.deadline - now), operation)
            await self._client.publish(subject, payload, reply=inbox)
            return await self._reply(attempt, request.deadline)
        finally:
            self._mux.close(token)

    async def _reply(self, attempt: Attempt, deadline: float) -> Msg:
        future = attempt.reply
        if math.isinf(deadline):
            return await future
        loop = asyncio.get_running_loop()
        timer = loop.call_later(max(0.0, deadline - self._now()), _expire, attempt)
        try:
            return await future
        finally:
            timer.cancel()

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        """Ask an instance whether it lives, on the subject its attempts go to."""
        if not self._client.is_connected:
            return Pong.SILENT
        request = Request(operation, kind=Kind.PING, id=new_id(), instance=instance, deadline=self._now() + timeout)
        try:
            await self._exchange(request, f"ping {operation}")
        except Unavailable:
            return Pong.GONE
        except CallError:
            return Pong.SILENT
        return Pong.ALIVE


def _expire(attempt: Attempt) -> None:
    if not attempt.reply.done():
        attempt.reply.set_exception(
            DeadlineExceeded(
                f"{attempt.operation}: no reply in time from {attempt.instance or 'the queue group'}",
                origin=Origin.WIRE,
            )
        )
