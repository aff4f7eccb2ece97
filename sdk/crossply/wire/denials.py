"""What the broker does not allow: whoever waits for a reply to it is told at once, not by its deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.errors import Origin, PermissionDenied
from crossply.wire import subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.errors import CallError
    from crossply.wire.mux import Attempt, Mux

OnRefusal: TypeAlias = "Callable[[str, float, float], bool]"
"""Gets a broker's error, and between which moments was sent what it may be about; returns whether anybody was told."""
BROKER: Final = "broker"
"""The name of the rule where the broker denied: it knows what is allowed, and not by which document."""
_PUBLISH: Final = 'permissions violation for publish to "'


def denied_subject(why: str) -> str | None:
    """Return the subject, in lower case, that a broker's error says nothing may be sent to; None for other errors."""
    if not why.startswith(_PUBLISH):
        return None
    return why[len(_PUBLISH) :].rstrip('"')


class Denials:
    """Ends the attempts in flight that a broker refused to pass on."""

    def __init__(self, mux: Mux) -> None:
        self._mux = mux

    def told(self, why: str, first: float, last: float) -> bool:
        """Return whether a broker's error was about attempts in flight; these have failed then.

        What a connection may does not change while it lasts. So all that was sent there over it is meant, and nothing
        that was over another: what did not begin between ``first`` and ``last``.
        """
        subject = denied_subject(why)
        if subject is None:
            return False
        operation, instance = subjects.called(subject) or (subject, None)

        def meant(attempt: Attempt) -> bool:
            place = attempt.operation.lower() == operation and attempt.instance == instance
            return place and first <= attempt.started <= last

        return bool(self._mux.fail(_denied, where=meant))


def _denied(attempt: Attempt) -> CallError:
    return PermissionDenied(
        f"{attempt.operation}: the broker does not let this service send there: no Access document allows it",
        rule=BROKER,
        origin=Origin.WIRE,
    )
