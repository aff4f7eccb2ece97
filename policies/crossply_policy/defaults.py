"""What holds where no document speaks, and the limits of the language and the protocol.

Where each default comes from:

- timeout: always explicit, 5 s for a call, since a call without an end hides a fault; 30 s without a sign
  of life for a stream. An attempt's is not set: the caller derives it from what it knows of the endpoint.
- retry: 25 ms base, 2 further attempts, another instance where there is one (Istio's defaults); for
  idempotent calls only, since retries by default run a payment twice (Linkerd: opt-in).
- retry.budget: 20 % of calls and 10 a second, over 10 s (Finagle, taken over by Linkerd).
- balance: power of two choices on a peak EWMA of latency (Finagle, Linkerd).
- balance.zone, balance.panic: the own zone first and all instances when fewer than half of it are healthy; no
  panic (Istio's minHealthPercent of 0), as a suspect is one that did not answer, not one that was guessed at.
- hedge: off; p95 (Dean and Barroso, The Tail at Scale), shares the retry budget.
- breaker: off; success below 0.8 over 10 s (Linkerd), 20 calls, since five are two bad ones; 5 s (Hystrix).
- outlier: off; 5 failures in a row (Istio), 5 s times ejected, half of the instances at most.
- limit: off; 1,024 in flight and as many waiting (Envoy's max_requests and max_pending_requests).
- warmup: linear from 10 % (Istio's minimumPercent and aggression), over 10 s.
- drain: 25 s, inside the 30 s that Kubernetes grants before it kills.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from crossply_policy.snapshot import Route

FLOOR: Final = Route()
"""The route of an endpoint that no document mentions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, depths in levels; items of a container, rules of a document, documents of an apply."""

    body: int = 960 * 1024
    header: int = 8 * 1024
    decode: int = 256 * 1024
    depth: int = 64
    items: int = 65_536
    document: int = 256 * 1024
    document_depth: int = 32
    rules: int = 1_024
    apply_documents: int = 1_000
    apply: int = 4 * 1024 * 1024


LIMITS: Final = Limits()
"""The limits that hold unless a program's configuration says otherwise."""
