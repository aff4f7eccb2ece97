"""The table of the kind `Traffic`: its sections, their fields, bounds and meanings."""

from __future__ import annotations

from typing import Any, Final

from crossply_policy import names
from crossply_policy.defaults import LIMITS
from crossply_policy.faults import Faults
from crossply_policy.lists import Name, Names, Sections, target
from crossply_policy.maps import Keyed, Text, Weights
from crossply_policy.sections import Field, Section
from crossply_policy.shapes import Choice, Duration, Number
from crossply_policy.traffic import (
    CODES,
    AbortSpec,
    DelaySpec,
    FaultSpec,
    MatchSpec,
    MirrorPolicy,
    MirrorSpec,
    RouteSpec,
    RouteTimeoutSpec,
    TrafficSpec,
)

SUBSETS: Final = 64
"""The most subsets of a service."""
LABELS: Final = 16
"""The most labels of a subset, and the most values of metadata that a route may ask for."""
_CALLERS: Final = 256
_ELSEWHERE: Final = "is said of a service or an endpoint; move it to a Service document"
_TARGET_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62})?$"

_PERCENTAGE: Final = Number(low=0, high=100)
_SUBSET: Final = Name(check=names.subset)
_TARGET: Final = Name(check=target, pattern=_TARGET_PATTERN)


def _mirrors_somewhere(made: Any, at: str, faults: Faults) -> None:
    if (made.to is None) is (made.subset is None):
        faults.add(at, "must say either to or subset")


def _is_whole(made: Any, at: str, faults: Faults) -> None:
    for name in made.__slots__:
        if getattr(made, name) is None:
            faults.add(f"{at}.{name}", "is missing")


def _fails_somehow(made: Any, at: str, faults: Faults) -> None:
    if made.abort is None and made.delay is None:
        faults.add(at, "must say abort, delay or both")


def _redirects_alone(made: Any, at: str, faults: Faults) -> None:
    if made.redirect is not None:
        for name in ("split", "mirror", "fault", "timeout"):
            if getattr(made, name) is not None:
                faults.add(f"{at}.{name}", "does not act beside redirect; say it in the Traffic of the target")


MATCH: Final = Section(
    make=MatchSpec,
    fields={
        "endpoints": Field(
            shape=Names(of=Name(check=names.endpoint), most=LIMITS.rules),
            about="The endpoints whose calls are meant; all where nothing is said.",
        ),
        "callers": Field(
            shape=Names(of=Name(check=names.service), most=_CALLERS),
            about="The services whose calls are meant; all where nothing is said.",
        ),
        "metadata": Field(
            shape=Keyed(of=Text(), most=LABELS, what="values by name"),
            about="The values that a call's metadata must have, exactly.",
        ),
    },
)
MIRROR: Final = Section(
    make=MirrorSpec,
    fields={
        "to": Field(shape=_TARGET, about="The service, with the same endpoint, or the operation that gets a copy."),
        "subset": Field(shape=_SUBSET, about="The subset of this service that gets a copy."),
        "percentage": Field(
            shape=_PERCENTAGE,
            about="What share of the calls is copied.",
            default=MirrorPolicy().percentage,
        ),
    },
    check=_mirrors_somewhere,
)
ABORT: Final = Section(
    make=AbortSpec,
    fields={
        "percentage": Field(shape=_PERCENTAGE, about="What share of the attempts fails."),
        "code": Field(
            shape=Choice(words=CODES, refused={"ok": "ok is no failure"}), about="The code that they fail with."
        ),
    },
    check=_is_whole,
)
DELAY: Final = Section(
    make=DelaySpec,
    fields={
        "percentage": Field(shape=_PERCENTAGE, about="What share of the attempts is held back."),
        "duration": Field(shape=Duration(), about="For how long they are held back."),
    },
    check=_is_whole,
)
FAULT: Final = Section(
    make=FaultSpec,
    fields={
        "abort": Field(shape=ABORT, about="Attempts that fail without being sent."),
        "delay": Field(shape=DELAY, about="Attempts that are sent later."),
    },
    check=_fails_somehow,
)
ROUTE_TIMEOUT: Final = Section(
    make=RouteTimeoutSpec,
    fields={
        "total": Field(shape=Duration(), about="How long a call may take, all its attempts and pauses included."),
        "attempt": Field(shape=Duration(), about="How long one attempt may take."),
    },
    refused={"idle": _ELSEWHERE},
)
ROUTE: Final = Section(
    make=RouteSpec,
    fields={
        "match": Field(shape=MATCH, about="Whose calls are meant; all where nothing is said."),
        "split": Field(
            shape=Weights(
                of=Keyed(of=Number(low=0, high=1_000_000), most=SUBSETS, what="weights by subset", key=names.subset)
            ),
            about="How the calls are shared among subsets, by weight.",
        ),
        "mirror": Field(shape=MIRROR, about="Who else gets a copy, whose answer is dropped."),
        "fault": Field(shape=FAULT, about="What is done to the attempts, as an experiment."),
        "redirect": Field(shape=_TARGET, about="The service, with the same endpoint, or the operation called instead."),
        "timeout": Field(shape=ROUTE_TIMEOUT, about="How long these calls may take."),
    },
    refused=dict.fromkeys(("retry", "balance", "drain", "idempotent"), _ELSEWHERE),
    check=_redirects_alone,
)
TRAFFIC: Final = Section(
    make=TrafficSpec,
    fields={
        "subsets": Field(
            shape=Keyed(
                of=Keyed(of=Text(), most=LABELS, what="labels"), most=SUBSETS, what="subsets", key=names.subset
            ),
            about="The subsets of the service, each with the labels of its instances.",
        ),
        "routes": Field(
            shape=Sections(section=ROUTE, most=LIMITS.rules),
            about="What becomes of which calls; the first that matches holds.",
        ),
        "failover": Field(
            shape=Names(of=_SUBSET, most=SUBSETS, ordered=True),
            about="The subsets in the order in which they stand in for one that has nobody.",
        ),
    },
)
