"""Calls in: from a message to a request, through the handler, to a reply on the caller's inbox."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NoReturn

from crossply.errors import CallError, EndpointFailed, InvalidArgument, PayloadTooLarge
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.wire import envelope, foreign, message, subjects
from crossply.wire import headers as header_block
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.forms import KEY, ReplyWriter
from crossply.wire.message import Unintroduced, Unreadable
from crossply.wire.prompt import Rest, begin
from crossply.wire.served import Endpoint, absent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context

    from crossply.handler import Handler
    from crossply.tasks import Tasks
    from crossply.wire.link import LinkConfig
    from crossply.wire.listening import Listening
    from crossply.wire.sealed.serving import Again, Answer, SealedServer
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor


_CONTENT_TYPES = 16


class Server:
    """Takes calls for one service at one instance and answers them: in a task each, unless an endpoint is prompt."""

    def __init__(
        self,
        config: LinkConfig,
        broker: Supervisor,
        sender: Sender,
        senders: Senders,
        tasks: Tasks,
        report: Callable[[str, BaseException], None],
        sealed: Callable[[Answer, Again, Callable[[], None]], SealedServer] | None = None,
    ) -> None:
        self._config = config
        self._broker = broker
        self._sender = sender
        self._senders = senders
        self._tasks = tasks
        self._report = report
        self._endpoints: dict[bytes, Endpoint] = {}
        self._own: Listening | None = None
        self._loop = asyncio.get_running_loop()
        self._sealed = None if sealed is None else sealed(self._send, self._take_again, self.forget)

    def serve(self, endpoint: str, handler: Handler, *, prompt: bool = False) -> Serving:
        """Join the service's queue group for an endpoint, and take what addresses this instance."""
        service, instance = self._config.service, self._config.instance
        self._endpoints[endpoint.encode()] = Endpoint(endpoint, f"{service}.{endpoint}", handler, prompt)
        if self._own is None:
            self._own = self._broker.listen(
                subjects.own_instance(service, instance).encode(),
                self._take,
                queue=subjects.instance_group(instance).encode(),
            )
        subject = subjects.any_instance(service, endpoint).encode()
        return Serving(self._broker.listen(subject, self._take, queue=service.encode()))

    def forget(self) -> None:
        """Take nothing any more for being like what was taken before."""
        for endpoint in self._endpoints.values():
            endpoint.requests.clear()
            endpoint.sealed.clear()

    async def retire(self) -> None:
        """Listen no more on the instance's own subject, where pings ask after the calls that still run."""
        if self._own is not None:
            own, self._own = self._own, None
            await own.aclose()
            self._endpoints.clear()

    def _take(self, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        if not reply:
            return
        # Not the time of now: of what came together the last may have waited for all before it.
        received = self._broker.arrived
        name = subject[subject.rfind(b".") + 1 :]
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            endpoint = self._absent(name)
        form = endpoint.requests.get(data[:KEY])
        try:
            request = None if form is None else form.open(data, subject, reply, received)
            if request is None:
                request = self._opened(endpoint, subject, reply, data, headers, received)
        except Unreadable as fault:
            self._tell(endpoint, reply, fault)
            return
        if request is None:
            return
        if endpoint.prompt:
            self._answer_now(endpoint, request, reply)
        else:
            self._hold(endpoint, request, reply, endpoint.handler(request), None)

    def _absent(self, name: bytes) -> Endpoint:
        return absent(name.decode(errors="replace"), self._config.service, left=self._own is None)

    def _take_again(self, subject: bytes, reply: bytes, data: bytes, received: float) -> None:
        """Take a sealed message that waited until its sender was looked up."""
        name = subject[subject.rfind(b".") + 1 :]
        endpoint = self._endpoints.get(name) or self._absent(name)
        try:
            request = self._opened(endpoint, subject, reply, data, b"", received)
        except Unreadable as fault:
            self._tell(endpoint, reply, fault)
            return
        if request is not None:
            self._hold(endpoint, request, reply, endpoint.handler(request), None)

    def _tell(self, endpoint: Endpoint, reply: bytes, fault: Unreadable) -> None:
        """Answer a request that cannot be read: whoever sent it is known, and would wait for nothing."""
        failed = Response(failure=InvalidArgument(f"{endpoint.operation}: {fault}"))
        self._send(reply, self._pack(fault.asked, reply, failed), b"")

    def _opened(
        self, endpoint: Endpoint, subject: bytes, reply: bytes, data: bytes, headers: bytes, received: float
    ) -> Request | None:
        """Return the request in a message that fits no form; deal with what is none, and return ``None``.

        Raise ``Unreadable`` where whoever sent it is to be told.
        """
        sealed = self._sealed
        if sealed is not None and sealed.takes(data):
            opened = sealed.open(endpoint.requests, endpoint.operation, subject, reply, data, received)
            return self._asked(opened, reply)
        if not envelope.is_envelope(data):
            self._take_foreign(endpoint, reply, data, headers, received)
            return None
        try:
            request = message.open_request(data, endpoint.operation, reply, self._senders, received, endpoint.requests)
        except Unintroduced as fault:
            # An answer goes to inboxes only, as nobody is known who would have asked for it.
            if reply.startswith(subjects.INBOXES):
                self._send(reply, message.pack_credential_needed(self._sender, fault.asked.id, new_id()), b"")
            return None
        except Unreadable:
            raise
        except EnvelopeFault as fault:
            self._report(f"{endpoint.operation}: message refused", fault)
            return None
        return self._asked(request, reply)

    def _take_foreign(self, endpoint: Endpoint, reply: bytes, data: bytes, headers: bytes, received: float) -> None:
        if not reply.startswith(subjects.INBOXES):
            self._report(f"{endpoint.operation}: message refused", EnvelopeFault("its reply subject is no inbox"))
            return
        request = foreign.request(endpoint.operation, data, header_block.unpack(headers), id=new_id(), now=received)
        self._tasks.spawn(self._answer_foreign(endpoint, request, reply), endpoint.operation)

    def _asked(self, request: Request | None, reply: bytes) -> Request | None:
        """Answer a ping; return what is to be served."""
        if request is None or request.kind is Kind.REQUEST:
            return request
        if request.kind is Kind.PING:
            self._pong(request, reply)
        return None

    def _pong(self, request: Request, reply: bytes) -> None:
        working = {each.id for each in self._tasks.held() if isinstance(each, Request)}
        body = b"".join(message.ids_in(request.body) - working)
        if request.member is not None and self._sealed is not None:
            self._broker.send(reply, self._sealed.pong(request, reply, body))
            return
        answer = self._sender.stamp(Kind.PONG, new_id(), 0)
        answer.tlvs[envelope.IN_REPLY_TO] = request.id
        answer.body = body
        self._broker.send(reply, envelope.pack(answer))

    def _answer_now(self, endpoint: Endpoint, request: Request, reply: bytes) -> None:
        response = begin(endpoint.handler(request))
        if isinstance(response, Rest):
            # It waits for its turn, before the endpoint.
            self._hold(endpoint, request, reply, response, response.context)
        else:
            self._send(reply, self._packed(endpoint, request, reply, response), b"")

    def _hold(
        self, endpoint: Endpoint, request: Request, reply: bytes, work: Awaitable[Response], context: Context | None
    ) -> None:
        answering = self._answer(endpoint, request, reply, work)
        # The cheap way: no callback at its end, which ``_answer`` tells by itself.
        self._tasks.hold(request, asyncio.Task(answering, loop=self._loop, name=endpoint.operation, context=context))

    async def _answer(self, endpoint: Endpoint, request: Request, reply: bytes, work: Awaitable[Response]) -> None:
        try:
            response = await work
            self._send(reply, self._packed(endpoint, request, reply, response), b"")
        except Exception as error:  # noqa: BLE001 - nobody awaits this task
            self._report(f"{endpoint.operation}: not answered", error)
        finally:
            self._tasks.release(request)

    def _packed(self, endpoint: Endpoint, request: Request, reply: bytes, response: Response) -> bytes:
        try:
            if request.member is not None and self._sealed is not None:
                payload = self._sealed.pack(endpoint.sealed, request, reply, response)
            else:
                payload = self._formed(endpoint, request, response) or self._pack(request, reply, response)
            if len(payload) > self._broker.max_payload:
                self._refuse_size(len(payload))
        except CallError as error:
            failed = Response(failure=_too_large(request, error))
            return self._pack(request, reply, failed)
        except Exception as error:  # noqa: BLE001 - whatever cannot be packed, the caller gets an answer
            self._report(f"{request.operation}: reply does not encode", error)
            failed = Response(failure=EndpointFailed("", trace_id=request.traceparent and request.traceparent[3:35]))
            return self._pack(request, reply, failed)
        return payload

    def _pack(self, request: Request, reply: bytes, response: Response) -> bytes:
        if request.member is not None and self._sealed is not None:
            return self._sealed.pack({}, request, reply, response)
        return message.pack_response(self._sender, request.id, response, new_id())

    def _formed(self, endpoint: Endpoint, request: Request, response: Response) -> bytes | None:
        """Return the wire form of a reply that says nothing beside its body and the usual facts; else ``None``."""
        if (
            response.failure is not None
            or response.metadata is not None
            or response.status is not None
            or response.headers is not None
            or len(response.body) > message.MAX_BODY
        ):
            return None
        forms = endpoint.short if request.introduced else endpoint.replies
        form = forms.get(response.content_type)
        if form is None or form.facts is not response.facts:
            form = self._form(forms, response, b"" if request.introduced else self._sender.credential)
        return form.pack(response.body, request.id, new_id(), self._sender.next(), time.time_ns() // 1_000_000)

    def _form(self, forms: dict[str, ReplyWriter], response: Response, credential: bytes) -> ReplyWriter:
        if len(forms) >= _CONTENT_TYPES:
            forms.clear()
        sender = self._sender
        content_type, said = sender.content_type(response.content_type), sender.reply_metadata(response)
        form = ReplyWriter(sender.cid, content_type, credential, said, response.facts)
        forms[response.content_type] = form
        return form

    async def _answer_foreign(self, endpoint: Endpoint, request: Request, reply: bytes) -> None:
        response = await endpoint.handler(request)
        try:
            if (size := len(response.body) + message.MAX_HEAD) > self._broker.max_payload:
                self._refuse_size(size)
        except CallError as error:
            response = Response(failure=_too_large(request, error))
        payload, headers = foreign.reply(response)
        self._send(reply, payload, header_block.pack(headers) if headers else b"")

    def _send(self, reply: bytes, payload: bytes, headers: bytes) -> None:
        # The caller of a connection that is gone has been told so, and this reply would come too late.
        connection = self._broker.current
        if connection is not None and connection.open:
            connection.send(reply, payload, b"", headers)

    def _refuse_size(self, size: int) -> NoReturn:
        raise PayloadTooLarge(
            f"{size} bytes are above the broker's limit of {self._broker.max_payload};"
            " raise its max_payload, or send less"
        )


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
