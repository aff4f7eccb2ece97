"""A user's function as a handler: its signature decodes the body, its result is encoded, its errors get a code."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import dis
import functools
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from crossply import codec
from crossply.context import AMBIENT, Current
from crossply.errors import ConfigError, EndpointFailed, InvalidArgument, Origin
from crossply.event import Event
from crossply.handler import FOREIGN, JSON, MSGPACK, Facts, Request, Response
from crossply.telemetry import otel_context

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from crossply.handler import Handler


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One declared endpoint: its name, what its callers may know of it, and the function behind it."""

    name: str
    facts: Facts
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Subscribed:
    """One declared event handler: the channel pattern and the function behind it."""

    pattern: str
    function: Callable[..., Any]
    concurrency: int


def endpoint_handler(
    endpoint: Endpoint,
    operation: str,
    executor: Callable[[], Executor],
    report: Callable[[Request, BaseException], None],
) -> Handler:
    """Return the innermost handler of calls to ``endpoint``."""
    read = _arguments(endpoint.function, operation)
    run = _runner(endpoint.function, executor)
    facts = endpoint.facts

    async def endpoint_of_user(request: Request) -> Response:
        arguments = read(request)
        value = await _run(run, arguments, request, report)
        wanted = JSON if request.content_type.startswith(JSON) else MSGPACK
        try:
            body, content_type = codec.encode(value, wanted)
        except InvalidArgument as error:
            report(request, error)
            raise EndpointFailed("", trace_id=_trace_id(request)) from error
        return Response(body, content_type, facts=facts)

    return endpoint_of_user


def event_handler(
    subscribed: Subscribed, executor: Callable[[], Executor], report: Callable[[Request, BaseException], None]
) -> Handler:
    """Return the innermost handler of events on ``subscribed.pattern``."""
    read = _event_arguments(subscribed.function, subscribed.pattern)
    run = _runner(subscribed.function, executor)

    async def event_handler_of_user(request: Request) -> Response:
        try:
            arguments = read(request)
        except InvalidArgument as error:
            report(request, error)  # nobody else would say it: the publisher is long gone
            raise
        await _run(run, arguments, request, report)
        return Response()

    return event_handler_of_user


async def _run(
    run: Callable[..., Any],
    arguments: dict[str, Any],
    request: Request,
    report: Callable[[Request, BaseException], None],
) -> Any:
    token = AMBIENT.set(Current(request, request.peer or FOREIGN))
    leave = otel_context.enter(request)
    try:
        return await run(**arguments)
    except Exception as error:
        if _on_purpose(error):
            raise
        report(request, error)
        raise EndpointFailed("", trace_id=_trace_id(request)) from error
    finally:
        if leave is not None:
            leave()
        AMBIENT.reset(token)


def _on_purpose(error: Exception) -> bool:
    """Whether the endpoint itself chose what its caller is told; of anything else that is a trace id and no text."""
    return isinstance(error, EndpointFailed) and error.origin is Origin.LOCAL


def _trace_id(request: Request) -> str | None:
    return request.traceparent and request.traceparent[3:35]


def _runner(function: Callable[..., Any], executor: Callable[[], Executor]) -> Callable[..., Any]:
    """Return how to run a function: on the loop, or in the thread pool when it is a plain ``def``."""
    called = getattr(function, "__call__", function)  # noqa: B004 - an object with an async __call__ is asked for it
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called):
        return function
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise ConfigError([f"{named(function)}: generators are streams, and streams are not available in this version"])

    async def in_thread(**arguments: Any) -> Any:
        context = contextvars.copy_context()
        call = functools.partial(context.run, function, **arguments)
        value = await asyncio.get_running_loop().run_in_executor(executor(), call)
        # A plain function may wrap an asynchronous one, as most decorators do.
        return await value if inspect.isawaitable(value) else value

    return in_thread


def never_waits(function: Callable[..., Any]) -> bool:
    """Whether a function is asynchronous and has no ``await`` in it: what it does, it does in one turn of the loop."""
    code = getattr(function, "__code__", None)
    if code is None or not inspect.iscoroutinefunction(function):
        return False
    return all(each.opname != "SEND" for each in dis.get_instructions(code))


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError([f"{named(function)}: its annotations cannot be read: {error}"]) from error


