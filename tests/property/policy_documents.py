"""Documents of every shape the language allows, for property tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from crossply_policy.access.language import TARGET
from crossply_policy.access.spec import AccessSpec, TargetSpec
from crossply_policy.documents import (
    AdmissionSpec,
    BalanceSpec,
    BudgetSpec,
    DefaultsSpec,
    Document,
    DrainSpec,
    EndpointSpec,
    RetrySpec,
    ServiceSpec,
    TelemetrySpec,
    TimeoutSpec,
)
from crossply_policy.protection import BreakerSpec, HedgeSpec, LimitSpec, OutlierSpec, WarmupSpec
from crossply_policy.rate_limit import RateLimitSpec, Target
from crossply_policy.security import SecuritySpec
from crossply_policy.traffic import CODES as TRAFFIC_CODES
from crossply_policy.traffic import (
    AbortSpec,
    DelaySpec,
    FaultSpec,
    MatchSpec,
    MirrorSpec,
    RouteSpec,
    RouteTimeoutSpec,
    TrafficSpec,
)

CODES = ("unavailable", "overloaded", "disconnected", "deadline_exceeded", "internal", "aborted")


def said(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return the strategy, or silence."""
    return st.none() | strategy


def sorted_mapping(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the mapping as documents keep it: in the order of its keys."""
    return MappingProxyType(dict(sorted(values.items())))


tokens = st.from_regex(r"(?!i-|any|foreign)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
seconds = said(st.floats(0.001, 3600.0))
timeouts = st.builds(TimeoutSpec, total=seconds, attempt=seconds, idle=seconds)
budgets = st.builds(
    BudgetSpec,
    ratio=said(st.floats(0.0, 10.0).map(abs)),
    floor=said(st.floats(0.0, 100_000.0).map(abs)),
    window=said(st.floats(1.0, 3600.0)),
)
retries = st.builds(
    RetrySpec,
    attempts=said(st.integers(0, 10)),
    base=seconds,
    on=said(st.frozensets(st.sampled_from(CODES))),
    budget=said(budgets),
)
balances = st.builds(
    BalanceSpec,
    method=said(st.sampled_from(["least_latency", "round_robin", "hash", "queue"])),
    zone=said(st.sampled_from(["first", "any"])),
    panic=said(st.floats(0.0, 1.0).map(abs)),
)
protections = {
    "hedge": said(st.builds(HedgeSpec, enabled=st.booleans(), after=said(st.just("p95") | st.floats(0.001, 3600.0)))),
    "breaker": said(
        st.builds(
            BreakerSpec,
            enabled=st.booleans(),
            success=said(st.floats(0.0, 1.0).map(abs)),
            window=said(st.floats(1.0, 3600.0)),
            calls=said(st.integers(1, 100_000)),
            pause=seconds,
        )
    ),
    "outlier": said(
        st.builds(
            OutlierSpec,
            enabled=st.booleans(),
            failures=said(st.integers(1, 1000)),
            base=seconds,
            share=said(st.floats(0.0, 1.0).map(abs)),
        )
    ),
    "limit": said(
        st.builds(
            LimitSpec,
            enabled=st.booleans(),
            in_flight=said(st.integers(1, 100_000)),
            queue=said(st.integers(0, 100_000)),
        )
    ),
    "warmup": said(st.builds(WarmupSpec, duration=seconds, floor=said(st.floats(0.01, 1.0)))),
}
drains = st.builds(DrainSpec, timeout=seconds)
admissions = st.builds(
    AdmissionSpec,
    adaptive=said(st.booleans()),
    limit=said(st.integers(1, 1_000_000)),
    queue=said(st.integers(0, 100_000)),
)
flags = said(st.booleans())

endpoint_specs = st.builds(
    EndpointSpec, timeout=said(timeouts), retry=said(retries), balance=said(balances), idempotent=flags, **protections
)
defaults_specs = st.builds(
    DefaultsSpec,
    timeout=said(timeouts),
    retry=said(retries),
    balance=said(balances),
    drain=said(drains),
    **protections,
    admission=said(admissions),
)
service_specs = st.builds(
    ServiceSpec,
    timeout=said(timeouts),
    retry=said(retries),
    balance=said(balances),
    drain=said(drains),
    **protections,
    admission=said(admissions),
    idempotent=flags,
    endpoints=st.dictionaries(tokens, endpoint_specs, max_size=3).map(MappingProxyType),
)
words = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=8).filter(str.isprintable)
labels = st.dictionaries(words, words, min_size=1, max_size=3).map(sorted_mapping)
targets = tokens | st.tuples(tokens, tokens).map(".".join)
percentages = st.floats(0.0, 100.0).map(abs)
matches = st.builds(
    MatchSpec,
    endpoints=said(st.frozensets(tokens, min_size=1, max_size=2)),
    callers=said(st.frozensets(tokens, min_size=1, max_size=2)),
    metadata=st.just(sorted_mapping({})) | labels,
)
mirrors = st.builds(MirrorSpec, to=targets, percentage=said(percentages)) | st.builds(MirrorSpec, subset=tokens)
aborts = st.builds(AbortSpec, percentage=percentages, code=st.sampled_from(TRAFFIC_CODES))
delays = st.builds(DelaySpec, percentage=percentages, duration=st.floats(0.001, 3600.0))
injected = st.builds(FaultSpec, abort=aborts, delay=said(delays)) | st.builds(FaultSpec, delay=delays)
weights = st.dictionaries(tokens, st.floats(0.001, 1_000_000.0), min_size=1, max_size=3).map(sorted_mapping)
routes = st.builds(RouteSpec, match=said(matches), redirect=targets) | st.builds(
    RouteSpec,
    match=said(matches),
    split=said(weights),
    mirror=said(mirrors),
    fault=said(injected),
    timeout=said(st.builds(RouteTimeoutSpec, total=seconds, attempt=seconds)),
)
traffic_specs = st.builds(
    TrafficSpec,
    subsets=st.dictionaries(tokens, labels, max_size=3).map(sorted_mapping),
    routes=st.lists(routes, max_size=3).map(tuple),
    failover=st.lists(tokens, max_size=3, unique=True).map(tuple),
)

defaults = st.builds(Document, kind=st.just("Defaults"), name=st.just("mesh"), spec=defaults_specs)
services = st.builds(Document, kind=st.just("Service"), name=tokens, spec=service_specs)
traffics = st.builds(Document, kind=st.just("Traffic"), name=tokens, spec=traffic_specs)
telemetry_specs = st.builds(
    TelemetrySpec,
    sampling=said(st.floats(0.0, 1.0).map(abs)),
    slow=seconds,
    log_level=said(st.sampled_from(["debug", "info", "warning", "error"])),
)
telemetry = st.builds(Document, kind=st.just("Telemetry"), name=st.just("mesh") | tokens, spec=telemetry_specs)
limited = st.builds(Target, service=tokens, endpoint=said(tokens)) | st.builds(
    Target, channel=st.sampled_from(["orders.created", "orders.*", "orders.>", "a.*.c.>"])
)
rates = st.floats(0.001, 1_000_000.0)
rate_limit_specs = st.builds(
    RateLimitSpec,
    target=limited,
    rate=rates,
    burst=said(st.floats(1.0, 1_000_000.0)),
    per=said(st.sampled_from(["all", "caller", "tenant", "key"])),
    scope=said(st.sampled_from(["instance", "mesh"])),
)
rate_limits = st.builds(Document, kind=st.just("RateLimit"), name=tokens, spec=rate_limit_specs)
security_specs = st.builds(
    SecuritySpec,
    encryption=said(st.sampled_from(["strict", "permissive", "off"])),
    replay=said(st.sampled_from(["bounded", "strict"])),
    key_epoch=said(st.floats(60.0, 604_800.0)),
    credential_lifetime=said(st.floats(60.0, 86_400.0)),
)
security = st.builds(Document, kind=st.just("Security"), name=st.just("mesh") | tokens, spec=security_specs)


def canonically(spec: AccessSpec) -> AccessSpec:
    """Return the document as it is read: its targets in order, each of them once, its claims by name."""
    targets = dict.fromkeys(sorted(spec.to or (), key=lambda one: repr(TARGET.plain(one))))
    when = None if spec.when is None else sorted_mapping(spec.when)
    return AccessSpec(effect=spec.effect, callers=spec.callers, to=tuple(targets), when=when, mode=spec.mode)


def some(*values: str) -> st.SearchStrategy[frozenset[str]]:
    """Return a set of at least one of these."""
    return st.frozensets(st.sampled_from(values), min_size=1, max_size=3)


reached = (
    st.builds(TargetSpec, service=tokens | st.just("*"), endpoints=said(st.frozensets(tokens, min_size=1, max_size=3)))
    | st.builds(
        TargetSpec, service=tokens, methods=said(some("GET", "PUT")), paths=said(some("/", "/*", "/a/*", "/a/b"))
    )
    | st.builds(
        TargetSpec,
        channel=st.sampled_from(["orders.created", "orders.*", "orders.>"]),
        actions=some("publish", "subscribe"),
    )
)
access_specs = st.builds(
    AccessSpec,
    effect=st.sampled_from(["allow", "deny"]),
    callers=st.frozensets(tokens | st.sampled_from(["*", "foreign"]), min_size=1, max_size=3),
    to=st.lists(reached, min_size=1, max_size=3).map(tuple),
    when=said(st.dictionaries(tokens, st.frozensets(words, min_size=1, max_size=2), min_size=1, max_size=2)),
    mode=said(st.sampled_from(["enforce", "audit"])),
).map(canonically)
access = st.builds(Document, kind=st.just("Access"), name=tokens, spec=access_specs)
documents = defaults | services | telemetry | traffics | rate_limits | access | security
