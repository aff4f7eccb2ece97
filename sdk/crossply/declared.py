"""What a service declares before it runs: its endpoints and the events it wants; every fault in a name or signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from crossply.endpoint import Endpoint, Subscribed, endpoint_handler, event_handler, named, never_waits
from crossply.errors import ConfigError
from crossply.handler import Facts, Handler, Layer, Request
from crossply_policy import names

if TYPE_CHECKING:
    from concurrent.futures import Executor

F = TypeVar("F", bound=Callable[..., Any])
Report = Callable[[Request, BaseException], None]


class Declared:
    """The endpoints and event handlers of one service, by name."""

    def __init__(self, service: str) -> None:
        if not isinstance(service, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # users err
            raise ConfigError([f"service name {service!r} is not text"])
        try:
            self.service = names.service(service)
        except names.NameFault as fault:
            raise ConfigError([str(fault)]) from fault
        self.endpoints: dict[str, Endpoint] = {}
        self.raw: dict[str, tuple[Facts, Handler]] = {}
        self.subscriptions: dict[str, Subscribed] = {}
        self.layers: dict[str, tuple[Layer, ...]] = {"call": (), "attempt": ()}

    def endpoint(self, function: F, name: str | None, *, idempotent: bool, idempotency: str = "") -> F:
        """Declare a function as an endpoint; raise ``ConfigError`` for a bad or taken name or signature."""
        known = self._name(name, function)
        if idempotency not in {"", "kv"}:
            raise ConfigError([f'{known}: idempotency is {idempotency!r}; write "kv", or leave it out'])
        # What is answered from the first reply may be tried again: it does not run twice.
        kept = bool(idempotency)
        declared = Endpoint(known, Facts(idempotent=idempotent or kept, kept=kept), function)
        endpoint_handler(declared, f"{self.service}.{known}", _no_executor, _no_report)
        self.endpoints[known] = declared
        return function

    def handler(self, name: str, handler: Handler, facts: Facts) -> None:
        """Declare a handler of raw requests as an endpoint."""
        self.raw[self._name(name, handler)] = (facts, handler)

    def on(self, function: F, pattern: str, *, concurrency: int) -> F:
        """Declare a function as the handler of a channel pattern."""
        if concurrency < 1:
            raise ConfigError([f"{pattern}: concurrency is {concurrency}; at least one event must run"])
        try:
            names.pattern(pattern)
        except names.NameFault as fault:
            raise ConfigError([str(fault)]) from fault
        if pattern in self.subscriptions:
            other = named(self.subscriptions[pattern].function)
            raise ConfigError([f"{pattern} has a handler already, {other}; one service takes an event once"])
        declared = Subscribed(pattern, function, concurrency)
        event_handler(declared, _no_executor, _no_report)
        self.subscriptions[pattern] = declared
        return function

    def layer(self, added: Layer, around: str) -> None:
        """Declare a layer for one of the two slots, inside those that were added to it before."""
        if not isinstance(added, Layer):  # pyright: ignore[reportUnnecessaryIsInstance]  # users err
            raise ConfigError([f"{added!r} is no layer; make one with @crossply.layer, and call what that returns"])
        if around not in self.layers:
            raise ConfigError([f"there is no slot around {around!r}; layers go around a call or around an attempt"])
        self.layers[around] = (*self.layers[around], added)

    def _name(self, name: str | None, function: Callable[..., Any]) -> str:
        try:
            known = names.endpoint(name) if name is not None else names.python_name(named(function))
        except names.NameFault as fault:
            raise ConfigError([str(fault)]) from fault
        if known in self.endpoints or known in self.raw:
            raise ConfigError([f"{self.service}.{known} is declared twice; give one of them another name"])
        return known

    def facts(self) -> dict[str, Facts]:
        """Return the facts of every endpoint."""
        said = {name: endpoint.facts for name, endpoint in self.endpoints.items()}
        return said | {name: facts for name, (facts, _) in self.raw.items()}

    def handlers(self, executor: Callable[[], Executor], report: Report) -> dict[str, Handler]:
        """Return the innermost handler of every endpoint."""
        ours = {
            name: endpoint_handler(endpoint, f"{self.service}.{name}", executor, report)
            for name, endpoint in self.endpoints.items()
        }
        return ours | {name: handler for name, (_, handler) in self.raw.items()}

    def prompt(self, name: str) -> bool:
        """Whether an endpoint ends without waiting: its function does, and no kept reply is looked for before it."""
        declared = self.endpoints.get(name)
        return declared is not None and not declared.facts.kept and never_waits(declared.function)

    def event_handlers(self, executor: Callable[[], Executor], report: Report) -> dict[str, tuple[Handler, int]]:
        """Return the innermost handler and the concurrency of every channel pattern."""
        return {
            pattern: (event_handler(each, executor, report), each.concurrency)
            for pattern, each in self.subscriptions.items()
        }


def _no_executor() -> Executor:
    raise AssertionError("a declaration does not run")


def _no_report(_request: Request, _error: BaseException) -> None:
    raise AssertionError("a declaration does not run")
