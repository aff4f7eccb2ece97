"""Why a sealed message was not opened: for the audit stream and this side's log, never for the sender."""

from __future__ import annotations

from enum import StrEnum

from crossply.wire.envelope import EnvelopeFault


class Reason(StrEnum):
    """The check that failed, in the order in which they are made; the whole, closed set."""

    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    STALE = "stale"
    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_INVALID = "credential_invalid"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_REVOKED = "credential_revoked"
    KEY_UNKNOWN = "key_unknown"
    TOO_MANY_SESSIONS = "too_many_sessions"
    FORGED = "forged"
    REPLAYED = "replayed"
    MISDIRECTED = "misdirected"
    REFUSED = "refused"


class SealFault(EnvelopeFault):
    """A message that cannot be trusted; ``reason`` says which check it did not pass."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class SessionSpent(Exception):
    """A session has sealed as many messages as one key may; the next needs a new session."""


class NotOurs(RuntimeError):
    """Keys were used in another process than they were made in: a fork, or a copy, of one that seals.

    A child that is to seal needs an instance, and so keys, of its own: start its mesh after the fork.
    """
