"""What holds where no document speaks, and the limits of the language and the protocol.

Where each default comes from:

- timeout: always explicit, 5 s for a call, since a call without an end hides a fault; 30 s without a sign
  of life for a stream. An attempt's is not set: the caller derives it from what it knows of the endpoint.
- retry: 25 ms base, 2 further attempts, another instance where there is one (Istio's defaults); for
  idempotent calls only, since retries by default run a payment twice (Linkerd: opt-in).
- retry.budget: 20 % of calls and 10 a second, over 10 s (Finagle, taken over by Linkerd).
- balance: power of two choices on a peak EWMA of latency (Finagle, Linkerd).
- drain: 25 s, inside the 30 s that Kubernetes grants before it kills.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from crossply_policy.snapshot import Route

FLOOR: Final = Route()
"""The route of an endpoint that no document mentions."""

ENCRYPTION: Final[Literal["off", "permissive", "strict"]] = "off"
"""The compiled default of `encryption`: messages travel unsealed and foreign requests are served."""


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
