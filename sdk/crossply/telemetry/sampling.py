"""Which traces are kept whole, decided where they begin; and which spans are kept whatever was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply_policy.documents import TelemetryPolicy

_DIGITS: Final = 14
_ALL: Final = 16**_DIGITS
_NEVER: Final = "g"


class Sampling:
    """What of the policy in force is read for every call; replaced in place, so that it acts at once.

    ``threshold`` stands against the last 14 digits of a trace's id, which W3C has random: the same trace is sampled
    by all who sample as much (OpenTelemetry's consistent probability sampling). ``slow`` is in seconds.
    """

    __slots__ = ("slow", "threshold")

    def __init__(self, policy: TelemetryPolicy) -> None:
        self.adopt(policy)

    def adopt(self, policy: TelemetryPolicy) -> None:
        """Decide by another policy from now on."""
        self.slow = policy.slow
        least = round((1.0 - policy.sampling) * _ALL)
        # Text sorts as the numbers do; no digit is as high as a "g".
        self.threshold = f"{least:0{_DIGITS}x}" if least < _ALL else _NEVER
