"""The part of a broker's configuration that has it ask the authority what each connection may."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CALLOUT_ACCOUNT: Final = "AUTH"
_NKEY: Final = re.compile(r"[A-Z2-7]{56}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Callout:
    """The nkeys of whom a broker asks: the account that signs the answers, and the user that brings them."""

    issuer: str
    user: str

    def faults(self) -> list[str]:
        """Return one line for each that is not what it should be."""
        named = (("A", self.issuer), ("U", self.user))
        return [
            f"callout: {nkey!r} is not an nkey that begins with {letter}"
            for letter, nkey in named
            if not _NKEY.fullmatch(nkey) or nkey[0] != letter
        ]


def render(callout: Callout, *, system: str, mesh: str, memory: int, file: int, timeout: int) -> str:
    """Return the accounts `system` and `mesh` and the callout; the bounds of the store in bytes, `timeout` seconds."""
    return f"""\
accounts {{
  {system} {{}}
  {CALLOUT_ACCOUNT} {{
    users: [ {{ nkey: {callout.user} }} ]
  }}
  {mesh} {{
    jetstream {{
      max_mem: {memory}
      max_file: {file}
    }}
  }}
}}
system_account: {system}
authorization {{
  # How long the authority may take to answer, and whoever connects waits for it.
  timeout: {timeout}
  auth_callout {{
    issuer: {callout.issuer}
    account: {CALLOUT_ACCOUNT}
    auth_users: [ {callout.user} ]
  }}
}}
"""
