"""Where keys lie in the tenant's bucket."""

from __future__ import annotations


def public_keys(service: str) -> str:
    """Return where the public keys of a service lie."""
    return f"keys.{service}"