def _arguments(function: Callable[..., Any], operation: str) -> Callable[[Request], dict[str, Any]]:
    """Return how to read the arguments of an endpoint from a request's body."""
    hints = _hints(function)
    parameters = list(inspect.signature(function).parameters.values())
    if odd := [each.name for each in parameters if each.kind not in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}]:
        raise ConfigError([f"{named(function)}: parameters {', '.join(odd)} must be plain named ones"])
    if not parameters:
        return lambda _request: {}
    first = parameters[0]
    if len(parameters) == 1 and is_whole(without_none(hints.get(first.name, Any))):
        return _whole(first, hints.get(first.name, Any), operation)
    return _named(function, parameters, hints, operation)


def without_none(kind: Any) -> Any:
    """Return ``X`` for ``X | None``, anything else as it is."""
    if typing.get_origin(kind) not in {typing.Union, types.UnionType}:
        return kind
    others = [each for each in typing.get_args(kind) if each is not type(None)]
    return others[0] if len(others) == 1 else kind


def named(function: Callable[..., Any]) -> str:
    """Return a function's name; that of its type for an object that is called like one."""
    return str(getattr(function, "__name__", type(function).__name__))


def is_whole(kind: Any) -> bool:
    """Whether a sole parameter of this type takes the body as it is, instead of one field of a map."""
    if kind is bytes:
        return True
    if not isinstance(kind, type):
        return False
    named = cast("type[Any]", kind)
    return dataclasses.is_dataclass(named) or issubclass(named, msgspec.Struct) or typing.is_typeddict(named)


def _whole(parameter: inspect.Parameter, kind: Any, operation: str) -> Callable[[Request], dict[str, Any]]:
    decoder = codec.Decoder(kind, operation)
    name, optional = parameter.name, parameter.default is not parameter.empty

    def read_whole(request: Request) -> dict[str, Any]:
        if not request.body and optional:
            return {}
        return {name: decoder.decode(request.body, request.content_type)}

    return read_whole


def _named(
    function: Callable[..., Any], parameters: list[inspect.Parameter], hints: dict[str, Any], operation: str
) -> Callable[[Request], dict[str, Any]]:
    fields: list[Any] = []
    for each in parameters:
        kind = hints.get(each.name, Any)
        fields.append((each.name, kind) if each.default is each.empty else (each.name, kind, each.default))
    try:
        arguments = msgspec.defstruct(f"{named(function)}_arguments", fields, forbid_unknown_fields=True, kw_only=True)
        decoder = codec.Decoder(arguments, operation)
    except (TypeError, ValueError) as error:
        raise ConfigError([f"{named(function)}: its parameters cannot be decoded: {error}"]) from error
    names = [each.name for each in parameters]

    def read_named(request: Request) -> dict[str, Any]:
        body = request.body or (b"{}" if request.content_type.startswith(JSON) else b"\x80")
        value = decoder.decode(body, request.content_type)
        return {name: getattr(value, name) for name in names}

    return read_named


def _event_arguments(function: Callable[..., Any], pattern: str) -> Callable[[Request], dict[str, Any]]:
    """Return how to read an event handler's arguments: the payload, and an ``Event`` if it asks for one."""
    hints = _hints(function)
    parameters = list(inspect.signature(function).parameters.values())
    asks = [each for each in parameters if hints.get(each.name) is Event]
    payload = [each for each in parameters if each not in asks]
    if len(payload) > 1 or len(asks) > 1:
        raise ConfigError(
            [f"{named(function)}: an event handler takes the payload and, if it wants, one Event; not more"]
        )
    decoder = codec.Decoder(hints.get(payload[0].name, Any), f"event {pattern}") if payload else None

    def read_event(request: Request) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        if decoder is not None:
            body = request.body or (b"null" if request.content_type.startswith(JSON) else b"\xc0")
            arguments[payload[0].name] = decoder.decode(body, request.content_type)
        if asks:
            arguments[asks[0].name] = Event.of(request)
        return arguments

    return read_event
