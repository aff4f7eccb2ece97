"""How a moment is shown: in UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: float, never: str = "") -> str:
    """Return unix seconds as a date and a time; ``never`` for 0."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}" if seconds else never
