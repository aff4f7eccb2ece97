"""The name of a workload: a SPIFFE identity in the one form that this mesh accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from crossply_policy import names

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_is_domain: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch
_LONGEST_DOMAIN: Final = 253
_parts: Final = re.compile(r"spiffe://([^/]*)/t/([^/]*)/svc/([^/]*)").fullmatch
_SHOWN: Final = 120

AUTHORITY: Final = "authority"
BROKER: Final = "broker"
REGISTRY: Final = "registry"
OWN: Final = frozenset({AUTHORITY, BROKER, REGISTRY})
"""The mesh's own processes: no token and no operator makes one of these."""


class IdentityFault(ValueError):
    """A text is no identity; the message says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A service of a tenant in a trust domain; an instance is not in it."""

    trust_domain: str
    tenant: str
    service: str

    def __str__(self) -> str:
        return f"spiffe://{self.trust_domain}/t/{self.tenant}/svc/{self.service}"


def parse(text: str) -> Identity:
    """Return the identity of a URI; raise IdentityFault. Nothing is normalised: a look-alike is another name."""
    found = _parts(text)
    if found is None:
        raise IdentityFault(f"{_shown(text)} is not spiffe://<trust domain>/t/<tenant>/svc/<service>")
    try:
        return Identity(trust_domain(found[1]), names.service(found[2]), names.service(found[3]))
    except ValueError as fault:
        why = str(fault).encode("ascii", "backslashreplace").decode()
        raise IdentityFault(f"{_shown(text)} is no identity: {why}") from fault


def trust_domain(text: str) -> str:
    """Return the text if it names a trust domain: lower-case labels, no port, no final dot; raise IdentityFault."""
    if len(text) <= _LONGEST_DOMAIN and _is_domain(text):
        return text
    raise IdentityFault(f"{_shown(text)} is not a trust domain; write a lower-case domain name such as mesh.local")


def _shown(text: str) -> str:
    # In ASCII, so that a look-alike letter is seen for what it is.
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
