"""How much of everything one HTTP client gets."""

from __future__ import annotations

from dataclasses import dataclass

from crossply_policy.defaults import LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Sizes in bytes, durations in seconds.

    ``header_timeout`` runs from a head's first byte, ``body_timeout`` from its last, ``idle_timeout``
    between requests; who does not read an answer for ``write_timeout`` is dropped. After a refusal the rest
    of what the client sends is read and thrown away for ``linger``, so that no reset swallows the refusal.
    ``buffered`` is how much a client may send ahead while its request is being answered.
    """

    request_line: int = 8 * 1024
    header: int = 16 * 1024
    fields: int = 64
    body: int = LIMITS.body
    buffered: int = 64 * 1024
    connections: int = 1024
    header_timeout: float = 5.0
    body_timeout: float = 30.0
    idle_timeout: float = 30.0
    write_timeout: float = 30.0
    linger: float = 1.0
