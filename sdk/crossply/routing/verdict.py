"""What the end of an attempt says of the callee: it works, it fails, or nothing."""

from __future__ import annotations

from crossply.errors import CallError, Code, DeadlineExceeded, Executed, LinkLost, NoResponders, NotConnected

_FAILING = frozenset(
    {
        Code.UNAVAILABLE,
        Code.OVERLOADED,
        Code.DEADLINE_EXCEEDED,
        Code.DISCONNECTED,
        Code.INTEGRITY_FAILED,
        Code.INTERNAL,
    }
)


def verdict(error: BaseException) -> bool | None:
    """Return whether the callee works, as far as an error shows; ``None`` when it says nothing of the callee.

    What the endpoint raised on purpose shows that it works. This side's lost connection, an attempt that was never
    sent or was given up, and an instance that has just left (which ``balance`` deals with) say nothing. What a document
    injects counts as the real thing would, wherever it arose: an experiment exercises what protects.
    """
    if not isinstance(error, CallError) or isinstance(error, LinkLost | NotConnected | NoResponders):
        return None
    if isinstance(error, DeadlineExceeded) and error.executed is Executed.NO and error.rule is None:
        return None
    if error.code in _FAILING:
        return False
    return True if error.executed is Executed.YES else None
