"""Which version of a distribution is installed."""

from __future__ import annotations

from importlib import metadata


def version(distribution: str, otherwise: str = "not installed") -> str:
    """Return the version, or ``otherwise``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return otherwise
