"""The part of a broker's configuration that has it ask the authority what each connection may."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CALLOUT_ACCOUNT: Final = "AUTH"
ACCOUNTS_FILE: Final = "accounts.conf"
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


def included() -> str:
    """Return what stands for the accounts where they are in a file of their own, as tenants come later."""
    return f'include "{ACCOUNTS_FILE}"\n'


def render(callout: Callout, *, system: str, timeout: int) -> str:
    """Return what has a broker ask; `timeout` seconds."""
    return f"""\
system_account: {system}
authorization {{
  # How long the authority may take to answer, and whoever connects waits for it.
  timeout: {timeout}
  # No allowed_accounts here: a broker would have to be restarted for another tenant.
  auth_callout {{
    issuer: {callout.issuer}
    account: {CALLOUT_ACCOUNT}
    auth_users: [ {callout.user} ]
  }}
}}
"""


def accounts(callout: Callout, meshes: Sequence[str], *, system: str, memory: int, file: int) -> str:
    """Return the accounts: one for each of `meshes`, which share the bounds of the store, in bytes, alike."""
    made = "".join(
        f"""\
  "{mesh}" {{
    jetstream {{
      max_mem: {memory // len(meshes)}
      max_file: {file // len(meshes)}
    }}
  }}
"""
        for mesh in meshes
    )
    return f"""\
accounts {{
  {system} {{}}
  {CALLOUT_ACCOUNT} {{
    users: [ {{ nkey: {callout.user} }} ]
  }}
{made}}}
"""
