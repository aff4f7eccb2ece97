"""The table of the kind `Telemetry`: its fields, their bounds and meanings."""

from __future__ import annotations

from typing import Final

from crossply_policy.documents import TelemetryPolicy, TelemetrySpec
from crossply_policy.sections import Field, Section
from crossply_policy.shapes import Choice, Duration, Number

_TELEMETRY: Final = TelemetryPolicy()
_NOT_YET: Final = "is not available in this version"

LOG_LEVEL: Final = Choice(words=("debug", "info", "warning", "error"))
"""The levels that may stand in `log_level`."""
TELEMETRY: Final = Section(
    make=TelemetrySpec,
    fields={
        "sampling": Field(
            shape=Number(low=0, high=1),
            about="The share of the traces beginning at a service that are kept whole.",
            default=_TELEMETRY.sampling,
        ),
        "slow": Field(
            shape=Duration(),
            about="Calls and events that take longer are kept whatever was sampled, as failed ones are.",
            default=_TELEMETRY.slow,
        ),
        "log_level": Field(
            shape=LOG_LEVEL,
            about="What is logged at least; the process's own configuration where nothing is said.",
        ),
    },
    refused={
        "tap": _NOT_YET,
        "redaction": _NOT_YET,
    },
)
