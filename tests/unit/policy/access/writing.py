"""Short ways to write `Access` documents in tests."""

from __future__ import annotations

from crossply_policy.access.language import ACCESS
from crossply_policy.access.rules import Access, compile_access
from crossply_policy.access.spec import AccessSpec
from crossply_policy.documents import Document
from crossply_policy.faults import Faults, PolicyInvalid


def to(service: str = "orders", **more: object) -> dict[str, object]:
    """Return a target that is a service."""
    return {"service": service, **more}


def on(channel: str, *actions: str) -> dict[str, object]:
    """Return a target that is a channel."""
    return {"channel": channel, "actions": list(actions or ("publish", "subscribe"))}


def said(effect: str, callers: object, *targets: object, **more: object) -> dict[str, object]:
    """Return a spec as plain data."""
    return {"effect": effect, "from": callers, "to": list(targets), **more}


def read(spec: object) -> AccessSpec:
    """Return the spec; raise PolicyInvalid."""
    faults = Faults()
    found = ACCESS.read(spec, "spec", faults)
    if faults or not isinstance(found, AccessSpec):
        raise faults.invalid()
    return found


def faults_of(spec: object) -> dict[str, str]:
    """Return the faults of a spec by path; none where it is well."""
    try:
        read(spec)
    except PolicyInvalid as invalid:
        return {fault.path: fault.detail for fault in invalid.faults}
    return {}


def documents(**specs: dict[str, object]) -> list[Document]:
    """Return documents by name; `_` in a name stands for `-`."""
    return [Document(kind="Access", name=name.replace("_", "-"), spec=read(spec)) for name, spec in specs.items()]


def access(**specs: dict[str, object]) -> Access:
    """Return documents, compiled."""
    return compile_access(documents(**specs))
