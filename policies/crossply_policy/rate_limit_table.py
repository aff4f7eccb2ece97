"""The table of the kind `RateLimit`: its fields, their bounds and meanings."""

from __future__ import annotations

from typing import Final

from crossply_policy import names
from crossply_policy.faults import Faults, step
from crossply_policy.lists import Name
from crossply_policy.rate_limit import RateLimitSpec, Target
from crossply_policy.sections import Field, Section
from crossply_policy.shapes import Choice, Number

_MOST: Final = 1_000_000.0
_CHANNELS: Final = r"^[a-z0-9][a-z0-9-]{0,62}(\.([a-z0-9][a-z0-9-]{0,62}|\*)){0,6}\.([a-z0-9][a-z0-9-]{0,62}|\*|>)$"


def _names_one(target: object, at: str, faults: Faults) -> None:
    """Note it when a target is of calls and of events, or of neither."""
    if not isinstance(target, Target):
        return
    if (target.service is None) == (target.channel is None):
        faults.add(at, "must name a service or a channel, one of them")
    elif target.endpoint is not None and target.service is None:
        faults.add(step(at, "endpoint"), "belongs to a service; name that as well, or leave the endpoint out")


def _has_its_place(limit: object, at: str, faults: Faults) -> None:
    """Note it when a limit of events says who keeps it."""
    if isinstance(limit, RateLimitSpec) and limit.target and limit.target.channel and limit.at is not None:
        faults.add(step(at, "at"), "is said of calls only; events are always limited where they are published")


TARGET: Final = Section(
    make=Target,
    fields={
        "service": Field(
            shape=Name(check=names.service),
            about="The service whose calls are limited.",
        ),
        "endpoint": Field(
            shape=Name(check=names.endpoint),
            about="The one endpoint of the service; all of them together where nothing is said.",
        ),
        "channel": Field(
            shape=Name(check=names.pattern, pattern=_CHANNELS),
            about="The channel, or pattern of channels, whose events are limited.",
        ),
    },
    check=_names_one,
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
    check=_has_its_place,
)
