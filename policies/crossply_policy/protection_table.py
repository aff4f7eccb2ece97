"""The table of what protects a call: the sections hedge, breaker, outlier, limit and warmup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from crossply_policy.faults import Faults, described
from crossply_policy.protection import (
    P95,
    BreakerPolicy,
    BreakerSpec,
    HedgePolicy,
    HedgeSpec,
    LimitPolicy,
    LimitSpec,
    OutlierPolicy,
    OutlierSpec,
    WarmupPolicy,
    WarmupSpec,
)
from crossply_policy.sections import Field, Section
from crossply_policy.shapes import Duration, Flag, Number, Schema, Whole

_HEDGE: Final = HedgePolicy()
_BREAKER: Final = BreakerPolicy()
_OUTLIER: Final = OutlierPolicy()
_LIMIT: Final = LimitPolicy()
_WARMUP: Final = WarmupPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class WordOrDuration:
    """One word, or a length of time as float seconds."""

    word: str
    length: Duration

    def read(self, value: object, at: str, faults: Faults) -> object:
        """Return the word, or seconds between the bounds."""
        if value == self.word:
            return self.word
        if isinstance(value, str) and not value[:1].isdigit():
            faults.add(at, f"must be {self.word} or a duration such as 30ms, not {described(value)}")
            return None
        return self.length.read(value, at, faults)

    def plain(self, value: Any) -> object:
        """Return the word or the seconds."""
        return value

    def schema(self) -> Schema:
        """Return the word, a number of seconds within its bounds, or text with a unit."""
        return {"anyOf": [{"const": self.word}, *self.length.schema()["anyOf"]]}


_ENABLED: Final = Field(shape=Flag(), about="Whether it acts; true where the section stands and does not say.")

HEDGE: Final = Section(
    make=HedgeSpec,
    fields={
        "enabled": _ENABLED,
        "after": Field(
            shape=WordOrDuration(word=P95, length=Duration()),
            about="How long an attempt may take before a second one joins it: p95 of what they take, or a duration.",
            default=_HEDGE.after,
        ),
    },
)
BREAKER: Final = Section(
    make=BreakerSpec,
    fields={
        "enabled": _ENABLED,
        "success": Field(
            shape=Number(low=0, high=1),
            about="The share of successes below which calls to a subset stop.",
            default=_BREAKER.success,
        ),
        "window": Field(
            shape=Duration(low=1.0),
            about="Over how long successes and failures are counted.",
            default=_BREAKER.window,
        ),
        "calls": Field(
            shape=Whole(low=1, high=100_000),
            about="How many attempts within the window it takes to judge.",
            default=_BREAKER.calls,
        ),
        "pause": Field(
            shape=Duration(),
            about="How long calls stop before one, then three are let through to see.",
            default=_BREAKER.pause,
        ),
    },
)
OUTLIER: Final = Section(
    make=OutlierSpec,
    fields={
        "enabled": _ENABLED,
        "failures": Field(
            shape=Whole(low=1, high=1000),
            about="After how many failures in a row an instance is ejected.",
            default=_OUTLIER.failures,
        ),
        "base": Field(
            shape=Duration(),
            about="How long the first ejection lasts; each further one longer by as much, 5 min at most.",
            default=_OUTLIER.base,
        ),
        "share": Field(
            shape=Number(low=0, high=1),
            about="The share of a service's instances that may be ejected at a time; never the last one.",
            default=_OUTLIER.share,
        ),
    },
)
LIMIT: Final = Section(
    make=LimitSpec,
    fields={
        "enabled": _ENABLED,
        "in_flight": Field(
            shape=Whole(low=1, high=100_000),
            about="How many attempts of a caller to a subset may be in flight.",
            default=_LIMIT.in_flight,
        ),
        "queue": Field(
            shape=Whole(low=0, high=100_000),
            about="How many may wait, within their deadlines, for one of them to end.",
            default=_LIMIT.queue,
        ),
    },
)
WARMUP: Final = Section(
    make=WarmupSpec,
    fields={
        "duration": Field(
            shape=Duration(),
            about="How long a new instance takes to its full share of calls.",
            default=_WARMUP.duration,
        ),
        "floor": Field(
            shape=Number(low=0.01, high=1),
            about="The part of its share that a new instance begins with; 1 for no warm-up.",
            default=_WARMUP.floor,
        ),
    },
)

PROTECTIONS: Final[dict[str, Field]] = {
    "hedge": Field(shape=HEDGE, about="When a second attempt joins one that takes long; off unless it is said."),
    "breaker": Field(shape=BREAKER, about="When calls to a subset that keeps failing stop; off unless it is said."),
    "outlier": Field(shape=OUTLIER, about="When an instance that keeps failing is left out; off unless it is said."),
    "limit": Field(shape=LIMIT, about="How many attempts of a caller may be in flight; off unless it is said."),
    "warmup": Field(shape=WARMUP, about="How a new instance comes to its full share of calls."),
}
"""The sections by name, each of a mesh, a service or an endpoint."""
