"""Calls in: from a message to a request, through the handler, to a reply on the caller's inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import CallError, EndpointFailed, NotFound, PayloadTooLarge
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.wire import envelope, foreign, message, subjects
from crossply.wire.envelope import Envelope, EnvelopeFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from crossply.clock import Clock
    from crossply.handler import Handler
    from crossply.tasks import Tasks
    from crossply.wire.client import Listening, MeshClient
    from crossply.wire.link import LinkConfig
    from crossply.wire.message import Sender, Senders


class Server:
    """Takes calls for one service at one instance and answers them; one task a call."""

    def __init__(
        self,
        config: LinkConfig,
        client: MeshClient,
        sender: Sender,
        senders: Senders,
        tasks: Tasks,
        now: Clock,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._config = config
        self._client = client
        self._sender = sender
        self._senders = senders
        self._tasks = tasks
        self._now = now
        self._report = report
        self._handlers: dict[str, Handler] = {}
        self._own: Listening | None = None

    async def serve(self, endpoint: str, handler: Handler) -> Serving:
        """Join the service's queue group for an endpoint, and take what addresses this instance."""
        service, instance = self._config.service, self._config.instance
        self._handlers[endpoint] = handler
        if self._own is None:
            self._own = await self._client.listen(
                subjects.own_instance(service, instance), self._take, queue=subjects.instance_group(instance)
            )
        group = await self._client.listen(subjects.any_instance(service, endpoint), self._take, queue=service)
        return Serving(group)

    async def retire(self) -> None:
        """Listen no more on the instance's own subject, where pings ask after the calls that still run."""
        if self._own is not None:
            own, self._own = self._own, None
            await own.aclose()
            self._handlers.clear()

    async def _take(self, msg: Msg) -> None:
        received = self._now()
        endpoint = msg.subject.rpartition(".")[2]
        operation = f"{self._config.service}.{endpoint}"
        if not msg.reply:
            return
        if not envelope.is_envelope(msg.data):
            request = foreign.request(operation, msg.data, msg.headers, id=new_id(), now=received)
            self._tasks.spawn(self._answer_foreign(endpoint, request, msg.reply), operation)
            return
        try:
            opened = envelope.unpack(msg.data)
            self._check(opened, endpoint, msg.reply)
            peer = self._senders.peer(opened)
            if not msg.reply.startswith(subjects.inbox(peer.service, peer.instance)):
                raise EnvelopeFault(f"reply subject is not the inbox of {peer.service}/{peer.instance}")  # noqa: TRY301
            request = message.unpack_request(opened, operation, peer, received)
        except EnvelopeFault as fault:
            self._report(f"{operation}: message refused", fault)
            return
        if opened.kind is Kind.PING:
            await self._pong(opened, msg.reply)
        elif opened.kind is Kind.REQUEST:
            self._tasks.spawn(self._answer(endpoint, request, opened, msg.reply), operation)

    @staticmethod
    def _check(opened: Envelope, endpoint: str, reply: str) -> None:
        if opened.text(envelope.OPERATION) != endpoint:
            raise EnvelopeFault("message names another endpoint than its subject")
        if opened.text(envelope.REPLY_SUBJECT) != reply:
            raise EnvelopeFault("message names another reply subject than it came with")

    async def _pong(self, opened: Envelope, reply: str) -> None:
        answer = self._sender.stamp(Kind.PONG, new_id(), 0)
        answer.tlvs[envelope.IN_REPLY_TO] = opened.mid
        await self._client.publish(reply, envelope.pack(answer))

    async def _answer(self, endpoint: str, request: Request, opened: Envelope, reply: str) -> None:
        response = await self._handle(endpoint, request)
        try:
            payload = message.pack_response(self._sender, opened, response, new_id())
            self._check_size(len(payload))
        except CallError as error:
            payload = message.pack_response(
                self._sender, opened, Response(failure=_too_large(request, error)), new_id()
            )
        if self._client.is_connected:
            await self._client.publish(reply, payload)

    async def _answer_foreign(self, endpoint: str, request: Request, reply: str) -> None:
        response = await self._handle(endpoint, request)
        try:
            self._check_size(len(response.body) + message.MAX_HEAD)
        except CallError as error:
            response = Response(failure=_too_large(request, error))
        payload, headers = foreign.reply(response)
        if self._client.is_connected:
            await self._client.publish(reply, payload, headers=headers)

    def _check_size(self, size: int) -> None:
        if size > self._client.max_payload:
            raise PayloadTooLarge(
                f"{size} bytes are above the broker's limit of {self._client.max_payload};"
                " raise its max_payload, or send less"
            )

    async def _handle(self, endpoint: str, request: Request) -> Response:
        handler = self._handlers.get(endpoint)
        if handler is None:
            return Response(failure=NotFound(f"{request.operation}: no such endpoint at this instance"))
        return await handler(request)


class Serving:
    """One served endpoint; ``aclose`` leaves the queue group, calls that were taken go on."""

    def __init__(self, group: Listening) -> None:
        self._group = group

    async def aclose(self) -> None:
        """Take nothing new from the group."""
        await self._group.aclose()


def _too_large(request: Request, error: CallError) -> CallError:
    return EndpointFailed(
        f"{request.operation}: it ran, but its reply could not be sent: {error.message}", code=error.code
    )
