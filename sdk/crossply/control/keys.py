"""Where what data planes read lies in a tenant's key-value bucket: the policy feed, and what is revoked."""

from __future__ import annotations

HEAD = "head"
REVOKED = "revoked"


def record(generation: int, revision: int) -> str:
    """The change record of a revision."""
    return f"records.{generation}.{revision}"


def checkpoint(generation: int, revision: int) -> str:
    """The signed manifest at a revision; revision 0 of a generation always has one."""
    return f"checkpoints.{generation}.{revision}"


def document(kind: str, name: str, digest: str) -> str:
    """A document's canonical bytes; never rewritten, as its digest is part of the key."""
    return f"docs.{kind}.{name}.{digest}"
