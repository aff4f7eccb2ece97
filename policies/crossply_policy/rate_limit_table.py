"""The table of the kind `RateLimit`: its fields, their bounds and meanings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from crossply_policy import names
from crossply_policy.name_shape import Name
from crossply_policy.rate_limit import RateLimitSpec, Target
from crossply_policy.sections import Field, Section
from crossply_policy.shapes import Choice, Number

_MOST: Final = 1_000_000.0


def _target_faults(target: object) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the parts of a target together."""
    if not isinstance(target, Target):
        return
    if (target.service is None) == (target.channel is None):
        yield "", "must name a service or a channel, one of them"
    elif target.endpoint is not None and target.service is None:
        yield "endpoint", "belongs to a service; name that as well, or leave the endpoint out"


def _limit_faults(limit: object) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the parts of a limit together."""
    if isinstance(limit, RateLimitSpec) and limit.target and limit.target.channel and limit.at is not None:
        yield "at", "is said of calls only; events are always limited where they are published"


TARGET: Final = Section(
    make=Target,
    fields={
        "service": Field(
            shape=Name(check=names.service, pattern=names.NAME_PATTERN),
            about="The service whose calls are limited.",
        ),
        "endpoint": Field(
            shape=Name(check=names.endpoint, pattern=names.NAME_PATTERN),
            about="The one endpoint of the service; all of them together where nothing is said.",
        ),
        "channel": Field(
            shape=Name(check=names.pattern),
            about="The channel, or pattern of channels, whose events are limited.",
        ),
    },
    check=_target_faults,
)
RATE_LIMIT: Final = Section(
    make=RateLimitSpec,
    fields={
        "for": Field(shape=TARGET, about="What is limited.", attribute="target"),
        "rate": Field(shape=Number(low=0.001, high=_MOST), about="How many a second may pass in the long run."),
        "burst": Field(
            shape=Number(low=1.0, high=_MOST),
            about="How many may pass at once; what a second allows where nothing is said.",
        ),
        "per": Field(
            shape=Choice(words=("all", "caller", "tenant", "key")),
            about="Who has the rate: all together, or each calling service, tenant or call key its own.",
            default="all",
        ),
        "scope": Field(
            shape=Choice(words=("instance", "mesh")),
            about="Whether each instance keeps the rate for itself, or all instances share one.",
            default="instance",
        ),
        "at": Field(
            shape=Choice(words=("callee", "caller")),
            about="Who keeps the limit of calls: the callee for all who call, or each caller for itself.",
            default="callee",
        ),
    },
    required=("for", "rate"),
    check=_limit_faults,
)
