"""The version of the installed distribution."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """Return the version, ``0.0.0`` when run from a tree that is not installed."""
    try:
        return metadata.version("crossply")
    except metadata.PackageNotFoundError:
        return "0.0.0"
