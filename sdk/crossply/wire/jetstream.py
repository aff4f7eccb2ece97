"""JetStream's API as plain requests: JSON in, JSON out, over the reply mux."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crossply.errors import CallError, DeadlineExceeded, NoResponders, PermissionDenied
from crossply.wire import headers as header_block
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.wire.mux import Mux, Reply
    from crossply.wire.supervisor import Supervisor

API_TIMEOUT = 5.0
NOT_FOUND = 404


class JetStreamFault(Exception):
    """JetStream refused a request: its HTTP-like code, its own error number and its words."""

    def __init__(self, what: str, code: int, number: int, text: str) -> None:
        super().__init__(f"{what}: {text} ({code}, {number})")
        self.code = code
        self.number = number


class NotAllowed(StoreUnavailable):
    """The broker does not let this service send there."""


class JetStream:
    """Sends JetStream requests; nats-py's own JetStream client is not needed for what the mesh does."""

    def __init__(self, broker: Supervisor, mux: Mux, now: Clock) -> None:
        self._broker = broker
        self._mux = mux
        self._now = now

    async def message(
        self,
        subject: str,
        payload: bytes,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = API_TIMEOUT,
    ) -> Reply:
        """Send one request and return the raw answer; raise ``StoreUnavailable`` when none comes."""
        if not self._broker.connected:
            raise StoreUnavailable("not connected to the broker")
        now = self._now()
        token, attempt = self._mux.open(subject, None, now, now + timeout)
        block = header_block.pack(headers) if headers else b""
        try:
            if self._broker.busy:
                await self._broker.ready(subject, now + timeout)
                if attempt.reply.done():
                    return await attempt.reply  # too late to be sent
            self._broker.send(subject.encode(), payload, self._mux.prefix + token, block)
            return await attempt.reply
        except NoResponders as error:
            raise StoreUnavailable(
                "no stream takes this: JetStream is off, has no leader yet, or the stream is missing"
            ) from error
        except DeadlineExceeded as error:
            raise StoreUnavailable(f"JetStream did not answer within {timeout:g} s") from error
        except PermissionDenied as error:
            raise NotAllowed(error.message) from error
        except CallError as error:
            raise StoreUnavailable(error.message) from error
        finally:
            self._mux.close(token, attempt)

    async def api(self, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send an API request such as ``STREAM.INFO.name``; raise ``JetStreamFault`` when it is refused."""
        answer, _ = await self.message(f"$JS.API.{verb}", msgspec.json.encode(body) if body is not None else b"")
        said = decoded(verb, answer)
        raise_fault(verb, said)
        return said


def decoded(what: str, answer: bytes) -> dict[str, Any]:
    """Return what an answer says; raise ``StoreUnavailable`` for one that says nothing."""
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreUnavailable(f"{what}: the answer is none of JetStream's: {error}") from error


def raise_fault(what: str, said: dict[str, Any]) -> None:
    """Raise the fault that an answer holds, if it holds one."""
    error = said.get("error")
    if isinstance(error, dict):
        fault = msgspec.convert(error, dict[str, Any])
        raise JetStreamFault(what, fault.get("code", 500), fault.get("err_code", 0), fault.get("description", ""))
    if error is not None:
        raise JetStreamFault(what, 500, 0, "an error that does not decode")
