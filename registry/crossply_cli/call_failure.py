"""A failed call as a command's failure: its words, its exit code, the next step."""

from __future__ import annotations

from typing import Final

from crossply.errors import CallError, Code
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure

_CODES: Final = {
    Code.NOT_FOUND: ExitCode.NOT_FOUND,
    Code.UNAUTHENTICATED: ExitCode.DENIED,
    Code.PERMISSION_DENIED: ExitCode.DENIED,
    Code.DEADLINE_EXCEEDED: ExitCode.TIMEOUT,
    Code.UNAVAILABLE: ExitCode.TIMEOUT,
}
_HINTS: Final = {
    Code.NOT_FOUND: "`crossply services` lists what there is",
    Code.UNAVAILABLE: "`crossply services {service}` shows its instances",
    Code.DEADLINE_EXCEEDED: "give it longer with --timeout, or look at the log of {service}",
    Code.INTERNAL: "the log of {service} has the reason{trace}",
    Code.INVALID_ARGUMENT: "`crossply services {service}` shows what its endpoints take",
}


def call_failure(operation: str, error: CallError) -> Failure:
    """Return the failure to print: code, message, whether the endpoint ran, the faults found in the body."""
    trace = f" under trace id {error.trace_id}" if error.trace_id else ""
    hint = _HINTS.get(error.code, "").format(service=operation.partition(".")[0], trace=trace)
    return Failure(
        f"{operation} failed",
        why=f"{error.code}: {error.message}",
        details=[
            *(f"{pointer or '/'}: {detail}" for pointer, detail in error.details),
            f"executed: {error.executed}",
        ],
        hint=hint,
        code=_CODES.get(error.code, ExitCode.FAILED),
    )
