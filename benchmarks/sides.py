"""What the wire's work of a call costs, unsealed and sealed, in processor time of one thread: both sides, no socket.

A traced call of 128 bytes of body each way goes from `Caller.call` to a prompt endpoint and back, packed, sealed,
opened and compared as it is over a broker, for which a dictionary stands. The difference of
the two rows is what sealing costs.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.vouched import keyring
from crossply.handler import Handler, Request, Response
from crossply.names import new_id
from crossply.tasks import Tasks
from crossply.wire import credential
from crossply.wire.calling import Caller
from crossply.wire.link import LinkConfig
from crossply.wire.mux import Mux
from crossply.wire.sealed.link import SealedLink
from crossply.wire.senders import Sender, Senders
from crossply.wire.serving import Server
from crossply.wire.subjects import inbox

_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_CALLER, _CALLEE = "k7q2mzp4x3ab", "m7q2mzp4x3ac"
_BODY = b"x" * 128
_ROUNDS, _CALLS = 7, 4000

Take = Callable[[bytes, bytes, bytes, bytes], None]


class Here:
    """A broker that hands each message on at once."""

    def __init__(self) -> None:
        self.current = self
        self.full, self.open, self.connected = False, True, True
        self.max_payload = 1 << 20
        self.takes: dict[bytes, Take] = {}

    @property
    def arrived(self) -> float:
        """When the message that is being taken came."""
        return time.monotonic()

    def listen(self, subject: bytes, take: Take, *, queue: bytes = b"") -> object:
        """Have ``take`` called with what is sent there."""
        self.takes[subject] = take
        return queue

    def send(self, subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        """Hand a message to who listens."""
        at = subject if subject in self.takes else subject[: subject.rfind(b".")] + b".*"
        self.takes[at](subject, reply, payload, headers)


class Pair:
    """A caller and a callee, in one process."""

    def __init__(self, *, sealed: bool) -> None:
        self.broker = Here()
        authority = Ed25519PrivateKey.generate()
        clock = time.monotonic
        self.mux = Mux(inbox("web", _CALLER), clock)
        self.broker.listen(self.mux.prefix + b"*", self.mux.take)
        broker, senders = cast("Any", self.broker), Senders()
        caller, callee = _config("web", _CALLER), _config("orders", _CALLEE)
        ours, theirs = _sender(caller), _sender(callee)
        plain = Caller(broker, self.mux, ours, senders, clock)
        self.call: Callable[[Request], Awaitable[Response]] = plain.call
        serving = None
        if sealed:
            far = self.far = SealedLink(callee, keyring(authority, "orders", _CALLEE), theirs, clock)
            near = self.near = SealedLink(caller, keyring(authority, "web", _CALLER), ours, clock)
            member = near.sealing.keys.credentials.learn(far.sealing.keys.own.raw)
            near.sealing.hear(member.peer, member.raw)
            self.call, serving = near.caller(plain, broker, self.mux, senders).call, far.server
        server = Server(callee, broker, theirs, Senders(), Tasks(_failed), _failed, serving)
        server.serve("quote", _echo, prompt=True)

    async def calls(self, number: int) -> None:
        """Make calls, one after the other."""
        for _ in range(number):
            await self.call(a_request())


def a_request() -> Request:
    """Return a traced call to the callee's instance."""
    request = Request("orders.quote", _BODY, id=new_id(), instance=_CALLEE, traceparent=_TRACE)
    request.deadline = time.monotonic() + 5.0
    return request


async def _answer(request: Request) -> Response:
    return Response(request.body)


_echo: Handler = _answer


def _config(service: str, instance: str) -> LinkConfig:
    return LinkConfig(servers=("nats://nowhere",), service=service, instance=instance)


def _sender(config: LinkConfig) -> Sender:
    own = credential.identity(config.trust_domain, config.tenant, config.service)
    return Sender(credential.Credential(identity=own, instance=config.instance))


def _failed(what: str, error: BaseException) -> None:
    raise SystemExit(f"{what}: {error!r}")


async def best(pair: Pair) -> float:
    """Return microseconds of processor time for a call, in the best of several rounds."""
    await pair.calls(_CALLS)
    found: list[float] = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        await pair.calls(_CALLS)
        found.append((time.process_time() - begin) / _CALLS * 1e6)
    return min(found)


async def main() -> None:
    """Print a row each."""
    unsealed, sealed = await best(Pair(sealed=False)), await best(Pair(sealed=True))
    print(f"{os.cpu_count()} cores\n\n| a call, both sides of the wire | µs |\n|---|---|")
    print(f"| unsealed | {unsealed:.1f} |\n| sealed | {sealed:.1f} |\n| sealing | {sealed - unsealed:.1f} |")


if __name__ == "__main__":
    asyncio.run(main())
