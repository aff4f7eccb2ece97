"""The table of the language: every kind, its sections, their fields, bounds and meanings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from crossply_policy import names
from crossply_policy.access.language import ACCESS
from crossply_policy.defaults import FLOOR, LIMITS
from crossply_policy.documents import (
    AdmissionSpec,
    BalanceSpec,
    BudgetPolicy,
    BudgetSpec,
    DefaultsSpec,
    DrainSpec,
    EndpointSpec,
    RetrySpec,
    ServiceSpec,
    TimeoutSpec,
)
from crossply_policy.protection_table import PROTECTIONS
from crossply_policy.rate_limit_table import RATE_LIMIT
from crossply_policy.sections import Field, Named, Section
from crossply_policy.security_table import SECURITY
from crossply_policy.shapes import Choice, Duration, Flag, Number, Whole, Words
from crossply_policy.telemetry_table import TELEMETRY
from crossply_policy.traffic_language import TRAFFIC

NOT_YET: Final = "is not available in this version"

_RETRY: Final = FLOOR.retry
_BUDGET: Final = BudgetPolicy()
_OF_SECURITY: Final = "is said in a Security document; move it to Security/mesh"
_NEVER_RETRIED: Final = (
    "invalid_argument",
    "unauthenticated",
    "permission_denied",
    "not_found",
    "payload_too_large",
    "failed_precondition",
    "already_exists",
    "circuit_open",
)

RETRYABLE: Final = Choice(
    words=("unavailable", "overloaded", "disconnected", "deadline_exceeded", "internal", "aborted"),
    refused={code: f"{code} is never tried again: the answer would be the same" for code in _NEVER_RETRIED},
)
"""The codes that may stand in `retry.on`."""
METHOD: Final = Choice(words=("least_latency", "round_robin", "hash", "queue"))
"""The methods that may stand in `balance.method`."""

TIMEOUT: Final = Section(
    make=TimeoutSpec,
    fields={
        "total": Field(
            shape=Duration(),
            about="How long a call may take, all its attempts and pauses included.",
            default=FLOOR.timeout.total,
        ),
        "attempt": Field(
            shape=Duration(),
            about="How long one attempt may take; where nothing is said, the caller derives it from total.",
        ),
        "idle": Field(
            shape=Duration(),
            about="How long a stream may be silent.",
            default=FLOOR.timeout.idle,
        ),
    },
)
BUDGET: Final = Section(
    make=BudgetSpec,
    fields={
        "ratio": Field(
            shape=Number(low=0, high=10),
            about="Further attempts as a share of the calls within the window.",
            default=_BUDGET.ratio,
        ),
        "floor": Field(
            shape=Number(low=0, high=100_000),
            about="Further attempts a second that are always allowed.",
            default=_BUDGET.floor,
        ),
        "window": Field(
            shape=Duration(low=1.0),
            about="Over how long calls and further attempts are counted.",
            default=_BUDGET.window,
        ),
    },
)
RETRY: Final = Section(
    make=RetrySpec,
    fields={
        "attempts": Field(
            shape=Whole(low=0, high=10),
            about="Further attempts after the first; 0 for none.",
            default=_RETRY.attempts,
        ),
        "base": Field(
            shape=Duration(),
            about="The longest pause before the second attempt, then doubling; pauses are random.",
            default=_RETRY.base,
        ),
        "on": Field(
            shape=Words(of=RETRYABLE),
            about="The codes after which an idempotent call is tried again.",
            default=_RETRY.on,
        ),
        "budget": Field(shape=BUDGET, about="What bounds all further attempts of a caller to a service."),
    },
)
BALANCE: Final = Section(
    make=BalanceSpec,
    fields={
        "method": Field(
            shape=METHOD,
            about="Who chooses the instance: the caller by latency, in turn or by key, or the broker's queue group.",
            default=FLOOR.balance.method,
        ),
        "zone": Field(
            shape=Choice(words=("first", "any")),
            about="Whether the caller's own zone goes first, while half of its instances are healthy.",
            default=FLOOR.balance.zone,
        ),
        "panic": Field(
            shape=Number(low=0, high=1),
            about="The share of healthy instances below which all are used; 0 for never.",
            default=FLOOR.balance.panic,
        ),
    },
)
DRAIN: Final = Section(
    make=DrainSpec,
    fields={
        "timeout": Field(
            shape=Duration(),
            about="How long an instance that stops may take to finish what it runs.",
            default=FLOOR.drain.timeout,
        ),
    },
)
ADMISSION: Final = Section(
    make=AdmissionSpec,
    fields={
        "adaptive": Field(
            shape=Flag(),
            about="Whether the limit follows how long calls take, and others wait or are refused in time.",
            default=FLOOR.admission.adaptive,
        ),
        "limit": Field(
            shape=Whole(low=1, high=1_000_000),
            about="The most calls that an instance runs at a time; its configuration bounds it as well.",
        ),
        "queue": Field(
            shape=Whole(low=0, high=100_000),
            about="How many calls may wait beside those that run; only where the limit is adaptive.",
            default=FLOOR.admission.queue,
        ),
    },
)

_TIMEOUT: Final = Field(shape=TIMEOUT, about="How long things may take.")
_FURTHER: Final = Field(shape=RETRY, about="When a failed call is tried again.")
_BALANCE: Final = Field(shape=BALANCE, about="Which instance gets a call.")
_DRAIN: Final = Field(shape=DRAIN, about="How an instance stops.")
_ADMISSION: Final = Field(shape=ADMISSION, about="How many calls an instance takes.")
_IDEMPOTENT: Final = Field(
    shape=Flag(),
    about="Whether a call may run twice without harm; the endpoint's own declaration where nothing is said.",
)

ENDPOINT: Final = Section(
    make=EndpointSpec,
    fields={"timeout": _TIMEOUT, "retry": _FURTHER, "balance": _BALANCE, **PROTECTIONS, "idempotent": _IDEMPOTENT},
    refused={
        "drain": "is said of the whole service; move it to spec.drain",
        "admission": "is said of the whole service; move it to spec.admission",
    },
)
SERVICE: Final = Section(
    make=ServiceSpec,
    fields={
        "timeout": _TIMEOUT,
        "retry": _FURTHER,
        "balance": _BALANCE,
        **PROTECTIONS,
        "drain": _DRAIN,
        "admission": _ADMISSION,
        "idempotent": _IDEMPOTENT,
        "endpoints": Field(
            shape=Named(section=ENDPOINT, name=names.endpoint, most=LIMITS.rules),
            about="What differs for single endpoints, under their names.",
        ),
    },
)
DEFAULTS: Final = Section(
    make=DefaultsSpec,
    fields={
        "timeout": _TIMEOUT,
        "retry": _FURTHER,
        "balance": _BALANCE,
        **PROTECTIONS,
        "drain": _DRAIN,
        "admission": _ADMISSION,
    },
    refused={
        "encryption": _OF_SECURITY,
        "replay": _OF_SECURITY,
        "key_epoch": _OF_SECURITY,
        "credential_lifetime": _OF_SECURITY,
        "redaction": NOT_YET,
        "sampling": "is said in a Telemetry document; move it to Telemetry/mesh",
        "idempotent": "is said of a service or an endpoint; move it to a Service document",
        "endpoints": "belong to a service; move them to a Service document",
    },
)


def mesh(text: str) -> str:
    """Return the text if it is `mesh`, the only name of a document for all services; raise NameFault."""
    if text == "mesh":
        return text
    raise names.NameFault("must be mesh, as there is one such document")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of document: what it is for, how documents are named, what they may say."""

    about: str
    name: Callable[[str], str]
    name_schema: Mapping[str, str]
    spec: Section


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "Defaults": Kind(
            about="The floor that every service starts from.",
            name=mesh,
            name_schema={"const": "mesh"},
            spec=DEFAULTS,
        ),
        "Service": Kind(
            about="How one service is called and stopped, as a whole and per endpoint.",
            name=names.service,
            name_schema={"type": "string", "pattern": names.NAME_PATTERN},
            spec=SERVICE,
        ),
        "Traffic": Kind(
            about="Where calls to one service go: subsets, splits, copies, experiments.",
            name=names.service,
            name_schema={"type": "string", "pattern": names.NAME_PATTERN},
            spec=TRAFFIC,
        ),
        "Telemetry": Kind(
            about="What is kept of what happens: in one service, or in all where the name is `mesh`.",
            name=names.service,
            name_schema={"type": "string", "pattern": names.NAME_PATTERN},
            spec=TELEMETRY,
        ),
        "RateLimit": Kind(
            about="How many calls or events a second may pass, of all together or of each.",
            name=names.document,
            name_schema={"type": "string", "pattern": names.NAME_PATTERN},
            spec=RATE_LIMIT,
        ),
        "Access": Kind(
            about="Who may call what, and who may publish and have which events.",
            name=names.document,
            name_schema={"type": "string", "pattern": names.NAME_PATTERN},
            spec=ACCESS,
        ),
        "Security": Kind(
            about="How messages to one service are protected, or to all where the name is `mesh`.",
            name=names.service,
            name_schema={"type": "string", "pattern": names.NAME_PATTERN},
            spec=SECURITY,
        ),
    },
)
"""Every kind that parses, by name."""
