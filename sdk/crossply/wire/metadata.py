"""What travels beside the body, as one msgpack map: caller's words in requests, facts and failures in replies."""

from __future__ import annotations

import msgspec

from crossply.errors import CallError, Code, EndpointFailed, Executed, InvalidArgument, Origin
from crossply.handler import Facts, HttpHead, Request, Response
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.status import STATUSES


class RequestMetadata(msgspec.Struct, omit_defaults=True):
    """Beside a request's or an event's body; ``path`` and ``headers`` are the HTTP parts."""

    baggage: dict[str, str] | None = None
    metadata: dict[str, str] | None = None
    key: str | None = None
    idempotency_key: str | None = None
    path: str | None = None
    headers: list[tuple[str, str]] | None = None


class ReplyMetadata(msgspec.Struct, omit_defaults=True):
    """Beside a reply's body; ``code`` and what follows it only in errors."""

    idempotent: bool | None = None
    stream: bool | None = None
    schema: str | None = None
    metadata: dict[str, str] | None = None
    status: int | None = None
    headers: list[tuple[str, str]] | None = None
    code: str | None = None
    executed: str | None = None
    message: str = ""
    retry_after_ms: int | None = None
    rule: str | None = None
    trace_id: str | None = None
    details: list[tuple[str, str]] | None = None


_MESSAGE, _DETAILS, _POINTER, _REASON = 2048, 16, 64, 192
_encoder = msgspec.msgpack.Encoder()
_request = msgspec.msgpack.Decoder(RequestMetadata)
_reply = msgspec.msgpack.Decoder(ReplyMetadata)


def pack_request(request: Request) -> bytes:
    """Return the metadata of an outbound request or event; empty when there is nothing to say."""
    http = request.http
    if (
        request.baggage is None
        and request.metadata is None
        and http is None
        and request.key is None
        and request.idempotency_key is None
    ):
        return b""
    _check(request)
    return _encoder.encode(
        RequestMetadata(
            request.baggage,
            request.metadata,
            request.key,
            request.idempotency_key,
            http.path if http else None,
            http.headers if http else None,
        )
    )


def _check(request: Request) -> None:
    """Refuse what the callee could not decode, before it is sent."""
    for what, said in (("metadata", request.metadata), ("baggage", request.baggage)):
        parts = [part for pair in (said or {}).items() for part in pair]
        if not all(isinstance(part, str) for part in parts):  # pyright: ignore[reportUnnecessaryIsInstance]  # users err
            raise InvalidArgument(f"{request.operation}: {what} holds something that is not text", details=[("", what)])
    for what, text in (("key", request.key), ("idempotency key", request.idempotency_key)):
        if text is not None and not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # users err
            raise InvalidArgument(f"{request.operation}: the {what} is not text", details=[("", what)])


def unpack_request(raw: bytes, request: Request) -> None:
    """Fill an inbound request; raise ``EnvelopeFault`` when the metadata is malformed."""
    if not raw:
        return
    try:
        said = _request.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeFault(f"metadata does not decode: {error}") from error
    request.baggage, request.metadata = said.baggage, said.metadata
    request.key, request.idempotency_key = said.key, said.idempotency_key
    if said.path is not None:
        request.http = HttpHead(said.path, said.headers or [])


def pack_reply(response: Response) -> bytes:
    """Return the metadata of a reply."""
    facts, failure = response.facts, response.failure
    said = ReplyMetadata(metadata=response.metadata, status=response.status, headers=response.headers)
    if facts is not None:
        said.idempotent, said.stream, said.schema = facts.idempotent, facts.stream, facts.schema
    if failure is not None:
        said.code, said.executed, said.message = (
            str(failure.code),
            str(failure.executed),
            _cut(failure.message, _MESSAGE),
        )
        said.rule, said.trace_id, said.status = failure.rule, failure.trace_id, failure.status
        said.details = [(_cut(at, _POINTER), _cut(why, _REASON)) for at, why in failure.details[:_DETAILS]] or None
        if failure.retry_after is not None:
            said.retry_after_ms = round(failure.retry_after * 1000)
    return pack(said)


def pack(said: ReplyMetadata) -> bytes:
    """Return what is said beside a reply's body."""
    return _encoder.encode(said)


def _cut(text: str, size: int) -> str:
    """Return at most ``size`` bytes of a text: an error that is too long to be sent would lose its code."""
    if text.isascii() and len(text) <= size:
        return text
    # What is not text at all, as a lone surrogate, must not cost the caller its answer.
    return text.encode(errors="replace")[:size].decode(errors="ignore")


def unpack_reply(raw: bytes) -> ReplyMetadata:
    """Return what a reply says beside its body; raise ``EnvelopeFault`` when it is malformed."""
    try:
        return _reply.decode(raw) if raw else ReplyMetadata()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeFault(f"metadata does not decode: {error}") from error


def facts_of(said: ReplyMetadata) -> Facts | None:
    """Return the endpoint's facts, when the reply carries them."""
    if said.idempotent is None:
        return None
    return Facts(idempotent=said.idempotent, stream=bool(said.stream), schema=said.schema)


def failure_of(said: ReplyMetadata) -> CallError:
    """Return the error that an error reply tells of; an unknown code, or ``ok``, counts as ``internal``."""
    try:
        code = Code(said.code or "internal")
    except ValueError:
        code = Code.INTERNAL
    if code is Code.OK:
        code = Code.INTERNAL
    status = STATUSES[code]
    try:
        executed = Executed(said.executed or status.executed)
    except ValueError:
        executed = Executed.MAYBE
    kind = EndpointFailed if executed is Executed.YES else status.error
    return kind(
        said.message,
        code=code,
        executed=executed,
        origin=Origin.REMOTE,
        retry_after=said.retry_after_ms / 1000 if said.retry_after_ms is not None else None,
        rule=said.rule,
        trace_id=said.trace_id,
        details=said.details or (),
        status=said.status,
    )
