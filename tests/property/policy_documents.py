"""Documents of every shape the language allows, for property tests."""

from __future__ import annotations

from types import MappingProxyType

from hypothesis import strategies as st

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
    TimeoutSpec,
)
from crossply_policy.rate_limit import RateLimitSpec, Target

CODES = ("unavailable", "overloaded", "disconnected", "deadline_exceeded", "internal", "aborted")


def said(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return the strategy, or silence."""
    return st.none() | strategy


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
balances = st.builds(BalanceSpec, method=said(st.sampled_from(["least_latency", "queue"])))
drains = st.builds(DrainSpec, timeout=seconds)
admissions = st.builds(
    AdmissionSpec,
    adaptive=said(st.booleans()),
    limit=said(st.integers(1, 1_000_000)),
    queue=said(st.integers(0, 100_000)),
)
flags = said(st.booleans())

endpoint_specs = st.builds(
    EndpointSpec, timeout=said(timeouts), retry=said(retries), balance=said(balances), idempotent=flags
)
defaults_specs = st.builds(
    DefaultsSpec,
    timeout=said(timeouts),
    retry=said(retries),
    balance=said(balances),
    drain=said(drains),
    admission=said(admissions),
)
service_specs = st.builds(
    ServiceSpec,
    timeout=said(timeouts),
    retry=said(retries),
    balance=said(balances),
    drain=said(drains),
    admission=said(admissions),
    idempotent=flags,
    endpoints=st.dictionaries(tokens, endpoint_specs, max_size=3).map(MappingProxyType),
)

defaults = st.builds(Document, kind=st.just("Defaults"), name=st.just("mesh"), spec=defaults_specs)
services = st.builds(Document, kind=st.just("Service"), name=tokens, spec=service_specs)
targets = st.builds(Target, service=tokens, endpoint=said(tokens)) | st.builds(
    Target, channel=st.sampled_from(["orders.created", "orders.*", "orders.>", "a.*.c.>"])
)
rates = st.floats(0.001, 1_000_000.0)
rate_limit_specs = st.builds(
    RateLimitSpec,
    target=targets,
    rate=rates,
    burst=said(st.floats(1.0, 1_000_000.0)),
    per=said(st.sampled_from(["all", "caller", "tenant", "key"])),
    scope=said(st.sampled_from(["instance", "mesh"])),
)
rate_limits = st.builds(Document, kind=st.just("RateLimit"), name=tokens, spec=rate_limit_specs)
documents = defaults | services | rate_limits
