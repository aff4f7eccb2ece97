"""A failed call as a command's failure: its words, its exit code, the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from crossply.errors import CallError, Code, Executed
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure

_DENIED: Final = frozenset({Code.UNAUTHENTICATED, Code.PERMISSION_DENIED})
_UNANSWERED: Final = {
    Code.NOT_FOUND: ExitCode.NOT_FOUND,
    Code.UNAVAILABLE: ExitCode.TIMEOUT,
    Code.DEADLINE_EXCEEDED: ExitCode.TIMEOUT,
}
"""What the mesh says of a call; an endpoint that ran may say the same of something of its own."""
_SLACK: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was called, how long it was given (None: what the policy says) and how long it took, in seconds."""

    operation: str
    timeout: float | None
    took: float

    @property
    def service(self) -> str:
        """The service that was called."""
        return self.operation.partition(".")[0]


def call_failure(tried: Tried, error: CallError) -> Failure:
    """Return the failure to print: code, message, whether the endpoint ran, the faults found in the body."""
    return Failure(
        f"{tried.operation} failed",
        why=_why(tried, error),
        details=[
            *(f"{pointer or '/'}: {detail}" for pointer, detail in error.details),
            f"executed: {error.executed}",
        ],
        hint=_hint(tried, error),
        code=_code(error),
    )


def _why(tried: Tried, error: CallError) -> str:
    """Return the code and the words; most errors name the operation, which is said already."""
    words = error.message.removeprefix(f"{tried.operation}: ")
    return str(error.code) if words in {"", str(error.code)} else f"{error.code}: {words}"


def _code(error: CallError) -> ExitCode:
    if error.code in _DENIED:
        return ExitCode.DENIED
    return ExitCode.FAILED if _ran(error) else _UNANSWERED.get(error.code, ExitCode.FAILED)


def _ran(error: CallError) -> bool:
    return error.executed is Executed.YES


def _hint(tried: Tried, error: CallError) -> str:
    match error.code:
        case Code.NOT_FOUND if not _ran(error):
            return "`crossply services` lists what there is"
        case Code.UNAVAILABLE if not _ran(error):
            return f"`crossply services {tried.service}` shows its instances"
        case Code.DEADLINE_EXCEEDED if not _ran(error):
            return _more_time(tried)
        case Code.INTERNAL:
            trace = f" under trace id {error.trace_id}" if error.trace_id else ""
            return f"the log of {tried.service} has the reason{trace}"
        case Code.INVALID_ARGUMENT:
            return "mend what -d gives; the reason is above"
        case _:
            return ""


def _more_time(tried: Tried) -> str:
    log = f"or look at the log of {tried.service}"
    if tried.timeout is not None and tried.took + _SLACK >= tried.timeout:
        return f"give it longer with --timeout, {log}"
    return (
        f"it ended after {tried.took:.1f} s, as the policy's `timeout.total` of {tried.service} bounds it too:"
        f" raise that with `crossply policy apply`, {log}"
    )
